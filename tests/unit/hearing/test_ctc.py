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
    decoder.feed(logits([0, 1, 1, 0, 1, 2, 2, 0, 0]))
    assert decoder.words == ["red", "red", "green"]
    decoder.reset()
    assert decoder.words == []


@given(st.lists(st.integers(0, 3), max_size=20), st.integers(0, 20))
def test_where_the_frames_are_cut_does_not_matter(path, cut):
    whole, parts = GreedyDecoder(WORDS), GreedyDecoder(WORDS)
    for piece in (path[:cut], path[cut:]):
        if piece:
            parts.feed(logits(piece))
    if path:
        whole.feed(logits(path))
    assert parts.words == whole.words
