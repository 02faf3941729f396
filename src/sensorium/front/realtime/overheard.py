"""A reply of the session's persona that its client did not ask for: it speaks on after another persona.

The client has it as the room does, in its own format, whoever leads the turn. Knows nothing of events.
"""

from __future__ import annotations

from sensorium.front.audience import Listener, Piece
from sensorium.front.realtime.sound import RATE_HZ, Format, Resampler, from_pcm


class Overheard:
    """Of one turn; `response_id` is what it is in the session."""

    def __init__(self, turn_id: int, response_id: str, audio_format: Format, listener: Listener) -> None:
        self.turn_id = turn_id
        self.response_id = response_id
        self._format = audio_format
        self._listener = listener
        self._resampler: Resampler | None = None
        self._rate_hz = 0

    def hear(self, piece: Piece) -> bytes:
        if self._resampler is None:
            self._rate_hz = piece.sample_rate_hz
            self._resampler = Resampler(self._rate_hz, RATE_HZ[self._format])
        return from_pcm(self._resampler.feed(piece.pcm), self._format)

    def rest(self) -> bytes:
        """Once nothing more will come."""
        return from_pcm(self._resampler.flush(), self._format) if self._resampler is not None else b""

    def ms_of(self, samples: int) -> float:
        """How long so many samples of the reply are, once it sounds."""
        return 1000.0 * samples / self._rate_hz if self._rate_hz else 0.0

    def heard_until(self, ms: int) -> None:
        """So much was played; it counts where the client leads the turn."""
        self._listener.heard(self.turn_id, ms * self._rate_hz // 1000)
