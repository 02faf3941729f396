"""What lies behind the things: two colours, mixed by a field. Whole batches at once.

Knows nothing of things but the colours to keep away from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from sensorium.vision.encoder import PICTURE_SIDE

Fields = NDArray[np.float32]  # (n, side, side), 0 to 1

_CLEAR = 0.38  # least distance in RGB between a thing and what is behind it
# How far the second colour may be from the first: what has edges of its own must stay behind.
_CONTRAST = {"mosaic": 0.16, "checks": 0.2, "stripes": 0.25, "rings": 0.25, "grain": 0.3}
_AXIS = (np.arange(PICTURE_SIDE, dtype=np.float32) + 0.5) / PICTURE_SIDE
_X, _Y = _AXIS[None, None, :], _AXIS[None, :, None]


def paint(kinds: Sequence[str], taken: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Backdrops float32 (n, 96, 96, 3). `taken` (n, m, 3): colours in front, NaN where there is none."""
    first, second = _colours(kinds, taken, rng)
    fields = np.zeros((len(kinds), PICTURE_SIDE, PICTURE_SIDE), np.float32)
    names = np.array(kinds)
    for name in sorted(set(kinds)):
        rows = np.flatnonzero(names == name)
        fields[rows] = FIELDS[name](rng, len(rows))
    ground: NDArray[np.float32] = first[:, None, None] + fields[..., None] * (second - first)[:, None, None]
    return ground


def _colours(
    kinds: Sequence[str], taken: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Two colours (n, 3) for each picture, both away from `taken` if any of the tries is."""
    n = len(kinds)
    pale = rng.random((n, 24, 1), np.float32) < 0.4
    tries = rng.random((n, 24, 3), np.float32)
    tries = np.where(pale, tries.mean(-1, keepdims=True) + 0.15 * (tries - 0.5), tries).clip(0, 1)
    first = _farthest(tries, taken)
    reach = np.array([_CONTRAST.get(kind, 0.6) for kind in kinds], np.float32)[:, None, None]
    steps = rng.normal(0, 1, (n, 24, 3)).astype(np.float32)
    steps *= (
        rng.uniform(0.3, 1, (n, 24, 1)).astype(np.float32) * reach / np.linalg.norm(steps, axis=-1)[..., None]
    )
    return first, _farthest((first[:, None] + steps).clip(0, 1), taken)


def _farthest(tries: NDArray[np.float32], taken: NDArray[np.float32]) -> NDArray[np.float32]:
    """The first of (n, tries, 3) that is clear of all taken colours, else the clearest."""
    gaps = np.linalg.norm(tries[:, :, None] - taken[:, None], axis=-1)
    room = np.where(np.isnan(gaps), np.inf, gaps).min(-1, initial=np.inf)
    chosen: NDArray[np.float32] = tries[np.arange(len(tries)), np.minimum(room, _CLEAR).argmax(1)]
    return chosen


def _plain(_rng: np.random.Generator, n: int) -> Fields:
    return np.zeros((n, PICTURE_SIDE, PICTURE_SIDE), np.float32)


def _slope(rng: np.random.Generator, n: int) -> Fields:
    """-1 to 1 across the picture, in any direction."""
    angle = rng.uniform(0, 2 * np.pi, (n, 1, 1)).astype(np.float32)
    slope = ((_X - 0.5) * np.cos(angle) + (_Y - 0.5) * np.sin(angle)) * 1.42
    return slope.astype(np.float32)


def _gradient(rng: np.random.Generator, n: int) -> Fields:
    return 0.5 + 0.5 * _slope(rng, n)


def _from_a_point(rng: np.random.Generator, n: int) -> Fields:
    x, y = rng.uniform(0, 1, (2, n, 1, 1)).astype(np.float32)
    distance: Fields = np.sqrt((_X - x) ** 2 + (_Y - y) ** 2)
    return distance


def _spot(rng: np.random.Generator, n: int) -> Fields:
    return (_from_a_point(rng, n) * _between(rng, n, 0.8, 1.8)).clip(0, 1)


def _clouds(rng: np.random.Generator, n: int) -> Fields:
    cells = int(rng.integers(4, 9))
    coarse = rng.random((n, cells, cells), np.float32)
    rise = np.maximum(0, 1 - np.abs(_AXIS[:, None] * (cells - 1) - np.arange(cells, dtype=np.float32)))
    clouds: Fields = rise @ coarse @ rise.T
    return clouds


def _grain(rng: np.random.Generator, n: int) -> Fields:
    return rng.random((n, PICTURE_SIDE, PICTURE_SIDE), np.float32)


def _waves(phase: Fields, rng: np.random.Generator) -> Fields:
    """Soft or hard edges."""
    sharp = rng.choice((0.6, 3.0), (len(phase), 1, 1)).astype(np.float32)
    return (0.5 + sharp * np.sin(phase)).clip(0, 1)


def _stripes(rng: np.random.Generator, n: int) -> Fields:
    return _waves(_slope(rng, n) * _between(rng, n, 10, 40) + _between(rng, n, 0, 6.3), rng)


def _rings(rng: np.random.Generator, n: int) -> Fields:
    return _waves(_from_a_point(rng, n) * _between(rng, n, 25, 70), rng)


def _mosaic(rng: np.random.Generator, n: int) -> Fields:
    cells = int(rng.integers(6, 17))
    of_pixel = np.arange(PICTURE_SIDE) * cells // PICTURE_SIDE
    return rng.random((n, cells, cells), np.float32)[:, of_pixel][:, :, of_pixel]


def _checks(rng: np.random.Generator, n: int) -> Fields:
    count = _between(rng, n, 5, 14)
    return ((np.floor(_X * count) + np.floor(_Y * count)) % 2).astype(np.float32)


def _horizon(rng: np.random.Generator, n: int) -> Fields:
    return (0.5 + (_slope(rng, n) - _between(rng, n, -0.5, 0.5)) * _between(rng, n, 3, 60)).clip(0, 1)


def _between(rng: np.random.Generator, n: int, low: float, high: float) -> NDArray[np.float32]:
    return rng.uniform(low, high, (n, 1, 1)).astype(np.float32)


FIELDS: dict[str, Callable[[np.random.Generator, int], Fields]] = {
    "plain": _plain,
    "gradient": _gradient,
    "spot": _spot,
    "clouds": _clouds,
    "grain": _grain,
    "stripes": _stripes,
    "mosaic": _mosaic,
    "horizon": _horizon,
    "checks": _checks,
    "rings": _rings,
}
