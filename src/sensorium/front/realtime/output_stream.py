"""A sound that never ends: what is said, in real time, and silence where nothing is. Pure, time is passed in.

For clients that play whatever comes as it comes: nothing is sent ahead of its time, so that a reply which is
cut off is silent at once.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from sensorium.front.realtime.sound import BYTES_PER_SAMPLE, RATE_HZ, SILENCE, Format

# Whoever was not asked for so long, by a loop that stood still, goes on from now.
_MAX_LATE_MS = 1_000.0


class Words(NamedTuple):
    """Words that were said, all of the reply's so far, and when: ms of the stream."""

    text: str
    start_ms: int
    end_ms: int


class OutputStream:
    """Begins at 0 ms. A reply's sound and words are added as they are made, ahead of their time."""

    def __init__(self, audio_format: Format) -> None:
        self._silence = SILENCE[audio_format]
        self._sample_bytes = BYTES_PER_SAMPLE[audio_format]
        self._bytes_per_ms = RATE_HZ[audio_format] * self._sample_bytes / 1000.0
        self._num_given = 0  # bytes of the stream
        self._num_said = 0  # of these, what is no silence
        self._waiting = bytearray()
        self._marks: deque[tuple[int, str]] = deque()  # (of what is said, up to where; words until there)
        self._reply_at = 0  # in what is said
        self._words_at = 0  # in the stream: where the next words begin
        self._held = False

    @property
    def played_ms(self) -> int:
        """How much of the reply was given."""
        return int(max(0, self._num_said - self._reply_at) / self._bytes_per_ms)

    def begin(self) -> None:
        """Another reply; what was not given of the one before is still to come."""
        self._reply_at = self._num_said + len(self._waiting)

    def add(self, data: bytes) -> None:
        """The reply's next piece, in the stream's format."""
        self._waiting += data

    def mark(self, until_ms: float, text: str) -> None:
        """The reply's words so far are `text` when that much of it was given."""
        self._marks.append((self._reply_at + round(until_ms * self._bytes_per_ms), text))

    def end(self) -> None:
        """The reply is all there: no words are later than its last sound."""
        last = self._num_said + len(self._waiting)
        self._marks = deque((min(at, last), text) for at, text in self._marks)

    def hold(self, held: bool) -> None:
        """While held the stream is silent, and keeps what waits."""
        self._held = held

    def drop(self) -> None:
        """What was not given will not be."""
        self._waiting.clear()
        self._marks.clear()
        self._held = False

    def due(self, now_ms: float) -> tuple[bytes, list[Words]]:
        """What sounds until now, and the words that ended in it."""
        end = int(now_ms * self._bytes_per_ms) // self._sample_bytes * self._sample_bytes
        self._num_given = max(self._num_given, end - int(_MAX_LATE_MS * self._bytes_per_ms))
        wanted = max(0, end - self._num_given)
        said = b"" if self._held else bytes(self._waiting[:wanted])
        del self._waiting[: len(said)]
        if self._num_said <= self._reply_at < self._num_said + len(said):
            self._words_at = self._num_given
        self._num_said += len(said)
        self._num_given += wanted
        return said + self._silence * (wanted - len(said)), self._ended_words()

    def _ended_words(self) -> list[Words]:
        words = []
        while self._marks and self._marks[0][0] <= self._num_said and not self._held:
            _, text = self._marks.popleft()
            words.append(Words(text, self._ms(self._words_at), self._ms(self._num_given)))
            self._words_at = self._num_given
        return words

    def _ms(self, at: int) -> int:
        return int(at / self._bytes_per_ms)
