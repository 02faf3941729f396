"""Of a live picture, which frames are looked at: as many as the eye keeps up with, the others are counted.

Knows nothing of pixels, workers or where frames come from.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from sensorium.budgets import BY_STAGE
from sensorium.clock import Clock
from sensorium.metrics import Counters
from sensorium.quality import Controller, Ladder, Rung, Thinning

# The eye takes one size of picture, so what can be saved is looks. A look costs the same on every rung.
LADDER = Ladder(
    "vision",
    (Rung("every frame", 1), Rung("every 2nd", 2), Rung("every 5th", 5), Rung("every 10th", 10)),
)

T = TypeVar("T")


class Frames:
    """One live picture. Skipped frames are `skipped_frames_total{why}`."""

    def __init__(self, clock: Clock, counters: Counters) -> None:
        self.quality = Controller(LADDER)
        self._clock = clock
        self._counters = counters
        self._thinning = Thinning()

    async def look(self, look: Callable[[], Awaitable[T]]) -> T | None:
        """What `look` gives, or None at once when this one is left out. Raises what `look` raises."""
        if not self._thinning.takes(self.quality.handle(self._clock.now_s()).value):
            self._counters.add("skipped_frames_total", why="quality")
            return None
        started_s = self._clock.now_s()
        try:
            return await look()
        finally:
            now_s = self._clock.now_s()
            self.quality.add((now_s - started_s) * 1000.0 / BY_STAGE["vision.frame"].ms, now_s)
            self.quality.handle(now_s)
