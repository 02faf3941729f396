"""Counters and distributions of one process, as plain numbers that travel in a record.

Knows nothing of exporters: Prometheus text is made where it is served.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any


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
    """The last `size` measurements of one quantity, in no order: for medians and tails."""

    def __init__(self, size: int = 512) -> None:
        self._size = size
        # Plain numbers: as objects they are four times as large, and memory would grow for hours.
        self._values = array("d")
        self._oldest = 0

    def add(self, value: float) -> None:
        if len(self._values) < self._size:
            self._values.append(value)
            return
        self._values[self._oldest] = value
        self._oldest = (self._oldest + 1) % self._size

    def summary(self) -> dict[str, float]:
        return summarize(self._values)


# Upper bounds of a histogram's buckets in ms; every budget is one of them.
BUCKETS_MS = (0.25, 0.5, 1, 2, 5, 10, 16, 25, 40, 50, 80, 100, 150, 250, 500, 1000, 3000)


class Histogram:
    """Of milliseconds: totals in fixed buckets for exporters, and the last measurements for exact tails."""

    def __init__(self, size: int = 2048) -> None:
        self._recent = Window(size)
        self._counts = [0] * (len(BUCKETS_MS) + 1)
        self._sum_ms = 0.0
        self._max_ms = 0.0

    def add(self, ms: float) -> None:
        self._recent.add(ms)
        self._counts[bisect_left(BUCKETS_MS, ms)] += 1
        self._sum_ms += ms
        self._max_ms = max(self._max_ms, ms)

    def summary(self) -> dict[str, float]:
        """p50, p95 and p99 of the last measurements, max and count of all; only `count: 0` without any."""
        count = sum(self._counts)
        if not count:
            return {"count": 0}
        return {**self._recent.summary(), "max": self._max_ms, "count": count}

    def values(self) -> dict[str, Any]:
        """`counts` of the buckets that end at `BUCKETS_MS` and of the one above, each for itself."""
        return {"counts": list(self._counts), "sum_ms": self._sum_ms}


def percentile(values: Iterable[float], share: float) -> float:
    """Nearest-rank percentile, so that a p99 is always a value that was measured."""
    ordered = sorted(values)
    if not ordered:
        return math.nan
    rank = max(1, math.ceil(share * len(ordered)))
    return ordered[rank - 1]


def summarize(values: Iterable[float]) -> dict[str, float]:
    """p50, p95, p99, max and count; empty input gives only `count: 0`."""
    kept = sorted(values)  # once: to sort what is sorted costs next to nothing
    if not kept:
        return {"count": 0}
    return {
        "p50": percentile(kept, 0.50),
        "p95": percentile(kept, 0.95),
        "p99": percentile(kept, 0.99),
        "max": max(kept),
        "count": len(kept),
    }


def rounded(found: Mapping[str, float]) -> dict[str, float]:
    """What `summarize` gave, to a tenth."""
    return {name: round(value, 1) for name, value in found.items()}


def _key(name: str, labels: dict[str, str]) -> str:
    if not labels:
        return name
    inner = ",".join(f"{k}={v}" for k, v in sorted(labels.items()))
    return f"{name}{{{inner}}}"
