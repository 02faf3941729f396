"""How a JPEG's file says that its picture is to be turned: the orientation tag of EXIF 2.3, section 4.6.4.

Reads a few bytes of the file's head and believes no length in it; what makes no sense means upright.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

UPRIGHT = 1
_SOI, _SOS, _APP1 = b"\xff\xd8", 0xDA, 0xE1
_EXIF = b"Exif\0\0"
_ORIENTATION, _SHORT = 0x0112, 3
_MAX_SEGMENTS, _MAX_TAGS = 64, 256


def orientation(file: bytes) -> int:
    """1 (upright) to 8, as in EXIF; 1 where there is no such tag or it cannot be read."""
    at = len(_SOI)
    for _ in range(_MAX_SEGMENTS):
        if at + 4 > len(file) or file[at] != 0xFF or file[at + 1] == _SOS:
            return UPRIGHT
        kind, size = file[at + 1], int.from_bytes(file[at + 2 : at + 4], "big")
        segment = file[at + 4 : at + 2 + size]
        if kind == _APP1 and segment.startswith(_EXIF):
            return _in_tiff(segment[len(_EXIF) :])
        at += 2 + max(2, size)
    return UPRIGHT


def upright(picture: NDArray[np.uint8], turned: int) -> NDArray[np.uint8]:
    """`picture` uint8 (height, width, ...) as it is meant to be seen; `turned` as `orientation` gives it."""
    if turned >= 5:
        picture = picture.swapaxes(0, 1)
    if turned in (3, 4, 7, 8):
        picture = picture[::-1]
    if turned in (2, 3, 6, 7):
        picture = picture[:, ::-1]
    return np.ascontiguousarray(picture)


def _in_tiff(tiff: bytes) -> int:
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2], "")
    if not order or len(tiff) < 8:
        return UPRIGHT
    (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
    if directory + 2 > len(tiff):
        return UPRIGHT
    (num_tags,) = struct.unpack_from(f"{order}H", tiff, directory)
    for n in range(min(num_tags, _MAX_TAGS)):
        at = directory + 2 + 12 * n
        if at + 12 > len(tiff):
            return UPRIGHT
        tag, kind, count, value = struct.unpack_from(f"{order}HHIH", tiff, at)
        if tag == _ORIENTATION:
            return value if kind == _SHORT and count == 1 and 1 <= value <= 8 else UPRIGHT
    return UPRIGHT
