"""Given nano as it ships, when it says a sentence in its own voice and in others, then as it was kept.

Other processors round differently, and then now and then another code is the likeliest: so what is compared
is how long, how high and of what colour the sound is, not its samples.
"""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="pitch and colour are measured with torch")

from training.golden_voices import BASE, FOLDER, SENTENCE, voices
from training.judge import to_float
from training.timbre import distance, timbre

from sensorium.audio import read_wav
from sensorium.bundles.catalogue import find
from sensorium.clock import ManualClock
from sensorium.tuning.preview import speak, words_of

BUNDLE = find("nano")
# Shares of the length and of the pitch, and nats of the envelope (between two voices there are 0.2 and more).
LENGTH, PITCH, COLOUR = 0.1, 0.05, 0.1


def kept(name: str) -> np.ndarray:
    sound = read_wav(FOLDER / f"{name}.wav")
    assert sound.sample_rate_hz == 16_000
    return sound.samples


@pytest.mark.parametrize("name", sorted(voices(BUNDLE)))
def test_a_sentence_sounds_as_it_was_kept(name: str) -> None:
    spoken = speak(BUNDLE, words_of(SENTENCE), voices(BUNDLE)[name], ManualClock())
    sound, golden = to_float(spoken.samples), kept(name)
    # then it ends by itself, as long, as high and of the same colour
    assert spoken.ended
    assert len(sound) == pytest.approx(len(golden), rel=LENGTH)
    measured, wanted = timbre([sound]), timbre([golden])
    assert measured.f0_hz == pytest.approx(wanted.f0_hz, rel=PITCH)
    assert distance(measured, wanted) < COLOUR


def test_the_kept_voices_are_not_the_same() -> None:
    base, *others = (timbre([kept(name)]) for name in [BASE, *sorted(set(voices(BUNDLE)) - {BASE})])
    assert all(distance(base, other) > 2 * COLOUR for other in others)


def test_it_says_a_name_that_is_in_no_list() -> None:
    """given a word that the mind has to spell in letters and in sounds"""
    spoken = speak(BUNDLE, words_of("my name is zorblax"), None, ManualClock())
    assert spoken.ended and 0.8 < len(spoken.samples) / 16_000 < 6.0
