"""Counters and short distributions of one process, as plain numbers that travel in a record.

Knows nothing of exporters: Prometheus text is made where it is served.
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Iterable


class Counters:
    """Named totals that only grow, e.g. `bridge_calls_total{kind=stt}`."""

    def __init__(self) -> None:
        self._totals: dict[str, int] = defaultdict(int)

    def add(self, name: str, amount: int = 1, **labels: str) -> None:
        self._totals[_key(name, labels)] += amount

    def get(self, name: str, **labels: str) -> int:
        return self._totals.get(_key(name, labels), 0)

    def snapshot(self) -> dict[str, int]:
        return dict(sorted(self._totals.items()))


class Window:
    """The last `size` measurements of one quantity, for medians and tails."""

    def __init__(self, size: int = 512) -> None:
        self._values: deque[float] = deque(maxlen=size)

    def add(self, value: float) -> None:
        self._values.append(value)

    def summary(self) -> dict[str, float]:
        return summarize(self._values)


def percentile(values: Iterable[float], share: float) -> float:
    """Nearest-rank percentile, so that a p99 is always a value that was measured."""
    ordered = sorted(values)
    if not ordered:
        return math.nan
    rank = max(1, math.ceil(share * len(ordered)))
    return ordered[rank - 1]


def summarize(values: Iterable[float]) -> dict[str, float]:
    """p50, p95, p99, max and count; empty input gives only `count: 0`."""
    kept = list(values)
    if not kept:
        return {"count": 0}
    return {
        "p50": percentile(kept, 0.50),
        "p95": percentile(kept, 0.95),
        "p99": percentile(kept, 0.99),
        "max": max(kept),
        "count": len(kept),
    }


def _key(name: str, labels: dict[str, str]) -> str:
    if not labels:
        return name
    inner = ",".join(f"{k}={v}" for k, v in sorted(labels.items()))
    return f"{name}{{{inner}}}"
