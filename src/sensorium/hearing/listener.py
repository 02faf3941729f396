"""Where utterances begin, pause and end, and what was said in them: one stream of 16 kHz sound.

Counts in samples and has no clock. Knows nothing of turns, of sockets, or which engine makes the words.
"""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sensorium.hearing.encoder import SAMPLE_RATE_HZ
from sensorium.hearing.engine import Engine, Hypothesis, check_pcm
from sensorium.hearing.vad import WINDOW_SAMPLES
from sensorium.metrics import Counters

WINDOW_MS = WINDOW_SAMPLES * 1000 // SAMPLE_RATE_HZ


class VoiceActivity(Protocol):
    def feed(self, window: NDArray[np.float32]) -> float: ...

    def reset(self) -> None: ...


class SpeechSuspected(NamedTuple):
    """The first window that sounds like speech; `SpeechStarted` follows if the next ones do, too."""

    at_sample: int


class SpeechStarted(NamedTuple):
    at_sample: int


class Rows(NamedTuple):
    """Embeddings of the next words of the utterance, float32 (n, width), n >= 1; `first_row` came before."""

    first_row: int
    rows: NDArray[np.float32]


class Words(NamedTuple):
    """All words of the utterance so far. `until_sample`: the last speech that they can come from.
    `by_bridge`: they are a bridge's, so that no `Rows` go with them."""

    text: str
    until_sample: int
    confidence: float
    by_bridge: bool


class Unclear(NamedTuple):
    """The utterance is over and its words cannot be trusted. `sound`: all of it, float32 (n,), 16 kHz.
    `until_sample` as of `Words`."""

    sound: NDArray[np.float32]
    until_sample: int


class SpeechPaused(NamedTuple):
    """`at_sample`: where the speech ended. Repeats as the silence grows."""

    at_sample: int
    silence_ms: int
    p_end: float


class SpeechResumed(NamedTuple):
    at_sample: int


Event = SpeechSuspected | SpeechStarted | Rows | Words | Unclear | SpeechPaused | SpeechResumed


class Limits(NamedTuple):
    """When something counts as speech or as silence, in windows of 32 ms.

    `utterance_end` must not be longer than the shortest silence that ends a turn: what comes after a turn was
    answered is then always a new utterance, and nobody hears the old words twice. A bridge hears whole
    sentences only, so it is given those with their pauses.
    """

    p_speech: float = 0.5
    p_silence: float = 0.35
    onset: int = 2
    pre_roll: int = 10
    pause: int = 3
    utterance_end: int = 6
    last_pause: int = 75
    longest_utterance: int = 940

    @property
    def utterance_end_ms(self) -> int:
        return self.utterance_end * WINDOW_MS


FOR_BRIDGES = Limits(utterance_end=15)


class Listener:
    """Feed sound in any pieces, get events in the order in which they happened. Utterances that the engine
    trusts less than `clear_from` end with `Unclear`."""

    def __init__(
        self,
        engine: Engine,
        vad: VoiceActivity,
        counters: Counters,
        limits: Limits | None = None,
        clear_from: float = 0.0,
    ) -> None:
        self._engine = engine
        self._vad = vad
        self._counters = counters
        self._limits = limits or (FOR_BRIDGES if engine.is_bridge else Limits())
        self._pending = np.zeros(0, np.float32)
        self._position = 0  # of the next window's first sample
        self._before: deque[NDArray[np.float32]] = deque(maxlen=self._limits.pre_roll + self._limits.onset)
        self._rising = 0
        self._open = False  # an utterance is under way, maybe in a pause
        self._silent = self._limits.last_pause  # windows since the last speech; 0 while speaking
        self._utterance_windows = 0
        self._speech_end = 0
        self._text, self._confidence = "", 0.0
        self._num_rows = 0
        self._clear_from = clear_from
        self._sound: list[NDArray[np.float32]] = []  # of the utterance; kept only where it may be unclear

    def feed(self, pcm: NDArray[np.float32]) -> list[Event]:
        """`pcm` float32 (n,), 16 kHz, any n. Raises BadInput for another shape or type."""
        check_pcm(pcm)
        self._pending = np.concatenate([self._pending, pcm])
        events: list[Event] = []
        while len(self._pending) >= WINDOW_SAMPLES:
            window, self._pending = self._pending[:WINDOW_SAMPLES], self._pending[WINDOW_SAMPLES:]
            events += self._window(window)
        return events

    def flush(self) -> list[Event]:
        """No more sound will come: the words of the last utterance, complete."""
        events: list[Event] = []
        if len(self._pending):
            events += self.feed(np.zeros(WINDOW_SAMPLES - len(self._pending), np.float32))
        if self._open:
            events += self._finish()
        self._vad.reset()
        return events

    def _window(self, window: NDArray[np.float32]) -> list[Event]:
        p_speech = self._vad.feed(window)
        start = self._position
        self._position += WINDOW_SAMPLES
        if not self._open:
            return self._idle(window, p_speech)
        events: list[Event] = []
        if p_speech >= self._limits.p_speech or (self._silent == 0 and p_speech > self._limits.p_silence):
            if self._silent >= self._limits.pause:
                events.append(SpeechResumed(start))
            self._silent = 0
            self._speech_end = self._position
        else:
            self._silent += 1
        self._utterance_windows += 1
        events += self._hear(window)
        if self._silent >= self._limits.utterance_end:
            events += self._finish()
        elif self._utterance_windows >= self._limits.longest_utterance:
            events += [*self._finish(), *self._begin(self._position)]
        return events + self._paused()

    def _idle(self, window: NDArray[np.float32], p_speech: float) -> list[Event]:
        self._before.append(window)
        self._silent = min(self._silent + 1, self._limits.last_pause)
        self._rising = self._rising + 1 if p_speech >= self._limits.p_speech else 0
        if self._rising < self._limits.onset:
            suspected = [SpeechSuspected(self._position - WINDOW_SAMPLES)] if self._rising == 1 else []
            return [*suspected, *self._paused()]
        events = self._begin(self._position - self._rising * WINDOW_SAMPLES)
        sound = np.concatenate(self._before)
        self._before.clear()
        return events + self._hear(sound)

    def _begin(self, at_sample: int) -> list[Event]:
        if self._engine.is_bridge:
            self._counters.add("bridge_calls_total", kind="stt")
        self._engine.reset()
        self._open, self._silent, self._rising, self._utterance_windows = True, 0, 0, 0
        self._speech_end = self._position
        self._text, self._confidence = "", 0.0
        self._num_rows = 0
        return [SpeechStarted(at_sample)]

    def _hear(self, sound: NDArray[np.float32]) -> list[Event]:
        if self._clear_from:
            self._sound.append(sound)
        return self._report(self._engine.feed(sound))

    def _finish(self) -> list[Event]:
        heard = self._engine.finish()
        events = self._report(heard)
        if heard.confidence < self._clear_from:
            events.append(Unclear(np.concatenate(self._sound), self._speech_end))
        self._sound.clear()
        self._engine.reset()
        self._open = False
        return events

    def _report(self, heard: Hypothesis) -> list[Event]:
        """Rows first, so that who reads the last words has them all."""
        events: list[Event] = []
        if len(heard.rows):
            events.append(Rows(self._num_rows, heard.rows))
            self._num_rows += len(heard.rows)
        if heard.text != self._text or (heard.text and heard.confidence != self._confidence):
            self._text, self._confidence = heard.text, heard.confidence
            events.append(Words(heard.text, self._speech_end, heard.confidence, self._engine.is_bridge))
        return events

    def _paused(self) -> list[Event]:
        if not self._limits.pause <= self._silent < self._limits.last_pause:
            return []
        silence_ms = self._silent * WINDOW_MS
        return [SpeechPaused(self._speech_end, silence_ms, p_end(silence_ms))]


def p_end(silence_ms: float) -> float:
    """How likely it is that the sentence is finished, from the silence alone, for want of another opinion.
    With the standard endpointing a turn ends after about 390 ms."""
    return 1.0 / (1.0 + math.exp(-(silence_ms - 480.0) / 60.0))
