"""The mouth of one turn: text in as it is decoded, samples and the phrases they carry out.

Counts time in samples of the turn. Knows nothing of sockets, engines or other turns.
"""

from __future__ import annotations

from contextlib import closing

import numpy as np

from sensorium.errors import BadInput
from sensorium.metrics import Counters
from sensorium.persona import Voice
from sensorium.speech.bridge import Chunks, TextToSpeech
from sensorium.speech.mouth import FIRST_CHUNK_MS, LATER_CHUNK_MS, Events, Pcm, Phrase, Samples, WordCodes
from sensorium.speech.phrases import PhraseSplitter, is_speakable

SENTENCE_PAUSE_MS, COMMA_PAUSE_MS = 220, 90
# About -56 dB of full scale; espeak-ng's own silence is exact zeros and a little dither.
_SILENCE_LEVEL = 50
_KEPT_LEAD_MS = 3


class BridgedVoice:
    """An `Engine` over text-to-speech. Every phrase is one `bridge_calls_total{kind=tts}`."""

    def __init__(self, bridge: TextToSpeech, counters: Counters) -> None:
        self._bridge = bridge
        self._counters = counters
        self.frames_at_once = 1

    @property
    def ladder(self) -> tuple[int, ...]:
        """It makes whole phrases: there is nothing to choose."""
        return (1,)

    @property
    def engine(self) -> str:
        return self._bridge.engine

    @property
    def sample_rate_hz(self) -> int:
        return self._bridge.sample_rate_hz

    def warm_up(self) -> dict[str, object]:
        for _ in self._bridge.synthesize("ready", Voice()):
            pass
        return {
            "engine": self.engine,
            "sample_rate_hz": self.sample_rate_hz,
            "num_voices": len(self._bridge.list_voices()),
        }

    def open(self, voice: Voice) -> Synthesizer:
        return Synthesizer(self._bridge, voice, self._counters)

    def close(self) -> None:
        self._bridge.close()


class Synthesizer:
    """A `Mouth` that takes text. Raises NotFound now when the engine does not have the voice.

    An error of the engine (see `TextToSpeech.synthesize`) ends the turn.
    """

    def __init__(self, bridge: TextToSpeech, voice: Voice, counters: Counters) -> None:
        bridge.check(voice)
        self._bridge = bridge
        self._voice = voice
        self._counters = counters
        self._splitter = PhraseSplitter()
        self._num_samples = 0
        self._pause_ms = 0

    @property
    def num_samples(self) -> int:
        return self._num_samples

    def feed(self, said: str | WordCodes) -> Events:
        """More words; the events of the phrases that are complete now, each as soon as it happens."""
        if not isinstance(said, str):
            raise BadInput(
                "this voice speaks words, not codes", remedy="start the speech worker with the codec"
            )
        for phrase in self._splitter.feed(said):
            yield from self._speak(phrase, is_last=False)

    def flush(self) -> Events:
        for phrase in self._splitter.flush():
            yield from self._speak(phrase, is_last=True)

    def _speak(self, phrase: str, *, is_last: bool) -> Events:
        start_sample = self._num_samples
        if is_speakable(phrase):
            with closing(self._chunks(phrase, is_last=is_last)) as chunks:
                for samples in chunks:
                    self._num_samples += len(samples)
                    yield Pcm(samples)
            self._pause_ms = 0
        self._pause_ms = max(self._pause_ms, _pause_after_ms(phrase))
        yield Phrase(phrase, start_sample, self._num_samples)

    def _chunks(self, phrase: str, *, is_last: bool) -> Chunks:
        """The pause before the phrase and the phrase, in chunks of the sizes that are sent."""
        self._counters.add("bridge_calls_total", kind="tts")
        # Without a comma an engine would sound as if the sentence ended where only the length cut it.
        text = phrase if is_last or _pause_after_ms(phrase) else phrase + ","
        pending = np.zeros(self._to_samples(self._pause_ms), np.int16)
        has_sound = False
        with closing(self._bridge.synthesize(text, self._voice)) as raw:
            for samples in raw:
                sound = samples if has_sound else self._without_lead(samples)
                has_sound = has_sound or len(sound) > 0
                pending = np.concatenate((pending, sound))
                while has_sound and len(pending) >= (limit := self._chunk_limit()):
                    yield pending[:limit]
                    pending = pending[limit:]
        if has_sound and len(pending):
            yield pending

    def _chunk_limit(self) -> int:
        return self._to_samples(FIRST_CHUNK_MS if self._num_samples == 0 else LATER_CHUNK_MS)

    def _without_lead(self, samples: Samples) -> Samples:
        loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > _SILENCE_LEVEL)
        if not len(loud):
            return samples[:0]
        return samples[max(0, int(loud[0]) - self._to_samples(_KEPT_LEAD_MS)) :]

    def _to_samples(self, ms: int) -> int:
        return self._bridge.sample_rate_hz * ms // 1000


def _pause_after_ms(phrase: str) -> int:
    """What a speaker would leave before going on; none where only the length cut the phrase."""
    ending = phrase.rstrip().rstrip("\"'\u201d\u2019)]")[-1:]
    if phrase.endswith("\n") or ending in tuple(".!?\u2026\u3002\uff01\uff1f"):
        return SENTENCE_PAUSE_MS
    return COMMA_PAUSE_MS if ending in tuple(",;:\u2013\u2014\u3001\uff0c\uff1b\uff1a") else 0
