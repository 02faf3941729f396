"""Given what the ear says of a sound and what was said, then it is known whether and where it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.bundles.catalogue import find
from sensorium.bundles.senses_file import Projection
from sensorium.hearing.encoder import EarModel, Encoder
from sensorium.tuning.alignment import FRAMES_AFTER, MIN_LOG_PROB, agreement, listen, spans


def log_probs(*best: int, words: int = 4) -> np.ndarray:
    """One frame for each number, in which it is by far the likeliest."""
    logits = np.full((len(best), 1 + words), -8.0, np.float32)
    logits[np.arange(len(best)), best] = 0.0
    return logits


def test_words_that_the_ear_heard_agree() -> None:
    assert agreement(log_probs(0, 0, 1, 1, 0, 3, 0, 0), [1, 3]) == pytest.approx(0.0)


def test_a_word_said_twice_needs_a_blank_between() -> None:
    assert agreement(log_probs(0, 2, 2, 0, 2, 0), [2, 2]) == pytest.approx(0.0)
    assert agreement(log_probs(2, 2), [2, 2]) == -np.inf


def test_a_word_that_the_ear_missed_costs() -> None:
    assert agreement(log_probs(0, 1, 0, 0, 0, 3, 0), [1, 2, 3]) == pytest.approx(-8.0 / 3)


def test_too_few_frames_for_so_many_words_are_no_agreement() -> None:
    assert agreement(log_probs(1, 2), [1, 2, 3]) == -np.inf


def states(*phonemes: int, num: int = 5) -> np.ndarray:
    """Frames whose state says which phoneme was so many frames before."""
    rows = [0] * FRAMES_AFTER + list(phonemes)
    return np.eye(num, dtype=np.float32)[rows] * 8.0


def projection(num: int = 5) -> Projection:
    """Reads the last of the four states."""
    weight = np.zeros((num, FRAMES_AFTER * num), np.float32)
    weight[:, -num:] = np.eye(num)
    return Projection(weight, np.zeros(num, np.float32))


def test_each_frame_goes_to_the_phoneme_that_sounds_in_it() -> None:
    found = spans(states(1, 1, 3, 3, 3, 2), [1, 3, 2], projection(), 6)
    assert found == [slice(0, 2), slice(2, 5), slice(5, 6)]


def test_a_phoneme_that_is_not_heard_has_no_frames() -> None:
    found = spans(states(1, 1, 2, 2), [1, 3, 2], projection(), 4)
    assert found == [slice(0, 2), slice(2, 2), slice(2, 4)]


def test_too_few_frames_for_so_many_phonemes_are_no_alignment() -> None:
    assert spans(states(1), [1, 2, 3, 4], projection(), 1) is None
    assert spans(states(), [1], projection(), 0) is None


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=30), st.lists(st.integers(0, 4), min_size=1, max_size=8)
)
def test_no_frame_is_lost_or_dealt_twice(heard: list[int], phonemes: list[int]) -> None:
    found = spans(states(*heard), phonemes, projection(), len(heard))
    if found is None:
        assert len(phonemes) > len(heard)
    else:
        assert [i for span in found for i in range(len(heard))[span]] == list(range(len(heard)))
        assert len(found) == len(phonemes)


def test_phonemes_are_found_where_espeak_says_that_they_are() -> None:
    pytest.importorskip("espeakng_loader", reason="it says where phonemes begin")
    pytest.importorskip("torch", reason="so do training's marks")
    from training.espeak import Style, engine
    from training.mind.speech import bare
    from training.mind.vocabulary import FIRST_PHONEME, PHONEME_ID

    bundle = find("nano")
    model = EarModel.load(bundle.file("ear"))
    phonemes = Projection.load(bundle.file("phonemes"), "phonemes", FRAMES_AFTER * model.state_width)
    ear, errors = Encoder(model), []
    # given sentences in three voices, one of them never trained
    for voice in ("en-us", "en-us+f3", "en-gb-scotland+m3"):
        for sentence in (
            "what do you like best",
            "i like green tea and red apples",
            "the old dog is in the garden",
        ):
            said = engine().speak(sentence, Style(voice, 160))
            marks = bare(said.phonemes)
            num = -(-len(said.samples) // 640)
            # when
            found = spans(
                listen(ear, said.samples).states,
                [PHONEME_ID[mark.name] - FIRST_PHONEME for mark in marks],
                phonemes,
                num,
            )
            # then
            assert found is not None
            errors += [abs(s.start - m.sample / 640) for s, m in zip(found[1:], marks[1:], strict=True)]
    assert np.mean(errors) < 0.7 and np.mean(np.array(errors) < 1.5) > 0.9


def test_what_says_something_else_does_not_agree() -> None:
    pytest.importorskip("espeakng_loader", reason="it speaks")
    from training.espeak import Style, engine

    ear = Encoder(EarModel.load(find("nano").file("ear")))
    heard = listen(ear, engine().speak("i like green tea and red apples", Style("en-us+f3")).samples)
    for text, agrees in (("i like green tea and red apples", True), ("the old dog is in the garden", False)):
        labels = [1 + ear.words.index(word) for word in text.split()]
        assert (agreement(heard.words, labels) > MIN_LOG_PROB) is agrees
