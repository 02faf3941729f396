"""The gate on small grey pictures: noise passes unseen, things do not; and a JPEG's own coarse form."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.errors import BadInput
from sensorium.vision.gate import BLOCKS_HIGH, BLOCKS_WIDE, NEW_LEVELS, block_means, shows_news
from sensorium.vision.picture import thumbnail

RNG = np.random.default_rng(5)
# As from a camera: 576 x 576.
PICTURES = [
    picture.repeat(6, 0).repeat(6, 1)
    for picture in np.load(Path(__file__).with_name("eye_golden.npz"))["pictures"]
]


def frame(picture, *, quality: int = 80, noise: float = 0.0):
    """The blocks of the picture as a camera would send it."""
    noisy = np.clip(picture + RNG.normal(0, noise, picture.shape), 0, 255).astype(np.uint8)
    return block_means(thumbnail(simplejpeg.encode_jpeg(noisy, quality=quality)))


def test_noise_and_another_quality_are_nothing_new():
    for picture in PICTURES:
        first = frame(picture, noise=6)
        others = [frame(picture, quality=quality, noise=noise) for quality in (50, 95) for noise in (0, 12)]
        assert not any(shows_news(other, first) for other in others)


def test_every_other_picture_is_new():
    first = [frame(picture, noise=6) for picture in PICTURES]
    assert all(shows_news(a, b) and shows_news(b, a) for a, b in combinations(first, 2))


def test_a_small_thing_in_a_corner_is_new():
    """given a plain wall, when a spot of a thirtieth of its width comes, then that is new"""
    wall = np.full((360, 640, 3), 128, np.uint8)
    spot = wall.copy()
    spot[:20, :20] = 60
    assert shows_news(frame(spot), frame(wall))


def test_a_slow_change_is_seen_in_the_end():
    """given light that fades by one level a frame, when compared with the last look, then it is new at ten"""
    looks = [block_means(np.full((45, 80), 200 - step, np.uint8)) for step in range(20)]
    assert [shows_news(look, looks[0]) for look in looks].index(True) == NEW_LEVELS


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 130), st.integers(1, 130), st.integers(0, 255))
def test_any_size_has_the_same_blocks(height, width, level):
    grey = np.full((height, width), level, np.uint8)
    means = block_means(grey)
    assert means.shape == (BLOCKS_HIGH, BLOCKS_WIDE) and means.dtype == np.float32
    assert np.abs(means - level).max() < 1e-3


def test_blocks_are_the_means_of_what_lies_under_them():
    grey = RNG.integers(0, 256, (18 * 4, 32 * 3), dtype=np.uint8)
    expected = grey.reshape(18, 4, 32, 3).mean((1, 3))
    np.testing.assert_allclose(block_means(grey), expected, atol=1e-3)


@pytest.mark.parametrize(
    "grey", [np.zeros((0, 5), np.uint8), np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4))]
)
def test_what_is_no_grey_picture_is_refused(grey):
    with pytest.raises(BadInput, match="grey picture"):
        block_means(grey)
