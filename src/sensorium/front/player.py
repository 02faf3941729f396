"""A loudspeaker that exists as time alone: it plays at the speed of sound, and knows what was heard.

For benches, tests and rooms that nobody listens to; a page does the same and reports `Heard`.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from sensorium.clock import Clock

# So much sound may wait to be played before whoever sends it must wait.
MAX_AHEAD_S = 2.0
# Sound leaves in blocks: what was handed over is heard.
BLOCK_S = 0.02
# Of what it notes for whoever measures it, the newest so many.
_KEPT = 4_096


class Pause(NamedTuple):
    """A reply that was held, and went on or was cleared."""

    turn_id: int
    start_s: float
    end_s: float


class Silence(NamedTuple):
    """From `hold` or `clear` on; `fell_s` is when the last block that was under way had been played."""

    turn_id: int
    asked_s: float
    fell_s: float


class Player:
    """A `Publisher`. `begun` is set by each turn's first sound; `underruns` counts how often it had nothing
    to play in the middle of a reply."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turn_id = 0
        self._rate_hz = 16_000
        self._num_given = 0
        self._num_played = 0
        self._playing_since_s: float | None = None
        self._changed = asyncio.Event()
        self._held_id = 0
        self._cleared_id = 0  # ids only grow: this one and all before it
        self.begun = asyncio.Event()
        self.first_sound_s: dict[int, float] = {}
        self.underruns = 0
        self.silences: list[Silence] = []
        self.pauses: list[Pause] = []
        self._held_since_s = 0.0
        self._last_held = (0, 0)

    async def send_audio(self, turn_id: int, pcm: bytes, sample_rate_hz: int) -> None:
        if turn_id <= self._cleared_id:
            return
        now_s = self._clock.now_s()
        if turn_id != self._turn_id:
            self._begin(turn_id, sample_rate_hz, now_s)
        elif self._playing_since_s is not None and self._played(now_s) == self._num_given:
            self.underruns += 1
            self._num_played, self._playing_since_s = self._num_given, now_s
        self._num_given += len(pcm) // 2
        while self._ahead_s() > MAX_AHEAD_S and turn_id > self._cleared_id:
            await self._wait(self._ahead_s() - MAX_AHEAD_S)

    async def played(self, turn_id: int) -> None:
        while turn_id == self._turn_id and turn_id > self._cleared_id and self._ahead_s() > 0:
            await self._wait(self._ahead_s())

    def heard_samples(self, turn_id: int) -> int:
        return self._played(self._clock.now_s()) if turn_id == self._turn_id else 0

    async def hold(self, turn_id: int) -> None:
        if turn_id == self._held_id:
            return
        self._held_id, self._held_since_s = turn_id, self._clock.now_s()
        if turn_id != self._turn_id or self._playing_since_s is None:
            return
        block = round(BLOCK_S * self._rate_hz)
        played = -(-self._played(self._clock.now_s()) // block) * block
        self._num_played = min(played, self._num_given)
        self._playing_since_s = None
        self._last_held = (turn_id, self._num_played)
        self._note_silence(turn_id)

    async def resume(self, turn_id: int) -> None:
        if turn_id != self._held_id:
            return
        self._end_hold()
        if turn_id == self._turn_id and self._playing_since_s is None:
            self._playing_since_s = self._clock.now_s()
            self._changed.set()

    async def clear(self, turn_id: int) -> None:
        await self.hold(turn_id)
        self._end_hold()
        self._cleared_id = max(self._cleared_id, turn_id)
        self._changed.set()

    def last_heard_samples(self, turn_id: int) -> int:
        """How far the turn had come when it was held last."""
        held_id, num_played = self._last_held
        return num_played if held_id == turn_id else 0

    def _end_hold(self) -> None:
        self.pauses.append(Pause(self._held_id, self._held_since_s, self._clock.now_s()))
        self._held_id = 0
        del self.pauses[:-_KEPT]

    def _begin(self, turn_id: int, rate_hz: int, now_s: float) -> None:
        self._turn_id, self._rate_hz = turn_id, rate_hz
        self._num_given = self._num_played = 0
        self._playing_since_s = None if turn_id == self._held_id else now_s
        self.first_sound_s[turn_id] = now_s
        if len(self.first_sound_s) > _KEPT:
            del self.first_sound_s[next(iter(self.first_sound_s))]
        self.begun.set()

    def _played(self, now_s: float) -> int:
        if self._playing_since_s is None:
            return self._num_played
        played = self._num_played + int((now_s - self._playing_since_s) * self._rate_hz)
        return min(played, self._num_given)

    def _ahead_s(self) -> float:
        return (self._num_given - self._played(self._clock.now_s())) / self._rate_hz

    def _note_silence(self, turn_id: int) -> None:
        now_s = self._clock.now_s()
        self.silences.append(Silence(turn_id, now_s, now_s + BLOCK_S))
        del self.silences[:-_KEPT]

    async def _wait(self, seconds: float) -> None:
        self._changed.clear()
        try:
            async with asyncio.timeout(max(0.001, seconds)):
                await self._changed.wait()
        except TimeoutError:
            pass
