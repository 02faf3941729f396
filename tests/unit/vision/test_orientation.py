"""EXIF's orientation tag: all eight, both byte orders, and heads that lie."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.vision.orientation import orientation, upright
from sensorium.vision.picture import decode, thumbnail

# Coarse, so that JPEG keeps it; no turn of it is like another.
SCENE = np.random.default_rng(3).integers(0, 256, (4, 6, 3), dtype=np.uint8).repeat(16, 0).repeat(16, 1)
PLAIN = simplejpeg.encode_jpeg(SCENE, quality=95)
# What was done to the scene before it was stored, by tag (EXIF 2.3, 4.6.4 A: where row 0 and column 0 lie).
STORED = {
    1: SCENE,
    2: SCENE[:, ::-1],
    3: SCENE[::-1, ::-1],
    4: SCENE[::-1],
    5: SCENE.swapaxes(0, 1),
    6: np.rot90(SCENE),
    7: np.rot90(SCENE, 2).swapaxes(0, 1),
    8: np.rot90(SCENE, -1),
}


def tiff(
    value: int, *, order: str = "<", tag: int = 0x0112, kind: int = 3, count: int = 1, tags: int = 1
) -> bytes:
    entry = struct.pack(f"{order}HHIHH", tag, kind, count, value, 0)
    head = {"<": b"II", ">": b"MM"}[order] + struct.pack(f"{order}HI", 42, 8)
    return head + struct.pack(f"{order}H", tags) + entry + bytes(4)


def with_exif(jpeg: bytes, content: bytes) -> bytes:
    segment = b"Exif\0\0" + content
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(segment)) + segment + jpeg[2:]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("value", STORED)
def test_a_picture_comes_out_as_it_was_seen(value, order):
    stored = simplejpeg.encode_jpeg(np.ascontiguousarray(STORED[value]), quality=95)
    file = with_exif(stored, tiff(value, order=order))
    assert orientation(file) == value
    picture = decode(file)
    assert picture.shape == SCENE.shape and picture.flags.c_contiguous
    assert np.abs(picture.astype(int) - SCENE).mean() < 8
    assert thumbnail(file).shape == thumbnail(PLAIN).shape


@pytest.mark.parametrize(
    "file",
    [
        PLAIN,
        with_exif(PLAIN, b""),
        with_exif(PLAIN, tiff(0)),
        with_exif(PLAIN, tiff(9)),
        with_exif(PLAIN, tiff(6, kind=4)),
        with_exif(PLAIN, tiff(6, count=2**31)),
        with_exif(PLAIN, tiff(6, tag=0x0100)),
        with_exif(PLAIN, tiff(6, tag=0x0100, tags=65_535)),
        with_exif(PLAIN, b"XX" + tiff(6)[2:]),
        with_exif(PLAIN, tiff(6)[:4] + struct.pack("<I", 2**32 - 1) + tiff(6)[8:]),
        with_exif(PLAIN, tiff(6))[:30],
        PLAIN[:2] + b"\xff\xe1\0\0" * 200 + PLAIN[2:],
        b"",
    ],
)
def test_what_makes_no_sense_is_upright(file):
    assert orientation(file) == 1


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 40))
def test_no_head_is_too_odd(noise, at):
    head = bytearray(with_exif(PLAIN, tiff(6))[:80])
    head[at : at + len(noise)] = noise
    assert 1 <= orientation(bytes(head)) <= 8
    assert 1 <= orientation(with_exif(PLAIN, noise)) <= 8


def test_grey_pictures_are_turned_too():
    assert upright(SCENE[..., 0], 6).shape == SCENE.shape[1::-1]
