# ruff: noqa: SIM905 (word lists read better as text)
"""What a picture shows, as plain data: one to four things, where they lie, and on what they lie.

From here come the truth of every picture and the questions that a mind may be asked about it. What training
never draws is decided here too. Knows nothing of pixels.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from sensorium.vision.encoder import MAX_THINGS, PICTURE_SIDE, Thing
from training.world import ONES, WORDS

# "combinations": only looks in colours that training never shows them in. "backdrops": grounds never trained.
Split = Literal["train", "combinations", "backdrops"]

SHAPES = WORDS["shape"]
DIGITS = ONES[:10]
MOODS = ("happy", "sad", "angry", "surprised", "calm")
# How a thing may look: (kind, detail). The order is that of the encoder's read-out.
LOOKS: tuple[tuple[str, str], ...] = (
    *((shape, "") for shape in SHAPES),
    *(("number", digit) for digit in DIGITS),
    *(("face", mood) for mood in MOODS),
)
# Those of the world's colours that a camera can tell apart. Left out: silver (grey), golden (yellow), violet
# and indigo (purple, blue), beige (white, brown), crimson (red).
COLOURS = tuple("red orange yellow green turquoise blue purple pink brown black white grey".split())

BACKDROPS = tuple("plain gradient spot clouds grain stripes mosaic horizon".split())
HELD_OUT_BACKDROPS = ("checks", "rings")

# Radius in pixels of a picture of 96: a number and a face need more of them than a shape.
_RADII = {"number": (12.0, 20.0), "face": (13.0, 20.0)}
_SHAPE_RADII = (9.0, 20.0)
# Centres of two things are at least two cells of the encoder apart, so that each has its own peak.
_APART = 16.0
_EMPTY_SHARE, _ALIKE_SHARE = 0.03, 0.2


@dataclass(frozen=True)
class Scene:
    """The truth of one picture. `things` from left to right; their confidence is 1."""

    things: tuple[Thing, ...]
    backdrop: str


def held_out(look: tuple[str, str], colour: str) -> bool:
    """Whether training never shows this look in this colour: one or two colours of every look."""
    return (3 * LOOKS.index(look) + 5 * COLOURS.index(colour)) % 11 == 7


_TRAINED = {look: [c for c in COLOURS if not held_out(look, c)] for look in LOOKS}
_HELD = {look: [c for c in COLOURS if held_out(look, c)] for look in LOOKS}


def draw_scene(rng: random.Random, split: Split = "train", *, num_things: int | None = None) -> Scene:
    """A scene of `num_things` (else 1 to 4, seldom none). Fewer when they found no room."""
    if num_things is None:
        num_things = 0 if rng.random() < _EMPTY_SHARE else rng.randint(1, MAX_THINGS)
    alike = _look(rng) if rng.random() < _ALIKE_SHARE else None
    things: list[Thing] = []
    for _ in range(num_things):
        look = alike or _look(rng)
        colour = rng.choice((_HELD if split == "combinations" else _TRAINED)[look])
        place = _place(rng, look[0], things)
        if place is not None:
            x, y, radius = (value / PICTURE_SIDE for value in place)
            things.append(Thing(*look, colour, x, y, 2 * radius, 1.0))
    things.sort(key=lambda thing: thing.x)
    backdrop = rng.choice(HELD_OUT_BACKDROPS if split == "backdrops" else BACKDROPS)
    return Scene(tuple(things), backdrop)


def side(a: Thing, b: Thing) -> str | None:
    """Where `a` lies of `b`: "left", "right", "above", "below", or None where a person might not agree."""
    across, down = a.x - b.x, a.y - b.y
    if abs(abs(across) - abs(down)) < 0.08:
        return None
    if abs(across) > abs(down):
        return "left" if across < 0 else "right"
    return "above" if down < 0 else "below"


def _look(rng: random.Random) -> tuple[str, str]:
    """Half of the things are shapes, a third numbers, a sixth faces."""
    group = rng.random()
    if group < 0.5:
        return LOOKS[rng.randrange(10)]
    return LOOKS[rng.randrange(10, 20)] if group < 0.8 else LOOKS[rng.randrange(20, 25)]


def _place(rng: random.Random, kind: str, others: list[Thing]) -> tuple[float, float, float] | None:
    """x, y and radius in pixels, clear of the others; smaller when there is little room; None without any."""
    low, high = _RADII.get(kind, _SHAPE_RADII)
    for attempt in range(40):
        radius = rng.uniform(low, high - (high - low) * attempt / 40)
        x, y = (rng.uniform(radius + 1, PICTURE_SIDE - radius - 1) for _ in range(2))
        if all(_clear(x, y, radius, other) for other in others):
            return x, y, radius
    return None


def _clear(x: float, y: float, radius: float, other: Thing) -> bool:
    across, down = x - other.x * PICTURE_SIDE, y - other.y * PICTURE_SIDE
    reach = radius + other.size * PICTURE_SIDE / 2
    return max(abs(across), abs(down)) >= _APART and across**2 + down**2 >= reach**2
