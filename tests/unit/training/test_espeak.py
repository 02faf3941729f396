"""Given what espeak-ng says it spoke when, then every sound of a word is the word's own."""

from __future__ import annotations

import pytest

pytest.importorskip("espeakng_loader", reason="training speaks with espeak-ng")

from training.espeak import PhonemeMark, Style, engine, spread


def test_a_sound_that_was_spoken_as_one_with_its_vowel_has_the_last_third() -> None:
    # given "tell sam": the "l" is marked where the next word begins
    marks = [(0, ""), (300, "t"), (400, "'E"), (700, "l"), (700, ""), (720, "s")]
    # then
    assert spread(marks) == [(0, ""), (300, "t"), (400, "'E"), (600, "l"), (700, ""), (720, "s")]


def test_sounds_with_a_time_of_their_own_and_pauses_stay() -> None:
    marks = [(0, ""), (0, "m"), (90, "aI"), (200, ""), (200, "k"), (300, "_:"), (300, "_")]
    assert spread(marks) == marks


@pytest.mark.parametrize("word", ["tell", "bowl", "football", "well", "girl"])
def test_the_last_sound_of_a_word_comes_before_the_next_word(word: str) -> None:
    speech = engine().speak(f"{word} sam", Style())
    next_at = next(mark.sample for mark in speech.words if mark.character == len(word) + 1)
    before = [mark for mark in speech.phonemes if mark.sample < next_at]
    assert before[-1].name == "l"
    assert next(mark for mark in speech.phonemes if mark not in before) == PhonemeMark(
        next(m.sample for m in speech.phonemes if m.name == "s"), "s"
    )
