"""The room's loudspeaker: one voice, many ears, none of which can hold it up. Knows nothing of sockets.

One `Player`, which is time alone, paces every reply; a listener is given each piece when it comes and sees to
it itself that it is played. What was heard of a reply is the word of the listener who leads its turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from sensorium.clock import Clock
from sensorium.dialogue.turn import Turns
from sensorium.front.happenings import Tell
from sensorium.front.player import Player
from sensorium.front.publisher import Publisher
from sensorium.wire.events import Cleared, Held, Resumed

# A listener whose last word is older has perhaps gone; the player's word counts then.
REPORT_S = 1.0


class Piece(NamedTuple):
    """`pcm`: mono s16le, the samples of the turn from number `first_sample` on."""

    turn_id: int
    persona_id: str
    sample_rate_hz: int
    first_sample: int
    pcm: bytes


class Listener:
    """`take` is called with every piece; it must neither wait nor raise. Made by `Audience.listening`."""

    def __init__(self, clock: Clock, take: Callable[[Piece], None]) -> None:
        self.take = take
        self._clock = clock
        self._turn_id = 0
        self._samples = 0
        self._said_s = 0.0

    def heard(self, turn_id: int, samples: int) -> None:
        """So many samples of the turn have really been played here until now."""
        if turn_id > self._turn_id:
            self._turn_id, self._samples = turn_id, 0
        if turn_id == self._turn_id:
            self._samples, self._said_s = max(self._samples, samples), self._clock.now_s()

    def report(self, turn_id: int, since_s: float) -> int | None:
        """What was heard of the turn; None when nothing was said of it since then."""
        return self._samples if turn_id == self._turn_id and self._said_s >= since_s else None


class Audience:
    """Tells when a reply is held, goes on or is cleared."""

    def __init__(self, clock: Clock, turns: Turns, tell: Tell) -> None:
        self._clock = clock
        self._turns = turns
        self._tell = tell
        self._player = Player(clock)
        self._listeners: list[Listener] = []
        self._turn_id = 0
        self._num_sent = 0
        self._cleared_id = 0
        self._silent_since_s: float | None = None

    @contextmanager
    def listening(self, take: Callable[[Piece], None]) -> Iterator[Listener]:
        """Inside, `take` is given all that is said in the room."""
        listener = Listener(self._clock, take)
        self._listeners.append(listener)
        try:
            yield listener
        finally:
            self._listeners.remove(listener)

    def led_by(self, listener: Listener) -> Publisher:
        """For the turns of that listener: everybody hears them; how far is what that one reports."""
        return _Led(self, listener)

    def to_all(self) -> Publisher:
        """For turns that nobody asked for: how far they were heard is what the player reckons."""
        return _Led(self, None)

    async def send(self, turn_id: int, pcm: bytes, sample_rate_hz: int) -> None:
        if turn_id <= self._cleared_id:
            return
        if turn_id != self._turn_id:
            self._turn_id, self._num_sent, self._silent_since_s = turn_id, 0, None
        turn = self._turns.current
        persona_id = turn.persona_id if turn is not None and turn.turn_id == turn_id else ""
        piece = Piece(turn_id, persona_id, sample_rate_hz, self._num_sent, pcm)
        self._num_sent += len(pcm) // 2
        for listener in tuple(self._listeners):
            listener.take(piece)
        await self._player.send_audio(turn_id, pcm, sample_rate_hz)

    async def played(self, turn_id: int) -> None:
        await self._player.played(turn_id)

    def heard_samples(self, turn_id: int, listener: Listener | None) -> int:
        """Never more than was sent."""
        silent_s = self._clock.now_s() if self._silent_since_s is None else self._silent_since_s
        if turn_id != self._turn_id:
            return 0
        reported = listener.report(turn_id, silent_s - REPORT_S) if listener is not None else None
        heard = self._player.heard_samples(turn_id) if reported is None else reported
        return min(heard, self._num_sent)

    async def hold(self, turn_id: int) -> None:
        self._note_silence()
        self._tell(Held(turn_id))
        await self._player.hold(turn_id)

    async def resume(self, turn_id: int) -> None:
        self._silent_since_s = None
        self._tell(Resumed(turn_id))
        await self._player.resume(turn_id)

    async def clear(self, turn_id: int) -> None:
        self._note_silence()
        self._cleared_id = max(self._cleared_id, turn_id)
        self._tell(Cleared(turn_id))
        await self._player.clear(turn_id)

    def _note_silence(self) -> None:
        if self._silent_since_s is None:
            self._silent_since_s = self._clock.now_s()


class _Led:
    """A `Publisher`."""

    def __init__(self, audience: Audience, listener: Listener | None) -> None:
        self._audience = audience
        self._listener = listener
        self.send_audio = audience.send
        self.played = audience.played
        self.hold = audience.hold
        self.resume = audience.resume
        self.clear = audience.clear

    def heard_samples(self, turn_id: int) -> int:
        return self._audience.heard_samples(turn_id, self._listener)
