"""A voice made of sines: every letter is a short tone. Obeys the same contract as a real engine."""

from __future__ import annotations

import numpy as np

from sensorium.persona import Voice
from sensorium.speech.bridge import Chunks, check_text, check_voice_name

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
