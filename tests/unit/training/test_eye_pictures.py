"""What the eye learns from: scenes, their pictures, the camera, and what is never drawn."""

from __future__ import annotations

import colorsys
import random
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from training.eye.backdrops import FIELDS, paint
from training.eye.camera import Camera, spoil
from training.eye.outlines import VARIANTS, atlas
from training.eye.pictures import draw
from training.eye.scenes import (
    BACKDROPS,
    COLOURS,
    HELD_OUT_BACKDROPS,
    LOOKS,
    Scene,
    draw_scene,
    held_out,
    side,
)
from training.world import VOCABULARY, WORDS

from sensorium.vision.encoder import MAX_THINGS, PICTURE_SIDE, Thing

STILL = Camera((0.0, 0.0), (0.0, 0.0), (1.0, 1.0), balance=0.0, blocks_share=0.0, bands_share=0.0)


def thing(kind, colour, x=0.5, y=0.5, size=0.35, detail=""):
    return Thing(kind, detail, colour, x, y, size, 1.0)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["train", "combinations", "backdrops"]))
def test_things_lie_apart_and_inside(seed, split):
    scene = draw_scene(random.Random(seed), split)
    assert len(scene.things) <= MAX_THINGS
    assert [t.x for t in scene.things] == sorted(t.x for t in scene.things)
    for t in scene.things:
        assert t.size / 2 <= min(t.x, t.y, 1 - t.x, 1 - t.y)
        assert held_out(t[:2], t.colour) == (split == "combinations")
    for a, b in combinations(scene.things, 2):
        assert np.hypot(a.x - b.x, a.y - b.y) >= (a.size + b.size) / 2 - 1e-9
        assert max(abs(a.x - b.x), abs(a.y - b.y)) * PICTURE_SIDE >= 16 - 1e-6
    assert (scene.backdrop in HELD_OUT_BACKDROPS) == (split == "backdrops")


def test_every_look_and_colour_is_trained_and_one_or_two_of_each_look_are_not():
    rng = random.Random(0)
    drawn = {(t[:2], t.colour) for _ in range(6_000) for t in draw_scene(rng).things}
    everything = {(look, colour) for look in LOOKS for colour in COLOURS}
    assert drawn == {pair for pair in everything if not held_out(*pair)}
    for look in LOOKS:
        assert 1 <= sum(held_out(look, colour) for colour in COLOURS) <= 2
    assert {colour for _, colour in everything - drawn} == set(COLOURS)


def test_all_kinds_come_with_up_to_four_things():
    rng = random.Random(1)
    scenes = [draw_scene(rng) for _ in range(500)]
    assert {len(s.things) for s in scenes} == {0, 1, 2, 3, 4}
    assert {s.backdrop for s in scenes} == set(BACKDROPS)


def test_looks_and_colours_are_words_of_the_world():
    assert {kind for kind, _ in LOOKS} >= set(WORDS["shape"])
    assert set(COLOURS) <= set(WORDS["colour"])
    assert {detail for kind, detail in LOOKS if kind == "number"} <= set(VOCABULARY)


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [(0.2, 0.5, "left"), (0.8, 0.6, "right"), (0.5, 0.1, "above"), (0.4, 0.9, "below"), (0.3, 0.3, None)],
)
def test_sides_are_told_only_where_they_are_clear(x, y, expected):
    assert side(thing("star", "red", x, y), thing("moon", "blue")) == expected


def test_every_look_has_a_body_and_only_faces_have_features():
    forms = atlas()
    assert len(forms.body) == len(LOOKS) * VARIANTS
    inside = (forms.body < 0).mean((1, 2))
    assert (inside > 0.05).all() and (inside < 0.75).all()
    features = (forms.mark < 0).any((1, 2)).reshape(len(LOOKS), VARIANTS)
    assert [row.all() for row in features] == [kind == "face" for kind, _ in LOOKS]
    edge = np.concatenate([forms.body[:, 0], forms.body[:, -1], forms.body[:, :, 0], forms.body[:, :, -1]])
    assert (edge > 0).all(), "a form reaches over the grid"


def test_looks_differ_from_each_other_by_more_than_their_variants():
    """given the mean form of each look, then it is its own variants' nearest in most cases"""
    body = np.minimum(atlas().body, 0.2).reshape(len(LOOKS), VARIANTS, -1)[:20]
    means = body.mean(1)
    distance = np.linalg.norm(body[:, :, None] - means[None, None], axis=-1)
    assert (distance.argmin(-1) == np.arange(20)[:, None]).mean() > 0.9


@pytest.mark.parametrize("colour", COLOURS)
def test_a_thing_has_its_colour_and_its_place(colour):
    """given a still camera, when circles are drawn, then inside is that colour and outside is not"""
    scenes = [Scene((thing("circle", colour, x, y),), "plain") for x, y in [(0.3, 0.3), (0.7, 0.4)] * 4]
    pictures = draw(scenes, np.random.default_rng(3), STILL).astype(np.float32) / 255
    for scene, picture in zip(scenes, pictures, strict=True):
        x, y = (round(v * PICTURE_SIDE) for v in (scene.things[0].x, scene.things[0].y))
        inside = picture[y - 4 : y + 5, x - 4 : x + 5].mean((0, 1))
        hue, saturation, value = colorsys.rgb_to_hsv(*map(float, inside))
        if colour in ("black", "white", "grey"):
            assert {"black": value < 0.25, "white": value > 0.8, "grey": 0.3 < value < 0.7}[colour]
        else:
            assert saturation > 0.25 and value > 0.2
            centres = {"red": 0, "orange": 28, "yellow": 55, "green": 120, "turquoise": 176, "blue": 227}
            centres |= {"purple": 280, "pink": 333, "brown": 24}
            assert abs((hue * 360 - centres[colour] + 180) % 360 - 180) < 35
        outside = picture[int(PICTURE_SIDE * 0.9) :, :5].mean((0, 1))
        assert np.abs(outside - inside).max() > 0.1


def test_the_same_seed_draws_the_same_pictures():
    scenes = [draw_scene(random.Random(i)) for i in range(8)]
    one, two = (draw(scenes, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert one.dtype == np.uint8 and one.shape == (8, PICTURE_SIDE, PICTURE_SIDE, 3)
    assert not np.array_equal(one, draw(scenes, np.random.default_rng(6)))


def test_backdrops_stay_away_from_the_colours_in_front():
    rng = np.random.default_rng(7)
    kinds = [*BACKDROPS, *HELD_OUT_BACKDROPS] * 6
    taken = np.full((len(kinds), MAX_THINGS, 3), np.nan, np.float32)
    taken[:, 0] = rng.random((len(kinds), 3))
    ground = paint(kinds, taken, rng)
    assert ground.min() >= 0 and ground.max() <= 1
    gaps = np.linalg.norm(ground - taken[:, 0][:, None, None], axis=-1)
    assert np.quantile(gaps.mean((1, 2)), 0.02) > 0.3


@pytest.mark.parametrize("kind", [*BACKDROPS, *HELD_OUT_BACKDROPS])
def test_fields_are_shares(kind):
    field = FIELDS[kind](np.random.default_rng(0), 3)
    assert field.shape == (3, PICTURE_SIDE, PICTURE_SIDE) and field.dtype == np.float32
    assert field.min() >= 0 and field.max() <= 1
    assert (np.ptp(field) > 0.2) == (kind != "plain")


def grey(n=4):
    return np.full((n, PICTURE_SIDE, PICTURE_SIDE, 3), 0.5, np.float32), np.zeros((n, 2), np.int64)


def test_noise_has_the_wanted_deviation():
    camera = Camera((0.05, 0.05), (0.0, 0.0), (1.0, 1.0), 0.0, 0.0, 0.0)
    noisy = spoil(*grey(), camera, np.random.default_rng(0)) / 255
    steps = np.diff(noisy, axis=2).std() / np.sqrt(2)
    assert steps == pytest.approx(0.05, rel=0.05)


def test_blur_has_the_wanted_width():
    """given one bright line, when blurred, then its variance is sigma squared"""
    pictures, room = grey(1)
    pictures[:] = 0
    pictures[:, :, 48] = 1
    camera = Camera((0.0, 0.0), (1.0, 1.0), (1.0, 1.0), 0.0, 0.0, 0.0)
    line = spoil(pictures, room, camera, np.random.default_rng(0))[0, 40, :, 0].astype(float)
    at = np.arange(PICTURE_SIDE)
    assert (line * (at - 48) ** 2).sum() / line.sum() == pytest.approx(1.0, abs=0.15)


def test_blocks_and_bands_leave_the_things_in_sight():
    """given room for bands at the sides only, then the middle is hardly changed by bands and blocks"""
    rng = np.random.default_rng(1)
    pictures = rng.random((6, 12, 12, 3), np.float32).repeat(8, 1).repeat(8, 2)
    camera = Camera((0.0, 0.0), (0.0, 0.0), (1.0, 1.0), 0.0, 1.0, 1.0)
    still = spoil(pictures.copy(), np.full((6, 2), 20), STILL, np.random.default_rng(2)).astype(int)
    spoilt = spoil(pictures.copy(), np.full((6, 2), 20), camera, np.random.default_rng(2)).astype(int)
    middle = np.abs(spoilt - still)[:, 24:72, 24:72]
    assert 0 < middle.mean() < 60
    assert (spoilt.std((2, 3)).min() < 12) or (spoilt.std((1, 3)).min() < 12)
