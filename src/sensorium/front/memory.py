"""How much memory each process of the house holds, as the system counts it."""

from __future__ import annotations

import os
from collections.abc import Mapping

import psutil


def by_process(workers: Mapping[str, int]) -> dict[str, float]:
    """Resident MB by process: the front, each worker with its children, and "total". Shared pages count in
    each. A process that has just ended is left out."""
    found = {"front": _rss_mb([psutil.Process(os.getpid())])}
    for name, pid in workers.items():
        try:
            process = psutil.Process(pid)
            found[name] = _rss_mb([process, *process.children(recursive=True)])
        except psutil.NoSuchProcess:
            continue
    return {**found, "total": round(sum(found.values()), 1)}


def _rss_mb(processes: list[psutil.Process]) -> float:
    num_bytes: int = sum(p.memory_info().rss for p in processes)
    return round(num_bytes / 1e6, 1)
