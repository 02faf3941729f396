"""From the ear's state at a word to what the mind reads in place of the word: one linear layer of the bundle.

Knows nothing of sound or of the model that makes the states.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BundleError

STATE_WIDTH = 256
MAX_WIDTH = 16_384

_WEIGHT, _BIAS = "ear_weight", "ear_bias"
_HEADER_BYTES = 4_096


class Projection:
    """Checked weights, shared by all streams of a process. Make one with `load`."""

    def __init__(self, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        self._weight = weight
        self._bias = bias

    @property
    def width(self) -> int:
        """Of a row: the mind's."""
        return len(self._bias)

    @classmethod
    def load(cls, path: Path) -> Projection:
        """Reads `ear_weight` (width, 256) and `ear_bias` (width,), float16 or float32, from an .npz file.

        Raises BundleError when the file is absent or broken, or when an array is missing, of another shape
        or type, or not finite.
        """
        try:
            with zipfile.ZipFile(path) as archive:
                _check_sizes(path, archive)
            with np.load(path, allow_pickle=False) as arrays:
                weight, bias = arrays[_WEIGHT], arrays[_BIAS]
        except FileNotFoundError as e:
            raise BundleError(f"{path} is missing", remedy="install the bundle again") from e
        except (OSError, ValueError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error) as e:
            raise BundleError(f"{path} cannot be read: {e}", remedy="install the bundle again") from e
        _check_arrays(path, weight, bias)
        return cls(np.ascontiguousarray(weight, np.float32), np.ascontiguousarray(bias, np.float32))

    def row(self, state: NDArray[np.float32]) -> NDArray[np.float32]:
        """`state` float32 (256,), that of one frame -> float32 (1, width)."""
        return np.asarray(self._weight @ state + self._bias, np.float32)[None]


def _check_sizes(path: Path, archive: zipfile.ZipFile) -> None:
    """Before anything is unpacked: a small file may hold a very large array."""
    sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    for name in (_WEIGHT, _BIAS):
        if f"{name}.npy" not in sizes:
            raise BundleError(f"{path} holds no {name}", remedy="export it with the mind that it belongs to")
        if sizes[f"{name}.npy"] > 4 * MAX_WIDTH * STATE_WIDTH + _HEADER_BYTES:
            raise BundleError(f"{path}: {name} is too large")


def _check_arrays(path: Path, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
    for name, array in ((_WEIGHT, weight), (_BIAS, bias)):
        if array.dtype not in (np.float16, np.float32):
            raise BundleError(f"{path}: {name} must be float16 or float32, not {array.dtype}")
    width = bias.shape[0] if bias.ndim == 1 else 0
    if not 0 < width <= MAX_WIDTH or weight.shape != (width, STATE_WIDTH):
        raise BundleError(
            f"{path}: {_WEIGHT} and {_BIAS} must be (width, {STATE_WIDTH}) and (width,), "
            f"not {weight.shape} and {bias.shape}"
        )
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise BundleError(f"{path}: values that are not numbers")
