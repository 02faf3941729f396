"""Given what the ear says of a sound and what was said, then it is known where each word begins."""

from __future__ import annotations

import random

import numpy as np
import pytest

from sensorium.bundles.catalogue import find
from sensorium.hearing.encoder import EarModel, Encoder
from sensorium.tuning.alignment import LAG_FRAMES, MIN_LOG_PROB, align, listen, word_starts


def log_probs(*best: int, words: int = 4) -> np.ndarray:
    """One frame for each number, in which it is by far the likeliest."""
    logits = np.full((len(best), 1 + words), -8.0, np.float32)
    logits[np.arange(len(best)), best] = 0.0
    return logits


def test_words_are_found_where_they_are_named() -> None:
    found = align(log_probs(0, 0, 1, 1, 0, 3, 0, 0), [1, 3])

    assert found is not None
    assert found.named == [2, 5]
    assert found.log_prob == pytest.approx(0.0)


def test_a_word_said_twice_needs_a_blank_between() -> None:
    found = align(log_probs(0, 2, 2, 0, 2, 0), [2, 2])

    assert found is not None and found.named == [1, 4]


def test_a_word_that_the_ear_missed_gets_a_place_between_its_neighbours_and_costs() -> None:
    found = align(log_probs(0, 1, 0, 0, 0, 3, 0), [1, 2, 3])

    assert found is not None
    assert found.named[0] == 1 and 1 < found.named[1] < 5 and found.named[2] == 5
    assert found.log_prob == pytest.approx(-8.0 / 3)


def test_too_few_frames_for_so_many_words_are_no_alignment() -> None:
    assert align(log_probs(1, 2), [1, 2, 3]) is None
    assert align(log_probs(1, 1), [1, 1]) is None


def test_a_word_begins_where_the_one_before_it_ended() -> None:
    assert word_starts([5, 9, 14], 20, lag=2) == [0, 3, 7]
    assert word_starts([1, 2, 3], 20, lag=2) == [0, 0, 0]
    assert word_starts([30, 9, 40], 20, lag=2) == [0, 20, 20]
    assert word_starts([5], 20) == [0]


def test_the_lag_agrees_best_with_espeaks_own_marks() -> None:
    pytest.importorskip("espeakng_loader", reason="it says where words begin")
    from training.espeak import Style, engine

    # given sentences in three voices, and where the ear names their words
    ear = Encoder(EarModel.load(find("nano").file("ear")))
    rng = random.Random(11)
    sentences = ["what do you like best", "i like green tea and red apples", "the old dog is in the garden"]
    errors: dict[int, list[float]] = {lag: [] for lag in range(5)}
    for voice in ("en-us", "en-us+f3", "en-gb-scotland+m3"):
        for sentence in sentences:
            said = engine().speak(sentence, Style(voice, rng.randint(140, 180)))
            words = sentence.split()
            found = align(listen(ear, said.samples), [1 + ear.words.index(word) for word in words])
            assert found is not None and found.log_prob > MIN_LOG_PROB
            characters = np.cumsum([0, *(len(word) + 1 for word in words[:-1])]).tolist()
            marks = {mark.character: mark.sample / 640 for mark in said.words}
            # when the words are put where they should begin
            for lag in errors:
                starts = word_starts(found.named, 1_000, lag)
                errors[lag] += [
                    abs(s - marks[c]) for s, c in zip(starts, characters, strict=True) if c in marks
                ]
    # then no other lag fits better, and words are a frame off at the most, in the mean
    means = {lag: float(np.mean(values)) for lag, values in errors.items()}
    assert min(means, key=lambda lag: means[lag]) == LAG_FRAMES
    assert means[LAG_FRAMES] < 1.0
