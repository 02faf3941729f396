"""Who judges speech: what it makes of its ear's doubts."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra `train` is not installed")

from training.ear.evaluate import greedy
from training.judge import Judge

from sensorium.hearing.encoder import CHUNK_SAMPLES, Encoder

_WORDS = ("owl", "oil")


def _logits(*frames: tuple[float, float, float]) -> np.ndarray:
    """Of the blank and both words."""
    return np.log(np.array(frames, np.float32))


def test_a_word_heard_over_several_frames_is_one_word_and_after_a_blank_another():
    logits = _logits((0.1, 0.8, 0.1), (0.1, 0.8, 0.1), (0.8, 0.1, 0.1), (0.1, 0.8, 0.1), (0.1, 0.1, 0.8))
    assert greedy(logits, _WORDS) == ["owl", "owl", "oil"]


def test_a_doubt_between_words_is_a_word_only_where_the_blank_has_a_penalty():
    # given: something was said, and it is not certain which of two words
    logits = _logits((0.45, 0.35, 0.2), (0.99, 0.005, 0.005))
    # when, then
    assert greedy(logits, _WORDS) == []
    assert greedy(logits, _WORDS, blank_penalty=1.0) == ["owl"]


def test_quiet_stays_quiet_with_a_penalty():
    assert greedy(_logits(*[(0.9, 0.05, 0.05)] * 5), _WORDS, blank_penalty=1.0) == []


def test_the_judge_says_a_word_where_it_doubts(monkeypatch: pytest.MonkeyPatch):
    # given: an ear that always knows that something was said, and not which of two words
    who = Judge()
    some = np.full((2, 1 + len(who._ear.words)), -9.0, np.float32)
    some[:, :3] = np.log((0.45, 0.35, 0.2))
    feed = Encoder.feed
    monkeypatch.setattr(Encoder, "feed", lambda self, chunk: feed(self, chunk)._replace(words=some))
    # when, then
    assert who.words(np.zeros(CHUNK_SAMPLES, np.float32)) == [who._ear.words[0]]
