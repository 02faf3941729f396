"""The shipped eye against torch's own answer (golden, by training.eye.export), and bad pictures and files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sensorium.bundles import onnx_file
from sensorium.bundles.catalogue import find
from sensorium.errors import BadInput, BundleError
from sensorium.vision.encoder import MAX_THINGS, PICTURE_SIDE, Eye, Thing, fit
from sensorium.vision.fake import FakeEye

GOLDEN = Path(__file__).with_name("eye_golden.npz")
THINGS = (Thing("circle", "", "red", 0.7, 0.5, 0.2, 1.0), Thing("number", "six", "blue", 0.2, 0.4, 0.3, 0.9))


@pytest.fixture(scope="module")
def file() -> Path:
    bundle = find("nano")
    if "eye" not in bundle.files:
        pytest.skip("nano has no eye yet: python -m training.eye.train, then training.eye.export")
    return bundle.file("eye")


@pytest.fixture(scope="module")
def eye(file) -> Eye:
    return Eye.load(file)


@pytest.fixture(scope="module")
def golden(file):
    return np.load(GOLDEN)


@pytest.fixture(params=["shipped", "fake"])
def any_eye(request):
    return request.getfixturevalue("eye") if request.param == "shipped" else FakeEye(THINGS)


def test_a_look_gives_what_torch_gave(eye, golden):
    for i, picture in enumerate(golden["pictures"]):
        sight = eye.look(picture)
        np.testing.assert_allclose(sight.embeddings, golden["embeddings"][i], atol=2e-3)
        assert len(sight.things) == golden["present"][i].sum()
        for slot, thing in enumerate(sight.things):
            assert thing.x == pytest.approx(float(golden["places"][i, slot, 0]), abs=1e-3)


def test_the_shipped_eye_sees_what_was_drawn(eye, golden):
    """given the golden pictures, whose truth the generator wrote down, then most are seen as they are"""
    right = [
        sorted(thing.words for thing in eye.look(picture).things)
        == sorted(filter(None, str(truth).split(", ")))
        for picture, truth in zip(golden["pictures"], golden["truth"], strict=True)
    ]
    assert sum(right) >= len(right) - 1


def test_every_look_has_the_same_form(any_eye):
    rng = np.random.default_rng(0)
    sight = any_eye.look(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8).repeat(24, 0).repeat(24, 1))
    assert sight.embeddings.shape == (1 + MAX_THINGS, any_eye.width)
    assert sight.embeddings.dtype == np.float32
    assert sight.embeddings[1 : 1 + len(sight.things)].any(axis=1).all()
    assert not sight.embeddings[1 + len(sight.things) :].any()
    assert [t.x for t in sight.things] == sorted(t.x for t in sight.things)
    assert all(0 < t.confidence <= 1 and 0 <= t.y <= 1 for t in sight.things)


def test_looks_do_not_depend_on_each_other(eye, golden):
    pictures = golden["pictures"]
    alone = eye.look(pictures[1])
    eye.look(pictures[2])
    again = eye.look(pictures[1])
    np.testing.assert_array_equal(alone.embeddings, again.embeddings)
    assert alone.things == again.things


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((96, 96), np.uint8),
        np.zeros((96, 96, 4), np.uint8),
        np.zeros((96, 96, 3), np.float32),
        np.zeros((7, 96, 3), np.uint8),
        np.zeros((8, 8193, 3), np.uint8),
        np.zeros((0, 0, 3), np.uint8),
        [[[0, 0, 0]]],
        None,
    ],
)
def test_what_is_no_picture_is_refused_in_one_line(any_eye, picture):
    with pytest.raises(BadInput, match="a picture") as caught:
        any_eye.look(picture)
    assert "\n" not in caught.value.one_line()


@pytest.mark.parametrize(
    "size", [(96, 96), (8, 8), (480, 640), (1080, 1920), (31, 500), (8192, 8), (97, 389)]
)
def test_pictures_of_any_size_are_fitted(size):
    """given one colour in any size, then it stays that colour, and bands stand where they must"""
    picture = np.full((*size, 3), (90, 140, 200), np.uint8)
    fitted, scale, left, top = fit(picture)
    assert fitted.shape == (PICTURE_SIDE, PICTURE_SIDE, 3)
    assert np.abs(fitted.astype(int) - (90, 140, 200)).max() <= 1
    assert scale == pytest.approx(1 / PICTURE_SIDE)
    assert (left > 0) == (size[0] > size[1] * 1.02)
    assert (top > 0) == (size[1] > size[0] * 1.02)


@pytest.mark.parametrize("size", [(96, 96), (480, 640), (31, 500)])
def test_nothing_is_seen_where_nothing_is(eye, size):
    sight = eye.look(np.full((*size, 3), (90, 140, 200), np.uint8))
    assert sight.things == () and sight.num_things == 0


def test_shrinking_takes_the_mean_of_the_area():
    """given a picture of 960 in tiles of 10 x 10 noise, when fitted, then every pixel is its tile's mean"""
    rng = np.random.default_rng(0)
    large = rng.integers(0, 256, (960, 960, 3), dtype=np.uint8)
    means = large.reshape(96, 10, 96, 10, 3).mean((1, 3))
    assert np.abs(fit(large)[0] - means).max() <= 1.0


@pytest.mark.parametrize("times", [2, 5, 13])
def test_a_larger_copy_of_a_picture_is_the_same_picture(eye, golden, times):
    picture = golden["pictures"][0]
    large = np.repeat(np.repeat(picture, times, 0), times, 1)
    assert [t[:3] for t in eye.look(large).things] == [t[:3] for t in eye.look(picture).things]


def test_places_are_those_of_the_picture_as_it_was_given(eye, golden):
    """given a picture with a wide band on its left, then what is seen has moved with it"""
    picture = golden["pictures"][0]
    base = sorted(eye.look(picture).things)  # two things above each other may change places in the row
    colour = np.rint(picture.mean((0, 1))).astype(np.uint8)
    wide = np.concatenate([np.full((96, 24, 3), colour), picture], 1)
    moved = sorted(eye.look(wide).things)
    assert [t[:3] for t in moved] == [t[:3] for t in base]
    for before, after in zip(base, moved, strict=True):
        assert after.x == pytest.approx((before.x * 96 + 24) / 120, abs=0.04)
        assert after.y == pytest.approx(before.y * 96 / 120, abs=0.04)


def test_things_are_named_in_words():
    words = [Thing(*look, 0.5, 0.5, 0.2, 1.0).words for look in
             [("star", "", "red"), ("number", "seven", "blue"), ("face", "happy", "yellow")]]  # fmt: skip
    assert words == ["red star", "blue number seven", "happy yellow face"]


def test_files_that_are_no_eye_are_refused(tmp_path, file):
    path = tmp_path / "eye.onnx"
    with pytest.raises(BundleError, match="missing"):
        Eye.load(path)
    path.write_bytes(b"not a model")
    with pytest.raises(BundleError, match="not an ONNX model"):
        Eye.load(path)
    path.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(BundleError):
        Eye.load(path)
    path.write_bytes(find("nano").file("ear").read_bytes())
    with pytest.raises(BundleError, match="is not an eye"):
        Eye.load(path)
    path.write_bytes(b"0" * (onnx_file.MAX_FILE_BYTES + 1))
    with pytest.raises(BundleError, match="too large"):
        Eye.load(path)


def test_an_eye_whose_lists_do_not_fit_is_refused(tmp_path, file):
    whole = file.read_bytes()
    assert whole.count(b" turquoise ") == 1
    path = tmp_path / "eye.onnx"
    path.write_bytes(whole.replace(b" turquoise ", b"_turquoise "))
    with pytest.raises(BundleError, match="do not fit"):
        Eye.load(path)


def test_the_shipped_eye_is_small(file):
    assert file.stat().st_size < 1_200_000
