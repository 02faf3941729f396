"""What a process's threads did since the last look: queued for a core, ran, waited for the disk.

As Linux counts it in /proc/PID/task/*: memory of the kernel, a few microseconds for each thread.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

_WAITS_FOR_DISK = "D"


class Spent(NamedTuple):
    """`queued_s`: of the thread that had to wait most for a core; `ran_s`: of the one that had one most.
    `reads`: a thread waits for the disk right now."""

    queued_s: float = 0.0
    ran_s: float = 0.0
    reads: bool = False


class CoreTime:
    def __init__(self, pid: int) -> None:
        self._tasks = Path(f"/proc/{pid}/task")
        self._before: dict[str, tuple[int, int]] = {}

    def since_last(self) -> Spent:
        """Nothing at first, when the process is gone, and where the system does not count."""
        before, (self._before, reads) = self._before, self._read()
        pairs = [(before[task], now) for task, now in self._before.items() if task in before]
        return Spent(
            max((now[1] - then[1] for then, now in pairs), default=0) / 1e9,
            max((now[0] - then[0] for then, now in pairs), default=0) / 1e9,
            reads,
        )

    def _read(self) -> tuple[dict[str, tuple[int, int]], bool]:
        """Nanoseconds that each thread ran and queued."""
        found, reads = {}, False
        try:
            for task in self._tasks.iterdir():
                ran, queued, *_ = (task / "schedstat").read_bytes().split()
                found[task.name] = (int(ran), int(queued))
                # The name before the state may hold anything, but for its end.
                state = (task / "stat").read_text(errors="replace").rpartition(") ")[2][:1]
                reads = reads or state == _WAITS_FOR_DISK
        except (OSError, ValueError):
            return {}, False
        return found, reads
