"""Voices without a model: a bridge whose letters are tones, and a codec whose frames are. For tests."""

from __future__ import annotations

import numpy as np

from sensorium.persona import Voice
from sensorium.speech.bridge import Chunks, check_text, check_voice_name
from sensorium.speech.codec import FRAME_SAMPLES, Codes, check_codes
from sensorium.speech.mouth import Samples

_VOICES = (
    "en",
    "en-029",
    "en-gb",
    "en-gb-scotland",
    "en-gb-x-gbclan",
    "en-gb-x-gbcwmd",
    "en-gb-x-rp",
    "en-us",
)
_VARIANTS = tuple(f"{sex}{number}" for sex in "fm" for number in range(1, 9))
_AMPLITUDE = 8_000
_LATE_SAMPLES = FRAME_SAMPLES * 3 // 2


class FakeTextToSpeech:
    """`TextToSpeech`: one chunk per letter or digit, lower and slower as the voice asks; silence never."""

    engine = "fake"
    sample_rate_hz = 16_000

    def __init__(self) -> None:
        self.is_closed = False

    def list_voices(self) -> list[str]:
        return list(_VOICES)

    def check(self, voice: Voice) -> None:
        check_voice_name(voice.espeak, _VOICES, _VARIANTS)

    def synthesize(self, text: str, voice: Voice) -> Chunks:
        check_text(text)
        self.check(voice)
        num_samples = self.sample_rate_hz * 8 // voice.rate_wpm  # 50 ms at 160 words per minute
        time_s = np.arange(num_samples) / self.sample_rate_hz
        for letter in filter(str.isalnum, text.lower()):
            hz = 150 + 2 * voice.pitch + 20 * (ord(letter) % 32)
            # A cosine is loud from its first sample, so nothing of it is taken for silence.
            yield (_AMPLITUDE * np.cos(2 * np.pi * hz * time_s)).astype(np.int16)

    def close(self) -> None:
        self.is_closed = True


class FakeDecoder:
    """`CodecStream`: a frame is 640 samples of 1 + its first code, as late as those of the real one."""

    def __init__(self) -> None:
        self._waiting = np.zeros(0, np.int16)

    def feed(self, codes: Codes) -> Samples:
        sound = np.repeat(1 + check_codes(codes)[:, 0].astype(np.int16), FRAME_SAMPLES)
        waiting = np.concatenate((self._waiting, sound))
        num_sure = max(0, len(waiting) - _LATE_SAMPLES)
        self._waiting = waiting[num_sure:]
        return waiting[:num_sure]

    def flush(self) -> Samples:
        rest, self._waiting = self._waiting, self._waiting[:0]
        return rest
