"""senses.npz: what is read, and everything about it that is refused."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from sensorium.bundles.senses_file import MAX_WIDTH, Projection
from sensorium.errors import BundleError

WEIGHT, BIAS = np.zeros((8, 256), np.float32), np.zeros(8, np.float32)


def save(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_row_is_weight_times_state_plus_bias(tmp_path, dtype):
    rng = np.random.default_rng(1)
    weight, bias = rng.normal(size=(8, 256)).astype(dtype), rng.normal(size=8).astype(dtype)
    # An eye's arrays may lie beside the ear's.
    path = save(tmp_path / "senses.npz", ear_weight=weight, ear_bias=bias, eye_weight=np.zeros(3))
    projection = Projection.load(path, "ear", 256)
    state = rng.normal(size=256).astype(np.float32)

    row = projection.row(state)

    expected = weight.astype(np.float64) @ state + bias.astype(np.float64)
    assert projection.width == 8
    assert (row.shape, row.dtype) == ((1, 8), np.float32)
    np.testing.assert_allclose(row[0], expected, atol=1e-3)


@pytest.mark.parametrize(
    ("weight", "bias", "message"),
    [
        (np.zeros((8, 512), np.float32), BIAS, "must be"),
        (np.zeros((7, 256), np.float32), BIAS, "must be"),
        (np.zeros(256, np.float32), BIAS, "must be"),
        (WEIGHT, np.zeros((8, 1), np.float32), "must be"),
        (np.zeros((0, 256), np.float32), np.zeros(0, np.float32), "must be"),
        (WEIGHT.astype(np.float64), BIAS, "float16 or float32"),
        (WEIGHT, BIAS.astype(np.int32), "float16 or float32"),
        (np.full((8, 256), np.nan, np.float32), BIAS, "not numbers"),
        (WEIGHT, np.full(8, np.inf, np.float32), "not numbers"),
    ],
)
def test_arrays_of_another_kind_are_refused(tmp_path, weight, bias, message):
    path = save(tmp_path / "senses.npz", ear_weight=weight, ear_bias=bias)
    with pytest.raises(BundleError, match=message):
        Projection.load(path, "ear", 256)


def test_a_file_that_is_absent_broken_or_empty_is_refused(tmp_path):
    path = tmp_path / "senses.npz"
    with pytest.raises(BundleError, match="missing"):
        Projection.load(path, "ear", 256)
    path.write_bytes(b"this is no archive")
    with pytest.raises(BundleError, match="cannot be read"):
        Projection.load(path, "ear", 256)
    whole = save(tmp_path / "whole.npz", ear_weight=WEIGHT, ear_bias=BIAS).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BundleError, match="cannot be read"):
        Projection.load(path, "ear", 256)
    with pytest.raises(BundleError, match="holds no ear_bias"):
        Projection.load(save(tmp_path / "half.npz", ear_weight=WEIGHT), "ear", 256)


def test_each_sense_has_arrays_of_its_own(tmp_path):
    """given an ear and an eye in one file, when either is loaded, then with its own weights and width"""
    eye = np.full((8, 128), 0.5, np.float32)
    path = save(tmp_path / "senses.npz", ear_weight=WEIGHT, ear_bias=BIAS, eye_weight=eye, eye_bias=BIAS + 1)
    seen = Projection.load(path, "eye", 128).row(np.ones(128, np.float32))
    heard = Projection.load(path, "ear", 256).row(np.ones(256, np.float32))
    assert seen.tolist() == [[65.0] * 8] and heard.tolist() == [[0.0] * 8]
    with pytest.raises(BundleError, match=r"eye_weight and eye_bias must be \(width, 64\)"):
        Projection.load(path, "eye", 64)
    with pytest.raises(BundleError, match="holds no eye_weight"):
        Projection.load(save(tmp_path / "deaf.npz", ear_weight=WEIGHT, ear_bias=BIAS), "eye", 128)


def test_objects_are_never_unpickled(tmp_path):
    path = save(tmp_path / "senses.npz", ear_weight=np.array([{}], object), ear_bias=BIAS)
    with pytest.raises(BundleError, match="cannot be read"):
        Projection.load(path, "ear", 256)


def test_an_array_too_large_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "senses.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ear_weight.npy", bytes(4 * 256 * MAX_WIDTH + 5_000))
        archive.writestr("ear_bias.npy", b"")
    with pytest.raises(BundleError, match="too large"):
        Projection.load(path, "ear", 256)
