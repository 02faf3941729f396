"""Best-path decoding, frame by frame."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sensorium.hearing.ctc import GreedyDecoder

WORDS = ("red", "green", "blue")


def logits(path: list[int]) -> np.ndarray:
    return np.eye(1 + len(WORDS), dtype=np.float32)[path]


def test_repeats_count_once_unless_a_blank_parts_them():
    decoder = GreedyDecoder(WORDS)
    assert decoder.feed(logits([0, 1, 1, 0, 1, 2, 2, 0, 0])) == [1, 4, 5]
    assert decoder.words == ["red", "red", "green"]
    decoder.reset()
    assert decoder.words == []


def test_each_word_keeps_the_log_probability_of_its_best_frame():
    decoder = GreedyDecoder(WORDS)
    p = np.array([[0.1, 0.6, 0.2, 0.1], [0.05, 0.8, 0.1, 0.05], [0.9, 0.1, 0.0, 0.0], [0.2, 0.1, 0.2, 0.5]])
    for frame in np.log(np.maximum(p, 1e-9)).astype(np.float32) + np.float32(3.0):
        decoder.feed(frame[None])
    assert decoder.words == ["red", "blue"]
    np.testing.assert_allclose(decoder.log_probs, np.log([0.8, 0.5]), atol=1e-5)
    decoder.reset()
    assert decoder.log_probs == []


@given(st.lists(st.integers(0, 3), max_size=20), st.integers(0, 20))
def test_where_the_frames_are_cut_does_not_matter(path, cut):
    whole, parts = GreedyDecoder(WORDS), GreedyDecoder(WORDS)
    for piece in (path[:cut], path[cut:]):
        if piece:
            parts.feed(logits(piece))
    if path:
        whole.feed(logits(path))
    assert parts.words == whole.words
    assert parts.log_probs == whole.log_probs
    assert len(parts.words) == len(parts.log_probs)
