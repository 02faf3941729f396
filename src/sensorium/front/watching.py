"""A camera: frames come at its own rate, what they show stands in everybody's view.

The newest frame wins and nothing is ever waited for: while one is looked at, those that come are replaced by
the next. Knows nothing of pixels; whether a frame shows anything new is the vision worker's to say.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import NamedTuple

from sensorium.clock import Clock
from sensorium.errors import BadInput, SensoriumError
from sensorium.front.background import all_of
from sensorium.front.frames import Frames
from sensorium.front.room import RoomState
from sensorium.front.vision_link import Sight, VisionLink
from sensorium.metrics import Counters
from sensorium.refusals import RefusalLog
from sensorium.trace import Stage, Trace

# A camera's frame as JPEG; still pictures may be larger.
MAX_FRAME_BYTES = 4_000_000
# What a camera showed last is forgotten so long after its last frame.
FORGET_S = 10.0
_MAX_FRAMES_PER_S = 30


class _Frame(NamedTuple):
    number: int
    data: bytes
    received_s: float


class Camera:
    """The frames of the room's camera, looked at one after the other, at most 30 a second, fewer where
    `frames` finds that the eye is slow.

    Counts `frames_total` and `skipped_frames_total{why}`: "busy" (a newer one came first), "quality" (the
    ladder's), "gate" (nothing new), "bad" (no picture), "failed" (the worker died or hung).
    """

    def __init__(
        self,
        vision: VisionLink,
        room: RoomState,
        clock: Clock,
        trace: Trace,
        counters: Counters,
        refusals: RefusalLog,
        frames: Frames,
    ) -> None:
        self._min_interval_s = 1.0 / _MAX_FRAMES_PER_S
        self._frames = frames
        self._vision = vision
        self._room = room
        self._clock = clock
        self._trace = trace
        self._counters = counters
        self._refusals = refusals
        self._waiting: _Frame | None = None
        self._running = self._over = False
        self._wakes = asyncio.Event()
        self._last: Sight | None = None  # of the camera, whatever else came into view

    async def run(
        self, frames: AsyncIterator[bytes], looked: Callable[[int], None] = lambda number: None
    ) -> None:
        """`frames`: JPEG files. Returns when they end and the last one was looked at. `looked` is called with
        the number of each frame that came into view, from 0 as they came.

        A frame that is no picture, or that the worker fails at, is skipped; what was in view stays. Returns
        also when the recipe switches vision off. Raises BadInput when a camera runs already or vision is off,
        and what `frames` raises.
        """
        self._room.check_sense("vision")
        if self._running:
            raise BadInput("a camera is watching already", remedy="stop it first")
        self._running, self._over, self._waiting = True, False, None
        self._wakes.clear()
        try:
            await all_of([self._take(frames), self._look_on(looked)])
        finally:
            self._running = False

    async def _take(self, frames: AsyncIterator[bytes]) -> None:
        number = -1
        async for data in frames:
            if not self._room.room.recipe.senses.vision:
                break
            number += 1
            self._counters.add("frames_total")
            if not isinstance(data, bytes) or len(data) > MAX_FRAME_BYTES:
                self._refuse(BadInput(f"a frame is a JPEG file of at most {MAX_FRAME_BYTES:,} bytes"))
            else:
                if self._waiting is not None:
                    self._skip("busy")
                self._waiting = _Frame(number, data, self._clock.now_s())
                self._wakes.set()
            # A source that never waits would let nobody look.
            await asyncio.sleep(0)
        self._over = True
        self._wakes.set()

    async def _look_on(self, looked: Callable[[int], None]) -> None:
        while True:
            await self._wakes.wait()
            self._wakes.clear()
            frame, self._waiting = self._waiting, None
            if frame is None:
                if self._over:
                    return
                continue
            if self._over:
                self._wakes.set()
            started_s = self._clock.now_s()
            await self._frames.look(partial(self._look, frame, looked))
            spent_s = self._clock.now_s() - started_s
            if not self._over:
                await asyncio.sleep(min(max(0.0, self._min_interval_s - spent_s), self._min_interval_s))

    async def _look(self, frame: _Frame, looked: Callable[[int], None]) -> None:
        since = self._last if self._room.pictures else None
        try:
            sight, stages = await self._vision.glance(frame.data, since)
        except BadInput as e:
            return self._refuse(e)
        except SensoriumError as e:
            self._skip("failed")
            return self._refusals.note("frame", e.one_line())
        now_s = self._clock.now_s()
        until_s = now_s + FORGET_S
        if since is not None and (sight is None or sight.look_id == since.look_id):
            self._skip("gate")
            self._room.still_sees(since, until_s=until_s)
        elif sight is not None:
            self._last = sight
            self._room.see(sight, until_s=until_s)
            self._trace.add("vision.frame", 0, frame.received_s, now_s)
            looked(frame.number)
        self._trace.extend(Stage("vision", name, 0, start_s, end_s) for name, start_s, end_s in stages)
        return None

    def _refuse(self, error: BadInput) -> None:
        self._skip("bad")
        self._refusals.note("frame", error.one_line())

    def _skip(self, why: str) -> None:
        self._counters.add("skipped_frames_total", why=why)
