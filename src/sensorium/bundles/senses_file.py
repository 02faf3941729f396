"""From what a sense gives to what the mind reads in place of a word: one linear layer for each sense.

Knows nothing of sound, pictures or the models that make the states.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BundleError

MAX_WIDTH = 16_384
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

    @property
    def state_width(self) -> int:
        """Of what a sense gives."""
        return int(self._weight.shape[1])

    @classmethod
    def load(cls, path: Path, sense: str, state_width: int) -> Projection:
        """Reads the arrays of `sense` ("ear", "eye") from an .npz file: for an ear `ear_weight`
        (width, `state_width`) and `ear_bias` (width,), float16 or float32.

        Raises BundleError when the file is absent or broken, or when an array is missing, of another shape
        or type, or not finite.
        """
        names = (f"{sense}_weight", f"{sense}_bias")
        try:
            with zipfile.ZipFile(path) as archive:
                _check_sizes(path, archive, names, 4 * MAX_WIDTH * state_width + _HEADER_BYTES)
            with np.load(path, allow_pickle=False) as arrays:
                weight, bias = (arrays[name] for name in names)
        except FileNotFoundError as e:
            raise BundleError(f"{path} is missing", remedy="install the bundle again") from e
        except (OSError, ValueError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error) as e:
            raise BundleError(f"{path} cannot be read: {e}", remedy="install the bundle again") from e
        _check_arrays(path, dict(zip(names, (weight, bias), strict=True)), state_width)
        return cls(np.ascontiguousarray(weight, np.float32), np.ascontiguousarray(bias, np.float32))

    def row(self, state: NDArray[np.float32]) -> NDArray[np.float32]:
        """`state` float32 (state_width,) -> float32 (1, width)."""
        return np.asarray(self._weight @ state + self._bias, np.float32)[None]


def _check_sizes(path: Path, archive: zipfile.ZipFile, names: tuple[str, ...], max_bytes: int) -> None:
    """Before anything is unpacked: a small file may hold a very large array."""
    sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    for name in names:
        if f"{name}.npy" not in sizes:
            raise BundleError(f"{path} holds no {name}", remedy="export it with the mind that it belongs to")
        if sizes[f"{name}.npy"] > max_bytes:
            raise BundleError(f"{path}: {name} is too large")


def _check_arrays(path: Path, arrays: dict[str, NDArray[np.generic]], state_width: int) -> None:
    for name, array in arrays.items():
        if array.dtype not in (np.float16, np.float32):
            raise BundleError(f"{path}: {name} must be float16 or float32, not {array.dtype}")
    weight, bias = arrays.values()
    width = bias.shape[0] if bias.ndim == 1 else 0
    if not 0 < width <= MAX_WIDTH or weight.shape != (width, state_width):
        raise BundleError(
            f"{path}: {' and '.join(arrays)} must be (width, {state_width}) and (width,), "
            f"not {weight.shape} and {bias.shape}"
        )
    if not all(np.isfinite(array.astype(np.float32)).all() for array in arrays.values()):
        raise BundleError(f"{path}: values that are not numbers")
