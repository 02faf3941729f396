"""Time as a parameter, so that everything that waits can be tested without waiting."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Two clocks that must not be mixed: one for durations, one for people."""

    def now_s(self) -> float:
        """Monotonic seconds; on Linux the same in every process of the machine."""
        ...

    def wall_s(self) -> float:
        """Seconds since the epoch."""
        ...

    def utc_offset_s(self) -> int:
        """What people's clocks here add to universal time, now."""
        ...


class SystemClock:
    def now_s(self) -> float:
        return time.monotonic()

    def wall_s(self) -> float:
        return time.time()

    def utc_offset_s(self) -> int:
        return time.localtime().tm_gmtoff


class ManualClock:
    """Moves only when told; for tests and replays."""

    def __init__(self, now_s: float = 0.0, wall_s: float = 1_763_640_000.0, utc_offset_s: int = 0) -> None:
        self._now_s = now_s
        self._wall_s = wall_s
        self._utc_offset_s = utc_offset_s

    def now_s(self) -> float:
        return self._now_s

    def wall_s(self) -> float:
        return self._wall_s

    def utc_offset_s(self) -> int:
        return self._utc_offset_s

    def advance(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("time only moves forward")
        self._now_s += seconds
        self._wall_s += seconds
