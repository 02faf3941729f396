"""What a camera does to a picture: light, white balance, exposure, blur, noise, the blocks of JPEG.

Pictures are float32 (n, 96, 96, 3), 0 to 1. Whole batches at once. Knows nothing of what is in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sensorium.vision.encoder import PICTURE_SIDE

Pictures = NDArray[np.float32]


@dataclass(frozen=True)
class Camera:
    """Ranges that every picture draws from. `noise`: standard deviation; `blur`: of a Gaussian, in pixels."""

    noise: tuple[float, float] = (0.0, 0.06)
    blur: tuple[float, float] = (0.0, 1.0)
    exposure: tuple[float, float] = (0.8, 1.2)
    balance: float = 0.08
    blocks_share: float = 0.25
    bands_share: float = 0.15


def spoil(
    pictures: Pictures, room: NDArray[np.int64], camera: Camera, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """As the camera would deliver them, uint8. Writes over `pictures`.

    `room` (n, 2): how many lines at the top and the bottom, and at the left and the right, may be covered.
    """
    n = len(pictures)
    gain = rng.uniform(*camera.exposure, (n, 1)) * rng.uniform(1 - camera.balance, 1 + camera.balance, (n, 3))
    pictures *= gain.astype(np.float32)[:, None, None] * _light(rng, n)
    # A curve through 0 and 1 instead of a power: brighter or darker in the middle.
    bend = rng.uniform(-0.25, 0.25, (n, 1, 1, 1)).astype(np.float32)
    pictures += bend * pictures * (1 - pictures)
    pictures = _blurred(pictures, rng.uniform(*camera.blur, n))
    chosen = np.flatnonzero(rng.random(n) < camera.bands_share)
    if len(chosen):
        _put_bands(pictures, chosen, room, rng)
    _add_noise(pictures, rng.uniform(*camera.noise, n), rng)
    chosen = np.flatnonzero(rng.random(n) < camera.blocks_share)
    if len(chosen):
        pictures[chosen] = _through_jpeg(pictures[chosen], rng)
    np.clip(pictures, 0, 1, out=pictures)
    pictures *= 255
    pictures += 0.5
    return pictures.astype(np.uint8)


def _light(rng: np.random.Generator, n: int) -> Pictures:
    """A lamp from one side: up to a tenth brighter there, darker opposite."""
    axis = np.linspace(-1, 1, PICTURE_SIDE, dtype=np.float32)
    x, y = rng.uniform(-0.07, 0.07, (2, n, 1, 1)).astype(np.float32)
    light: Pictures = 1 + x * axis[None, None, :] + y * axis[None, :, None]
    return light[..., None]


def _blurred(pictures: Pictures, sigma: NDArray[np.float64]) -> Pictures:
    """Twice a kernel of (a, 1 - 2a, a) in both directions: variance 4a of the wanted sigma's square."""
    a = np.minimum(sigma**2 / 4, 0.33).astype(np.float32)[:, None, None, None]
    for _ in range(2):
        for axis in (1, 2):
            pictures = _smoothed(pictures, a, axis)
    return pictures


def _smoothed(pictures: Pictures, a: NDArray[np.float32], axis: int) -> Pictures:
    """Edges keep their own value."""
    inner, before, after = (
        tuple(slice(start, stop) if i == axis else slice(None) for i in range(4))
        for start, stop in ((1, -1), (0, -2), (2, None))
    )
    out = pictures.copy()
    out[inner] += a * (pictures[before] + pictures[after] - 2 * pictures[inner])
    return out


def _put_bands(
    pictures: Pictures, chosen: NDArray[np.int64], room: NDArray[np.int64], rng: np.random.Generator
) -> None:
    """Bands of the mean colour at two sides, as `vision.encoder.fit` puts them beside a picture."""
    for row in chosen:
        axis = int(rng.integers(2))
        band = int(rng.integers(0, room[row, axis] + 1))
        lines = pictures[row] if axis == 0 else pictures[row].transpose(1, 0, 2)
        mean = lines[band : PICTURE_SIDE - band].mean((0, 1))
        lines[:band] = mean
        lines[PICTURE_SIDE - band :] = mean


@cache
def _noise_bank() -> NDArray[np.float32]:
    """Drawing fresh normal numbers would cost as much as all else together."""
    return np.random.default_rng(96).standard_normal(1 << 21, np.float32)


def _add_noise(pictures: Pictures, deviation: NDArray[np.float64], rng: np.random.Generator) -> None:
    bank = _noise_bank()
    size = pictures[0].size
    for picture, wanted in zip(pictures, deviation, strict=True):
        start = int(rng.integers(0, len(bank) - size))
        picture += np.float32(wanted) * bank[start : start + size].reshape(picture.shape)


@cache
def _cosines() -> NDArray[np.float32]:
    """The orthonormal 8 x 8 cosine transform."""
    k, i = np.mgrid[:8, :8]
    table = np.cos((2 * i + 1) * k * np.pi / 16) * np.sqrt(np.where(k == 0, 1, 2) / 8)
    cosines: NDArray[np.float32] = table.astype(np.float32)
    return cosines


def _through_jpeg(pictures: Pictures, rng: np.random.Generator) -> Pictures:
    """Cosines of 8 x 8 blocks, rounded the more coarsely the higher they are (no chroma subsampling)."""
    n, cells = len(pictures), PICTURE_SIDE // 8
    blocks = pictures.reshape(n, cells, 8, cells, 8, 3).transpose(0, 1, 3, 5, 2, 4)
    table = _cosines()
    waves = table @ blocks @ table.T
    k = np.arange(8, dtype=np.float32)
    coarse = (1 + k[:, None] + k[None, :]) * rng.uniform(0.01, 0.06, (n, 1, 1, 1, 1, 1)).astype(np.float32)
    waves = np.rint(waves / coarse) * coarse
    rounded: Pictures = (table.T @ waves @ table).transpose(0, 1, 4, 2, 5, 3)
    return rounded.reshape(pictures.shape)
