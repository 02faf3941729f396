"""Embedding rows that travel beside a prompt: checked before anything is computed with them.

A prompt says how many rows stand where and what their bytes hash to; here the bytes become numbers. Knows
nothing of what was heard or seen.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput
from sensorium.request import Prompt


def read_rows(prompt: Prompt, payload: bytes, width: int) -> NDArray[np.float32] | None:
    """float32 (rows of all parts of `prompt`, width) from float32 little-endian bytes; None when it has none.

    Raises BadInput when the size is wrong, a part's SHA-256 differs or a number is not finite.
    """
    parts = [part for block in prompt.blocks for part in block.parts if part.rows]
    if any(part.rows < 0 for part in parts):
        raise BadInput("a part of a prompt with fewer than no embedding rows")
    num_rows = sum(part.rows for part in parts)
    num_bytes = num_rows * width * 4
    if len(payload) != num_bytes:
        raise BadInput(f"{num_rows} embedding rows of {width} take {num_bytes} bytes, not {len(payload)}")
    if not num_rows:
        return None
    start = 0
    for part in parts:
        end = start + part.rows * width * 4
        if hashlib.sha256(payload[start:end]).hexdigest() != part.text:
            raise BadInput("embedding rows are not those that the prompt names (sha256 differs)")
        start = end
    rows = np.frombuffer(payload, "<f4").reshape(num_rows, width).astype(np.float32, copy=False)
    check_rows(rows, width)
    return rows


def check_rows(rows: NDArray[np.float32], width: int) -> None:
    """Raises BadInput when `rows` are not float32 (n, width) or hold a number that is not finite."""
    if rows.ndim != 2 or rows.shape[1] != width or rows.dtype != np.float32:
        raise BadInput(f"embedding rows are {rows.dtype} {rows.shape}, not float32 (n, {width})")
    if not np.isfinite(rows).all():
        raise BadInput("an embedding row holds a number that is not finite")
