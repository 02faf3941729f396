"""Where utterances begin, pause and end, and what was said in them: one stream of 16 kHz sound.

Counts in samples and has no clock. Knows nothing of turns, of sockets, or which engine makes the words.
"""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sensorium.hearing.bridge import SpeechToText, check_pcm
from sensorium.hearing.encoder import SAMPLE_RATE_HZ
from sensorium.hearing.vad import WINDOW_SAMPLES
from sensorium.metrics import Counters

WINDOW_MS = WINDOW_SAMPLES * 1000 // SAMPLE_RATE_HZ


class VoiceActivity(Protocol):
    def feed(self, window: NDArray[np.float32]) -> float: ...

    def reset(self) -> None: ...


class SpeechStarted(NamedTuple):
    at_sample: int


class Words(NamedTuple):
    """All words of the utterance so far. `until_sample`: the last speech that they can come from."""

    text: str
    until_sample: int


class SpeechPaused(NamedTuple):
    """`at_sample`: where the speech ended. Repeats as the silence grows."""

    at_sample: int
    silence_ms: int
    p_end: float


class SpeechResumed(NamedTuple):
    at_sample: int


Event = SpeechStarted | Words | SpeechPaused | SpeechResumed


class Limits(NamedTuple):
    """When something counts as speech or as silence, in windows of 32 ms.

    `utterance_end` must not be longer than the shortest silence that ends a turn: what comes after a turn was
    answered is then always a new utterance, and nobody hears the old words twice.
    """

    p_speech: float = 0.5
    p_silence: float = 0.35
    onset: int = 2
    pre_roll: int = 10
    pause: int = 3
    utterance_end: int = 15
    last_pause: int = 75
    longest_utterance: int = 940


class Listener:
    """Feed sound in any pieces, get events in the order in which they happened."""

    def __init__(
        self, stt: SpeechToText, vad: VoiceActivity, counters: Counters, limits: Limits | None = None
    ) -> None:
        self._stt = stt
        self._vad = vad
        self._counters = counters
        self._limits = limits or Limits()
        self._pending = np.zeros(0, np.float32)
        self._position = 0  # of the next window's first sample
        self._before: deque[NDArray[np.float32]] = deque(maxlen=self._limits.pre_roll + self._limits.onset)
        self._rising = 0
        self._open = False  # an utterance is under way, maybe in a pause
        self._silent = self._limits.last_pause  # windows since the last speech; 0 while speaking
        self._utterance_windows = 0
        self._speech_end = 0
        self._text = ""

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
            return self._paused()
        events = self._begin(self._position - self._rising * WINDOW_SAMPLES)
        sound = np.concatenate(self._before)
        self._before.clear()
        return events + self._hear(sound)

    def _begin(self, at_sample: int) -> list[Event]:
        self._counters.add("bridge_calls_total", kind="stt")
        self._stt.reset()
        self._open, self._silent, self._rising, self._utterance_windows = True, 0, 0, 0
        self._speech_end = self._position
        self._text = ""
        return [SpeechStarted(at_sample)]

    def _hear(self, sound: NDArray[np.float32]) -> list[Event]:
        return self._words(self._stt.feed(sound))

    def _finish(self) -> list[Event]:
        events = self._words(self._stt.finish())
        self._stt.reset()
        self._open = False
        return events

    def _words(self, text: str) -> list[Event]:
        if text == self._text:
            return []
        self._text = text
        return [Words(text, self._speech_end)]

    def _paused(self) -> list[Event]:
        if not self._limits.pause <= self._silent < self._limits.last_pause:
            return []
        silence_ms = self._silent * WINDOW_MS
        return [SpeechPaused(self._speech_end, silence_ms, p_end(silence_ms))]


def p_end(silence_ms: float) -> float:
    """How likely it is that the sentence is finished, from the silence alone. With the standard endpointing
    (240 to 1,200 ms) a turn ends after about 530 ms."""
    return 1.0 / (1.0 + math.exp(-(silence_ms - 480.0) / 60.0))
