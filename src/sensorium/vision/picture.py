"""From the bytes of a JPEG or PNG file to pixels. Nothing is unpacked before its size is known to be sane.

Knows nothing of what is in a picture.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pyspng
import simplejpeg
from numpy.typing import NDArray

from sensorium.errors import BadInput
from sensorium.vision.encoder import MIN_SIDE, PICTURE_SIDE, check_sides
from sensorium.vision.orientation import orientation, upright

_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_AGAIN = "save it again as JPEG or PNG"

# A large JPEG is unpacked at some eighths of its size, but not below this; the eye takes less.
_ENOUGH = 4 * PICTURE_SIDE
# Each scan of a progressive JPEG costs a pass over the whole picture; cameras and browsers write about ten.
_MAX_SCANS = 64
_START_OF_SCAN = b"\xff\xda"
# A JPEG is unpacked small at once, a PNG whole: a few KB of it can hold this many pixels.
_MAX_PNG_PIXELS = 1 << 25
_THUMBNAIL_STEP = 8

# All that pixels depend on. Texts and profiles stay packed: a few KB of them can unpack to gigabytes.
_PNG_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_IHDR_BYTES = 13
_ROWS_AT_ONCE = 256


def decode(file: bytes) -> NDArray[np.uint8]:
    """The picture in the file as uint8 (height, width, 3), RGB; what is transparent is white.

    A large JPEG may come smaller than it is; it is turned as its EXIF says. Not read: a PNG's single
    transparent colour outside a palette. Raises BadInput, in one line, for anything that is not a whole JPEG
    or PNG picture with sides of 8 to 8192, and for a PNG of more than 2^25 pixels.
    """
    if _is_jpeg(file):
        return _decode_jpeg(file, "RGB", _ENOUGH, MIN_SIDE)
    return _decode_png(file)


def thumbnail(file: bytes) -> NDArray[np.uint8]:
    """The same picture as uint8 (height, width), grey, at an eighth of its size: a JPEG's coarsest form, for
    which it is not unpacked. Raises BadInput as `decode` does."""
    if _is_jpeg(file):
        return _decode_jpeg(file, "GRAY", 1, 1)[..., 0]
    small = _decode_png(file)[::_THUMBNAIL_STEP, ::_THUMBNAIL_STEP]
    grey: NDArray[np.uint8] = np.rint(small.mean(2)).astype(np.uint8)
    return grey


def _is_jpeg(file: bytes) -> bool:
    if not file:
        raise BadInput("the picture's file is empty")
    if not file.startswith((_JPEG, _PNG)):
        raise BadInput("this is neither a JPEG nor a PNG picture", remedy=_AGAIN)
    return file.startswith(_JPEG)


def _decode_jpeg(file: bytes, colours: str, least_long: int, least_short: int) -> NDArray[np.uint8]:
    """At the fewest eighths of its size that leave so many pixels on the longer and the shorter side."""
    try:
        height, width = (int(n) for n in simplejpeg.decode_jpeg_header(file)[:2])
        check_sides(height, width)
        if file.count(_START_OF_SCAN) > _MAX_SCANS:
            raise BadInput(f"a JPEG of more than {_MAX_SCANS} scans", remedy=_AGAIN)
        least = {True: least_long, False: least_short}
        decoded = simplejpeg.decode_jpeg(
            file, colours, min_height=least[height >= width], min_width=least[width >= height]
        )
    except ValueError as e:
        raise BadInput(f"the JPEG picture is damaged: {_one_line(e)}", remedy=_AGAIN) from e
    return upright(np.asarray(decoded, np.uint8), orientation(file))


def _decode_png(file: bytes) -> NDArray[np.uint8]:
    chunks = _png_chunks(file)
    kind, header = chunks[0]
    if kind != b"IHDR" or len(header) != _IHDR_BYTES or chunks[-1][0] != b"IEND":
        raise BadInput("the PNG picture is damaged or cut off", remedy=_AGAIN)
    width, height, _, colour_type = struct.unpack_from(">IIBB", header)
    check_sides(height, width)
    if height * width > _MAX_PNG_PIXELS:
        raise BadInput(f"a PNG of {width} x {height} is more than {_MAX_PNG_PIXELS:,} pixels", remedy=_AGAIN)
    see_through = colour_type in (4, 6)
    if colour_type == 3:
        chunks = _opaque_palette(chunks)
    plain = _PNG + b"".join(_png_chunk(*chunk) for chunk in chunks)
    try:
        decoded = pyspng.load(plain, format="RGBA" if see_through else "RGB")
    except RuntimeError as e:
        raise BadInput(f"the PNG picture is damaged: {_one_line(e)}", remedy=_AGAIN) from e
    pixels = np.asarray(decoded, np.uint8)
    return _on_white(pixels) if see_through else pixels


def _png_chunks(file: bytes) -> list[tuple[bytes, bytes]]:
    """(name, content) of those that pixels depend on, in order, checksums right. Raises BadInput."""
    chunks = []
    at = len(_PNG)
    while at + 12 <= len(file):
        size, name = struct.unpack_from(">I4s", file, at)
        end = at + 8 + size
        if end + 4 > len(file):
            break
        if name in _PNG_CHUNKS:
            content = file[at + 8 : end]
            if zlib.crc32(name + content) != struct.unpack_from(">I", file, end)[0]:
                raise BadInput("the PNG picture is damaged: a checksum is wrong", remedy=_AGAIN)
            chunks.append((name, content))
        at = end + 4
        if name == b"IEND":
            break
    return chunks or [(b"", b"")]


def _opaque_palette(chunks: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The palette as it looks on white; pyspng leaves tRNS out of account."""
    parts = dict(chunks)
    palette, alpha = parts.get(b"PLTE", b""), parts.get(b"tRNS", b"")
    if not alpha or len(palette) % 3 or len(alpha) > len(palette) // 3:
        return chunks  # a wrong palette is the decoder's to refuse
    colours = np.frombuffer(palette, np.uint8).reshape(-1, 1, 3)
    opacity = np.frombuffer(alpha.ljust(len(colours), b"\xff"), np.uint8).reshape(-1, 1, 1)
    flat = _on_white(np.concatenate([colours, opacity], 2)).tobytes()
    return [(name, flat if name == b"PLTE" else content) for name, content in chunks if name != b"tRNS"]


def _png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content), name) + content + struct.pack(">I", zlib.crc32(name + content))


def _on_white(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (height, width, 4) with alpha -> (height, width, 3), some rows at a time to spare memory."""
    flat = np.empty((*pixels.shape[:2], 3), np.uint8)
    for top in range(0, len(pixels), _ROWS_AT_ONCE):
        some = pixels[top : top + _ROWS_AT_ONCE].astype(np.uint32)
        colour, alpha = some[..., :3], some[..., 3:]
        flat[top : top + _ROWS_AT_ONCE] = (colour * alpha + 255 * (255 - alpha) + 127) // 255
    return flat


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
