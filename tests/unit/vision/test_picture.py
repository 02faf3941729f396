"""Files of pictures: what is unpacked, how, and everything that is refused before or while unpacking."""

from __future__ import annotations

import struct
import tracemalloc
import zlib

import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.errors import BadInput
from sensorium.vision.picture import decode

RNG = np.random.default_rng(7)
# Coarse, so that JPEG keeps it: 6 x 8 squares of 8 pixels.
RGB = RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content), name) + content + struct.pack(">I", zlib.crc32(name + content))


def png(pixels, colour_type: int = 2, *, depth: int = 8, palette: bytes = b"", more: bytes = b"") -> bytes:
    height, width = pixels.shape[:2]
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0))
    lines = b"".join(b"\0" + line.tobytes() for line in pixels)
    middle = (chunk(b"PLTE", palette) if palette else b"") + more + chunk(b"IDAT", zlib.compress(lines))
    return b"\x89PNG\r\n\x1a\n" + header + middle + chunk(b"IEND", b"")


def jpeg(pixels, **more) -> bytes:
    return simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=95, **more)


def jpeg_of_size(height: int, width: int) -> bytes:
    """A picture whose header says so; there is no more in it than in a small one."""
    file = jpeg(RGB)
    at = file.index(b"\xff\xc0") + 5
    return file[:at] + struct.pack(">HH", height, width) + file[at + 4 :]


def png_of_size(height: int, width: int) -> bytes:
    file = png(RGB)
    start = file.index(b"IHDR")
    header = struct.pack(">II", width, height) + file[start + 12 : start + 17]
    return file[: start - 4] + chunk(b"IHDR", header) + file[start + 21 :]


def test_a_png_comes_out_as_it_went_in():
    np.testing.assert_array_equal(decode(png(RGB)), RGB)


def test_a_jpeg_comes_out_almost_as_it_went_in():
    decoded = decode(jpeg(RGB))
    assert decoded.shape == RGB.shape and decoded.dtype == np.uint8
    assert np.abs(decoded.astype(int) - RGB).mean() < 6


GRAY = RGB[..., 0].copy()
WIDE = (GRAY.astype(np.uint16) << 8).astype(">u2")
PALETTE = bytes(range(12))


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (jpeg(GRAY[..., None], colorspace="GRAY", colorsubsampling="Gray"), GRAY),
        (png(GRAY, 0), GRAY),
        (png(WIDE, 0, depth=16), GRAY),
        (png(GRAY % 4, 3, palette=PALETTE), np.frombuffer(PALETTE, np.uint8).reshape(4, 3)[GRAY % 4]),
    ],
    ids=["gray jpeg", "gray png", "png of 16 bits", "png with a palette"],
)
def test_other_kinds_of_pixels_become_rgb(file, expected):
    decoded = decode(file)
    expected = expected if expected.ndim == 3 else expected[..., None].repeat(3, -1)
    assert decoded.shape == expected.shape == RGB.shape
    assert np.abs(decoded.astype(int) - expected).mean() < 3


def test_what_is_transparent_is_white():
    """given red that is opaque, half and not there at all, when unpacked, then it stands on white"""
    red = np.zeros((300, 30, 4), np.uint8)
    red[..., 0] = 255
    red[:, :10, 3], red[:, 10:20, 3] = 255, 128
    decoded = decode(png(red, 6))
    assert decoded[299, ::10].tolist() == [[255, 0, 0], [255, 127, 127], [255, 255, 255]]
    clear = decode(png(GRAY % 4, 3, palette=PALETTE, more=chunk(b"tRNS", b"\0\xff\xff\xff")))
    assert (clear[GRAY % 4 == 0] == 255).all() and (clear[GRAY % 4 == 1] == (3, 4, 5)).all()


@pytest.mark.parametrize(("height", "width"), [(1600, 2400), (2400, 1600), (8192, 8), (9, 8192), (500, 500)])
def test_a_large_jpeg_comes_smaller_but_never_too_small(height, width):
    file = jpeg(np.full((height, width, 3), (200, 40, 90), np.uint8))
    decoded = decode(file)
    tall, broad = decoded.shape[:2]
    assert 384 <= max(tall, broad) <= max(height, width) and min(tall, broad) >= 8
    assert tall / broad == pytest.approx(height / width, rel=0.15)
    assert np.abs(decoded.astype(int) - (200, 40, 90)).max() <= 3
    if max(height, width) == 2400:
        assert max(tall, broad) < 800


@pytest.mark.parametrize(
    ("file", "says"),
    [
        (b"", "empty"),
        (b"these are words, whatever the file is called", "neither a JPEG nor a PNG"),
        (b"GIF89a" + bytes(50), "neither a JPEG nor a PNG"),
        (b"\xff\xd8\xff", "JPEG picture is damaged"),
        (jpeg(RGB)[:200], "JPEG picture is damaged"),
        (jpeg(RGB)[:-150], "JPEG picture is damaged"),
        (b"\xff\xd8\xff" + bytes(2_000), "JPEG picture is damaged"),
        (jpeg(RGB) + b"\xff\xda" * 64, "more than 64 scans"),
        (b"\x89PNG\r\n\x1a\n", "PNG picture is damaged"),
        (png(RGB)[:-150], "PNG picture is damaged"),
        (png(RGB)[:-6], "PNG picture is damaged"),
        (png(RGB)[:40], "PNG picture is damaged"),
        (png(RGB).replace(b"IDAT", b"IDAX"), "PNG picture is damaged"),
        (png(RGB)[:60] + b"xx" + png(RGB)[62:], "a checksum is wrong"),
        (png(RGB, 6), "PNG picture is damaged"),
        (png(RGB, depth=7), "PNG picture is damaged"),
        (jpeg_of_size(8192, 8192), "JPEG picture is damaged"),
        (jpeg_of_size(48, 8193), "not 8193 x 48"),
        (jpeg_of_size(65_500, 65_500), "not 65500 x 65500"),
        (jpeg_of_size(48, 7), "not 7 x 48"),
        (png_of_size(2**31 - 1, 2**31 - 1), "not 2147483647 x 2147483647"),
        (png_of_size(8193, 48), "not 48 x 8193"),
        (png_of_size(0, 48), "not 48 x 0"),
        (png(RGB[:7]), "not 64 x 7"),
    ],
)
def test_what_is_no_whole_picture_is_refused_in_one_line(file, says):
    with pytest.raises(BadInput, match=says) as caught:
        decode(file)
    assert "\n" not in caught.value.one_line()


def test_texts_and_profiles_in_a_png_are_never_unpacked():
    """given texts that would take 64 MB, when the picture is unpacked, then no such memory is taken"""
    bomb = zlib.compress(bytes(64_000_000), 9)
    extra = chunk(b"zTXt", b"note\0\0" + bomb) + chunk(b"iCCP", b"note\0\0" + bomb)
    file = png(RGB, more=extra)
    tracemalloc.start()
    try:
        np.testing.assert_array_equal(decode(file), RGB)
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damage_is_refused_or_harmless(data):
    file = bytearray(data.draw(st.sampled_from([jpeg(RGB), png(RGB)])))
    for _ in range(data.draw(st.integers(1, 4))):
        # Up to the middle, so that headers are hit often.
        file[data.draw(st.integers(0, len(file) // 2))] = data.draw(st.integers(0, 255))
    try:
        decoded = decode(bytes(file[: data.draw(st.integers(0, len(file)))]))
    except BadInput as e:
        assert "\n" not in e.one_line()
    else:
        assert decoded.dtype == np.uint8 and decoded.shape[2] == 3 and min(decoded.shape[:2]) >= 8
