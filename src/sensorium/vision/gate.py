"""Does a frame show anything new? Two small grey pictures, compared block by block.

Pure. Knows nothing of files, cameras or streams, and keeps nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput

BLOCKS_HIGH, BLOCKS_WIDE = 18, 32
# Of 256 grey levels. Noise and other JPEG qualities move the blocks of nano's pictures by up to 3, another
# picture moves one of them by 75 or more (measured; tests/unit/vision/test_gate.py keeps it so).
NEW_LEVELS = 10.0


def block_means(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """`grey` uint8 (height, width), any size from 1 x 1: float32 (18, 32), the mean of each block."""
    if not isinstance(grey, np.ndarray) or grey.dtype != np.uint8 or grey.ndim != 2 or not grey.size:
        raise BadInput("the gate takes a grey picture, uint8 (height, width)")
    rows, num_rows = _cuts(grey.shape[0], BLOCKS_HIGH)
    columns, num_columns = _cuts(grey.shape[1], BLOCKS_WIDE)
    by_row = np.add.reduceat(grey, rows, axis=0, dtype=np.float32) / num_rows[:, None]
    means = np.add.reduceat(by_row, columns, axis=1) / num_columns
    return means.astype(np.float32, copy=False)


def shows_news(now: NDArray[np.float32], before: NDArray[np.float32]) -> bool:
    """Both as `block_means` gives them. One block that changed is enough: a thing may be small."""
    return bool(np.abs(now - before).max() >= NEW_LEVELS)


def _cuts(length: int, num_blocks: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Where each block starts and how many pixels it sums; a picture with fewer pixels repeats them."""
    starts = np.arange(num_blocks) * length // num_blocks
    # Of two equal starts reduceat gives the one pixel for the first.
    sizes = np.maximum(np.diff(starts, append=length), 1)
    return starts, sizes.astype(np.float32)
