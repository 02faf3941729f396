"""What was said and when it ended, and recordings as streams of sound. Knows nothing of who will answer."""

from __future__ import annotations

import asyncio
import hashlib
from bisect import bisect_left
from collections.abc import AsyncIterator
from itertools import groupby
from typing import NamedTuple

from msgspec.structs import replace

from sensorium.clock import Clock
from sensorium.dialogue import names
from sensorium.dialogue.turn_taking import Event
from sensorium.front.links import EarEvent
from sensorium.history import Entry
from sensorium.prompting.view import Rows
from sensorium.trace import Stage
from sensorium.wire.records import UNCLEAR_BELOW, Reconsidered, SpeechStarted, Words

EAR_RATE_HZ = 16_000
PIECE_S = 0.02


class Utterance(NamedTuple):
    """`last_speech_s`: when the last sample of speech was sent to the ear. `decided_s`: when it was clear
    that the person has finished. Both monotonic. `text` is "" when no words were understood.

    `rows`: from a native ear, one for each word of `text`, float32 little-endian, `row_width` numbers each;
    none of words that came `by_bridge`. `confidence` 0 to 1 is that of the words, where the ear gives one.
    `p_answers`: by persona id, how likely the mind thinks that each answers, if it has read just this text.
    """

    text: str
    last_speech_s: float
    decided_s: float
    stages: tuple[Stage, ...] = ()
    rows: bytes = b""
    row_width: int = 0
    confidence: float = 1.0
    by_bridge: bool = False
    p_answers: tuple[tuple[str, float], ...] = ()


class SentLog:
    """When each sample of a stream left the front."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._ends: list[int] = []
        self._times_s: list[float] = []

    def add(self, num_samples: int, now_s: float) -> None:
        self._ends.append((self._ends[-1] if self._ends else 0) + num_samples)
        self._times_s.append(now_s)

    def sent_s(self, ear_sample: int, default_s: float) -> float:
        """When the ear's sample number `ear_sample` (at 16 kHz) was sent; past the end: the last one."""
        if not self._ends:
            return default_s
        wanted = ear_sample * self._sample_rate_hz // EAR_RATE_HZ
        return self._times_s[min(bisect_left(self._ends, wanted), len(self._ends) - 1)]


class HeardSoFar:
    """The rows of all utterances of a turn, the least that any of them could be trusted, and whether a bridge
    was asked."""

    def __init__(self) -> None:
        self._done = b""
        self._rows = b""
        self._trusted = self._least = 1.0
        self.by_bridge = False

    @property
    def rows(self) -> bytes:
        return self._done + self._rows

    @property
    def confidence(self) -> float:
        return min(self._least, self._trusted)

    def take(self, event: EarEvent | Event, rows: bytes) -> None:
        """`rows` are those of the utterance that the event is part of, so far."""
        if isinstance(event, SpeechStarted):
            self._done, self._rows = self.rows, b""
            self._least, self._trusted = self.confidence, 1.0
        elif isinstance(event, Words):
            self._rows, self._trusted = rows, event.confidence
            self.by_bridge = self.by_bridge or event.by_bridge
        elif isinstance(event, Reconsidered):
            self.by_bridge = self.by_bridge or bool(event.text)


def typed(clock: Clock, text: str) -> Utterance:
    """Words that nobody had to hear, said now."""
    now_s = clock.now_s()
    return Utterance(text, now_s, now_s)


def as_heard(utterance: Utterance, text: str) -> tuple[tuple[Rows | str, ...], bytes]:
    """How a mind reads the utterance, and its rows, a part for each: words that `text` spells otherwise than
    the ear did are read as words. What the ear could not make out has none; a bridge's words give ((), b"").
    """
    if utterance.by_bridge:
        return (), b""
    if utterance.confidence < UNCLEAR_BELOW:
        return ("",), b""
    spelt, words = utterance.text.split(), text.split()
    size = 4 * utterance.row_width
    if len(words) != len(spelt) or len(utterance.rows) != size * len(spelt):
        return (), b""
    pieces: list[Rows | str] = []
    kept = b""
    for by_ear, run in groupby(range(len(words)), lambda i: words[i] == spelt[i]):
        places = list(run)
        if not by_ear:
            pieces.append(" ".join(words[i] for i in places))
            continue
        for i in places:
            row = utterance.rows[size * i : size * (i + 1)]
            pieces.append(Rows(hashlib.sha256(row).hexdigest(), 1))
            kept += row
    return tuple(pieces), kept


def as_called(
    name: str, newest: Entry, heard: tuple[Rows | str, ...]
) -> tuple[Entry, tuple[Rows | str, ...]]:
    """The message with the name first, as people call one another, where its words do not call it already.
    What no ear made out stays so."""
    found = names.addressed(newest.text, [name])
    is_called = found is not None and found.rank < names.ABOUT_RANK
    if newest.kind == "event" or is_called or heard == ("",):
        return newest, heard
    return replace(newest, text=f"{name}, {newest.text}"), (name, *heard) if heard else ()


async def at_once(pcm: bytes, sample_rate_hz: int) -> AsyncIterator[bytes]:
    """A recording as fast as the ear takes it, in pieces as from a microphone."""
    step = 2 * round(sample_rate_hz * PIECE_S)
    for at in range(0, len(pcm), step):
        yield pcm[at : at + step]


async def in_real_time(pcm: bytes, sample_rate_hz: int, clock: Clock) -> AsyncIterator[bytes]:
    """A recording at the speed of speech: each piece comes when its last sample would have been spoken."""
    started_s = clock.now_s()
    num_samples = 0
    async for piece in at_once(pcm, sample_rate_hz):
        num_samples += len(piece) // 2
        await asyncio.sleep(max(0.0, started_s + num_samples / sample_rate_hz - clock.now_s()))
        yield piece
