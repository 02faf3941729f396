"""Given a live picture, when the eye is slow, then frames are left out and counted, and nobody waits."""

from __future__ import annotations

import pytest

from sensorium.clock import ManualClock
from sensorium.errors import BadInput
from sensorium.front.frames import Frames
from sensorium.metrics import Counters

pytestmark = pytest.mark.anyio


class Eye:
    """Takes as long as it is told, at ten frames a second."""

    def __init__(self, frames: Frames, clock: ManualClock) -> None:
        self._frames, self._clock = frames, clock

    async def run(self, seconds: float, look_ms: float) -> int:
        """How many frames were looked at."""

        async def look() -> bool:
            self._clock.advance(look_ms / 1000.0)
            return True

        found = 0
        for _ in range(round(seconds * 10)):
            found += bool(await self._frames.look(look))
            self._clock.advance(0.1)
        return found


@pytest.fixture
def frames(counters: Counters) -> tuple[Frames, Eye]:
    clock = ManualClock()
    frames = Frames(clock, counters)
    return frames, Eye(frames, clock)


async def test_an_eye_that_is_fast_enough_sees_every_frame(frames, counters: Counters) -> None:
    _, eye = frames
    assert await eye.run(10.0, look_ms=30.0) == 100
    assert counters.snapshot() == {}


async def test_a_slow_one_sees_fewer_and_fewer_and_all_again_in_time(frames, counters: Counters) -> None:
    live, eye = frames
    await eye.run(20.0, look_ms=150.0)
    assert live.quality.rung.name == "every 5th"  # fewer would be too few to judge by
    skipped = counters.get("skipped_frames_total", why="quality")
    assert skipped > 100
    await eye.run(10.0, look_ms=20.0)
    assert live.quality.at == 0
    before = counters.get("skipped_frames_total", why="quality")
    assert await eye.run(1.0, look_ms=20.0) == 10
    assert counters.get("skipped_frames_total", why="quality") == before


async def test_a_frame_that_is_none_does_not_stop_the_others(counters: Counters) -> None:
    frames = Frames(ManualClock(), counters)

    async def broken() -> None:
        raise BadInput("no picture")

    async def look() -> str:
        return "sight"

    with pytest.raises(BadInput):
        await frames.look(broken)
    assert await frames.look(look) == "sight"
