"""The form of every look as signed distances on a small grid, in many variants: the masks of all drawing.

Units: a thing lies in -1 to 1, y downwards; distances are negative inside. Knows nothing of colours or
pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.eye.scenes import LOOKS

Points = NDArray[np.float32]  # (n, 2)

GRID = 48
SPAN = 1.15  # the grid reaches from -SPAN to SPAN
VARIANTS = 20
_FAR = 9.0
_DIGIT_HEIGHT = 0.87  # leaves room for the width of the stroke


class Atlas(NamedTuple):
    """Forms of all looks; variant v of look i is row i * VARIANTS + v. Both float32 (rows, GRID, GRID)."""

    body: NDArray[np.float32]
    mark: NDArray[np.float32]  # a face's eyes and mouth; far outside for everything else


@cache
def atlas(seed: int = 0) -> Atlas:
    """Made once in a process, in about a second."""
    rng = np.random.default_rng(seed)
    made = [_form(look, rng) for look in LOOKS for _ in range(VARIANTS)]
    return Atlas(np.stack([body for body, _ in made]), np.stack([mark for _, mark in made]))


def _form(look: tuple[str, str], rng: np.random.Generator) -> tuple[Points, Points]:
    kind, detail = look
    if kind == "number":
        return _strokes(_digit(detail, rng), rng.uniform(0.11, 0.2)), _nothing()
    if kind == "face":
        head = _arc(0, 0, rng.uniform(0.9, 1.0), rng.uniform(0.9, 1.0), 0, 360, 32)
        return _filled(head), _features(detail, rng)
    return _filled(_shape(kind, rng)), _nothing()


def _nothing() -> NDArray[np.float32]:
    return np.full((GRID, GRID), _FAR, np.float32)


def _shape(kind: str, rng: np.random.Generator) -> Points:
    u = rng.uniform
    match kind:
        case "circle":
            return _arc(0, 0, 0.95, 0.95, 0, 360, 36)
        case "oval":
            return _arc(0, 0, 1.0, u(0.48, 0.66), 0, 360, 36)
        case "square":
            return _points((-0.8, -0.8), (0.8, -0.8), (0.8, 0.8), (-0.8, 0.8))
        case "triangle":
            return _points((u(-0.15, 0.15), -u(0.85, 1.0)), (0.9, 0.7), (-0.9, 0.7))
        case "diamond":
            return _points((0, -1), (w := u(0.52, 0.72), 0), (0, 1), (-w, 0))
        case "star":
            radii = np.where(np.arange(10) % 2, u(0.38, 0.5), 1.0)
            angles = np.deg2rad(36 * np.arange(10) - 90)
            return _columns(radii * np.cos(angles), radii * np.sin(angles))
        case "heart":
            t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
            y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
            return _columns(np.sin(t) ** 3 * u(0.9, 1.0), -(y + 2.5) / 15.5)
        case "cross":
            a, b = u(0.24, 0.36), 0.95
            quarter = _points((a, -b), (a, -a), (b, -a))
            turns = [quarter @ _turn(90 * k) for k in range(4)]
            return np.concatenate(turns)
        case "arrow":
            neck, shaft, head = u(-0.05, 0.2), u(0.16, 0.3), u(0.6, 0.8)
            upper = [(-1, -shaft), (neck, -shaft), (neck, -head), (1, 0)]
            return _points(*upper, *((x, -y) for x, y in reversed(upper[:-1])))
        case "moon":
            reach = u(40, 60)
            outer = _arc(0.25, 0, 0.95, 0.95, reach, 360 - reach, 24)
            tip = outer[0]
            x = u(0.45, 0.65) + 0.25
            radius = float(np.hypot(tip[0] - x, tip[1]))
            angle = float(np.rad2deg(np.arctan2(tip[1], tip[0] - x)))
            return np.concatenate([outer, _arc(x, 0, radius, radius, 360 - angle, angle, 18)[1:-1]])
    raise ValueError(f"no shape called {kind}")


def _digit(word: str, rng: np.random.Generator) -> list[Points]:
    """Lines of a digit, each hand a little different."""
    lines = _DIGIT_LINES[word](rng)
    slant, width = rng.uniform(-0.18, 0.18), rng.uniform(0.8, 1.1)
    wobble = rng.normal(0, 0.035, 8)
    drawn = []
    for line in lines:
        x, y = line[:, 0] * width - slant * line[:, 1], line[:, 1]
        bent = (
            x + wobble[0] + wobble[1] * np.sin(2 * y + wobble[2] * 60),
            y * (1 + wobble[3]) + wobble[4] * np.sin(2 * x + wobble[5] * 60),
        )
        drawn.append(_columns(*bent) * _DIGIT_HEIGHT)
    return drawn


def _six(rng: np.random.Generator) -> list[Points]:
    return [
        _arc(0, 0.38, 0.52, 0.52, 0, 360, 20),
        _arc(0.45, 0.38, 0.97, 1.27, 180, rng.uniform(255, 275), 10),
    ]


def _one(rng: np.random.Generator) -> list[Points]:
    foot = [_points((-0.35, 0.9), (0.35, 0.9))] if rng.random() < 0.4 else []
    return [_points((-rng.uniform(0.25, 0.45), -0.5), (0, -0.9), (0, 0.9)), *foot]


def _three(rng: np.random.Generator) -> list[Points]:
    upper = _arc(-0.05, -0.45, 0.5, 0.45, 200, 440, 14)
    return [upper, _arc(-0.05, 0.42, 0.56, 0.48, 275, 520, 14)]


def _seven(rng: np.random.Generator) -> list[Points]:
    bar = [_points((-0.2, 0.05), (0.42, 0.05))] if rng.random() < 0.3 else []
    return [_points((-0.52, -0.9), (0.52, -0.9), (rng.uniform(-0.25, 0.05), 0.9)), *bar]


_DIGIT_LINES: dict[str, Callable[[np.random.Generator], list[Points]]] = {
    "zero": lambda rng: [_arc(0, 0, rng.uniform(0.45, 0.6), 0.92, 0, 360, 28)],
    "one": _one,
    "two": lambda rng: [
        np.concatenate([_arc(0, -0.42, 0.52, 0.48, 190, 390, 14), _points((-0.52, 0.9), (0.55, 0.9))])
    ],
    "three": _three,
    "four": lambda rng: [_points((0.2, 0.92), (0.2, -0.9), (-0.6, 0.3), (0.62, 0.3))],
    "five": lambda rng: [
        np.concatenate(
            [_points((0.48, -0.9), (-0.38, -0.9), (-0.43, -0.08)), _arc(0, 0.33, 0.56, 0.56, 232, 505, 16)]
        )
    ],
    "six": _six,
    "seven": _seven,
    "eight": lambda rng: [_arc(0, -0.46, 0.42, 0.44, 0, 360, 18), _arc(0, 0.42, 0.54, 0.5, 0, 360, 20)],
    "nine": lambda rng: [-line for line in _six(rng)],
}


def _features(mood: str, rng: np.random.Generator) -> NDArray[np.float32]:
    """Eyes, mouth and brows."""
    u = rng.uniform
    line = u(0.085, 0.125)
    apart, height = u(0.3, 0.4), -u(0.15, 0.28)
    eyes = [_points((x, height - 0.03), (x, height + 0.03)) for x in (-apart, apart)]
    parts = [_strokes(eyes, u(0.11, 0.16))]
    match mood:
        case "happy":
            parts.append(_strokes([_arc(0, u(0.08, 0.18), u(0.42, 0.55), u(0.36, 0.46), 10, 170, 12)], line))
        case "sad":
            parts.append(_strokes([_arc(0, u(0.66, 0.76), u(0.36, 0.48), u(0.3, 0.38), 195, 345, 12)], line))
        case "angry":
            tilt = u(0.18, 0.28)
            brows = [_points((s * 0.62, height - 0.2 - tilt), (s * 0.12, height - 0.18)) for s in (-1, 1)]
            parts.append(_strokes([*brows, _points((-0.3, 0.5), (0.3, 0.5))], line))
        case "surprised":
            parts.append(_filled(_arc(0, u(0.4, 0.48), u(0.17, 0.24), u(0.2, 0.28), 0, 360, 16)))
        case "calm":
            width = u(0.32, 0.45)
            parts.append(_strokes([_points((-width, 0.42), (width, 0.42))], line))
        case _:
            raise ValueError(f"no mood called {mood}")
    together: NDArray[np.float32] = np.minimum.reduce(parts)
    return together


def _points(*pairs: tuple[float, float]) -> Points:
    return np.array(pairs, np.float32)


def _columns(x: NDArray[np.floating], y: NDArray[np.floating]) -> Points:
    return np.stack([x, y], 1).astype(np.float32)


def _arc(x: float, y: float, rx: float, ry: float, start: float, end: float, num: int) -> Points:
    """Degrees; 0 is right, 90 is down."""
    angles = np.deg2rad(np.linspace(start, end, num))
    return _columns(x + rx * np.cos(angles), y + ry * np.sin(angles))


def _turn(degrees: float) -> NDArray[np.float32]:
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[c, s], [-s, c]], np.float32)


_AXIS = (np.arange(GRID, dtype=np.float32) + 0.5) / GRID * 2 * SPAN - SPAN
_X, _Y = np.tile(_AXIS, GRID)[:, None], np.repeat(_AXIS, GRID)[:, None]


def _distances(starts: Points, ends: Points) -> NDArray[np.float32]:
    """From every grid point to the nearest of the segments: (GRID * GRID,)."""
    along_x, along_y = (ends - starts).T
    length2 = np.maximum(along_x**2 + along_y**2, 1e-9)
    away_x, away_y = _X - starts[:, 0], _Y - starts[:, 1]
    share = np.clip((away_x * along_x + away_y * along_y) / length2, 0, 1)
    away_x -= share * along_x
    away_y -= share * along_y
    nearest: NDArray[np.float32] = np.sqrt((away_x * away_x + away_y * away_y).min(1))
    return nearest


def _strokes(lines: list[Points], half_width: float) -> NDArray[np.float32]:
    starts, ends = (np.concatenate([line[cut] for line in lines]) for cut in (slice(-1), slice(1, None)))
    return (_distances(starts, ends) - half_width).reshape(GRID, GRID).astype(np.float32)


def _filled(polygon: Points) -> NDArray[np.float32]:
    """Inside is where a ray to the right crosses the outline an odd number of times."""
    starts, ends = polygon, np.roll(polygon, -1, 0)
    rise = ends[:, 1] - starts[:, 1]
    slope = (ends[:, 0] - starts[:, 0]) / np.where(rise == 0, 1, rise)
    crosses = (starts[:, 1] > _Y) != (ends[:, 1] > _Y)
    inside = (crosses & (starts[:, 0] + (_Y - starts[:, 1]) * slope > _X)).sum(1) % 2 == 1
    distance = _distances(starts, ends)
    return np.where(inside, -distance, distance).reshape(GRID, GRID).astype(np.float32)
