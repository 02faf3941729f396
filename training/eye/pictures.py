"""Draws scenes: masks from the outlines' atlas, laid over backdrops, seen through a camera."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sensorium.vision.encoder import MAX_THINGS, PICTURE_SIDE, Thing
from training.eye.backdrops import paint
from training.eye.camera import Camera, spoil
from training.eye.outlines import GRID, SPAN, VARIANTS, atlas
from training.eye.scenes import COLOURS, LOOKS, Scene

# Hue in degrees, saturation, value: apart by more than the camera moves them.
_RANGES: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "red": ((352, 366), (0.8, 1), (0.7, 0.95)),
    "orange": ((23, 33), (0.85, 1), (0.92, 1)),
    "yellow": ((51, 60), (0.75, 1), (0.9, 1)),
    "green": ((100, 140), (0.6, 1), (0.45, 0.8)),
    "turquoise": ((170, 182), (0.6, 0.95), (0.75, 0.95)),
    "blue": ((216, 238), (0.75, 1), (0.6, 1)),
    "purple": ((272, 288), (0.6, 0.95), (0.45, 0.7)),
    "pink": ((325, 342), (0.35, 0.6), (0.95, 1)),
    "brown": ((18, 30), (0.6, 0.85), (0.3, 0.48)),
    "black": ((0, 360), (0, 0.3), (0.02, 0.12)),
    "white": ((0, 360), (0, 0.05), (0.94, 1)),
    "grey": ((0, 360), (0, 0.06), (0.42, 0.58)),
}
assert tuple(_RANGES) == COLOURS

# How far a thing may be turned, in degrees: a square stays a square, a six a six.
_TURNS = {"square": 13, "diamond": 12, "heart": 25, "number": 13, "face": 15}
_SMALL_RADIUS, _SMALL_PATCH, _PATCH = 12.5, 32, 48
_MARGIN = _PATCH // 2
_BORDER_SHARE = 0.25


def draw(
    scenes: Sequence[Scene], rng: np.random.Generator, camera: Camera | None = None
) -> NDArray[np.uint8]:
    """Pictures uint8 (n, 96, 96, 3), RGB, one for each scene."""
    taken = np.full((len(scenes), MAX_THINGS, 3), np.nan, np.float32)
    for row, scene in enumerate(scenes):
        for slot, thing in enumerate(scene.things):
            taken[row, slot] = _tint(thing.colour, rng)
    ground = paint([scene.backdrop for scene in scenes], taken, rng)
    canvas = np.zeros((len(scenes), PICTURE_SIDE + 2 * _MARGIN, PICTURE_SIDE + 2 * _MARGIN, 3), np.float32)
    inside = slice(_MARGIN, _MARGIN + PICTURE_SIDE)
    canvas[:, inside, inside] = ground
    every = [(row, thing, taken[row, i]) for row, s in enumerate(scenes) for i, thing in enumerate(s.things)]
    for small, patch in ((True, _SMALL_PATCH), (False, _PATCH)):
        group = [e for e in every if (e[1].size * PICTURE_SIDE / 2 < _SMALL_RADIUS) == small]
        # Things of one picture may touch, so each layer holds one of each picture.
        for layer in _layers(group):
            _lay(canvas, layer, patch, rng)
    room = np.array([_room(scene) for scene in scenes])
    return spoil(np.ascontiguousarray(canvas[:, inside, inside]), room, camera or Camera(), rng)


def _room(scene: Scene) -> tuple[int, int]:
    """Lines at the top and the bottom, and at the left and the right, in which nothing lies."""
    ends = [(min(at, 1 - at) - t.size / 2) * PICTURE_SIDE for t in scene.things for at in (t.y, t.x)]
    most = PICTURE_SIDE // 3
    return int(min(ends[::2], default=most)), int(min(ends[1::2], default=most))


def _layers(
    group: list[tuple[int, Thing, NDArray[np.float32]]],
) -> list[list[tuple[int, Thing, NDArray[np.float32]]]]:
    layers: list[list[tuple[int, Thing, NDArray[np.float32]]]] = []
    depth: dict[int, int] = {}
    for entry in group:
        at = depth.get(entry[0], 0)
        depth[entry[0]] = at + 1
        if at == len(layers):
            layers.append([])
        layers[at].append(entry)
    return layers


def _tint(colour: str, rng: np.random.Generator) -> tuple[float, float, float]:
    hue, saturation, value = (rng.uniform(low, high) for low, high in _RANGES[colour])
    return colorsys.hsv_to_rgb(hue / 360 % 1, saturation, value)


def _lay(
    canvas: NDArray[np.float32],
    layer: list[tuple[int, Thing, NDArray[np.float32]]],
    patch: int,
    rng: np.random.Generator,
) -> None:
    """Lays one thing each on the canvases named in `layer`, in place."""
    n = len(layer)
    rows = np.array([row for row, _, _ in layer])
    centre = np.array([(t.x, t.y) for _, t, _ in layer], np.float32) * PICTURE_SIDE
    radius = np.array([t.size for _, t, _ in layer], np.float32)[:, None, None] * (PICTURE_SIDE / 2)
    colour = np.stack([tint for _, _, tint in layer])[:, None, None]
    corner = np.floor(centre).astype(int) - patch // 2
    steps = np.arange(patch)
    x = (corner[:, 0, None] + steps + 0.5 - centre[:, 0, None]).astype(np.float32)[:, None, :] / radius
    y = (corner[:, 1, None] + steps + 0.5 - centre[:, 1, None]).astype(np.float32)[:, :, None] / radius
    body, mark = _masks(layer, x, y, radius, rng)

    yy = (corner[:, 1, None] + steps + _MARGIN)[:, :, None]
    xx = (corner[:, 0, None] + steps + _MARGIN)[:, None, :]
    at = (rows[:, None, None], yy, xx)
    under = canvas[at]
    dark = colour.mean(-1, keepdims=True) < 0.5
    contrast = np.where(dark, np.float32(0.95), np.float32(0.05)) + rng.normal(0, 0.02, (n, 1, 1, 3))
    shade = _between(rng, n, -0.1, 0.1) * x + _between(rng, n, -0.1, 0.1) * y
    bordered = (
        rng.random((n, 1, 1))
        < _BORDER_SHARE * np.array([t.kind != "number" for _, t, _ in layer])[:, None, None]
    )
    width = np.where(bordered, _between(rng, n, 0.8, 1.6), 0).astype(np.float32)
    outer = np.clip(0.5 - body * radius, 0, 1)[..., None]
    inner = np.clip(0.5 - body * radius - width, 0, 1)[..., None]
    features = np.clip(0.5 - mark * radius, 0, 1)[..., None]
    edge = contrast.astype(np.float32)
    under += outer * (np.where(bordered[..., None], edge, colour) - under)
    under += inner * (colour * (1 + shade[..., None]) - under)
    under += features * (edge - under)
    canvas[at] = under


def _masks(
    layer: list[tuple[int, Thing, NDArray[np.float32]]],
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    radius: NDArray[np.float32],
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Distances of body and mark (n, patch, patch), turned, a little stretched; in radii."""
    n = len(layer)
    forms = np.array([LOOKS.index((t.kind, t.detail)) for _, t, _ in layer]) * VARIANTS
    forms += rng.integers(0, VARIANTS, n)
    most = np.array([_TURNS.get(t.kind, 180) for _, t, _ in layer], np.float32)
    turn = np.deg2rad(rng.uniform(-1, 1, n) * most).astype(np.float32)[:, None, None]
    stretch = _between(rng, n, 0.94, 1.06)
    scale = GRID / (2 * SPAN)
    u = ((x * np.cos(turn) + y * np.sin(turn)) * stretch + SPAN) * scale - 0.5
    v = ((y * np.cos(turn) - x * np.sin(turn)) / stretch + SPAN) * scale - 0.5
    u0, v0 = np.floor(u), np.floor(v)
    fu, fv = u - u0, v - v0
    # Beyond the grid the border's distance is far enough outside.
    left, top = u0.clip(0, GRID - 2).astype(np.int32), v0.clip(0, GRID - 2).astype(np.int32)
    fu = np.where(left == u0, fu, u > 0).astype(np.float32)
    fv = np.where(top == v0, fv, v > 0).astype(np.float32)
    corner = (forms[:, None, None].astype(np.int32) * GRID + top) * GRID + left
    body, mark = atlas()
    with_marks = np.flatnonzero([t.kind == "face" for _, t, _ in layer])
    marks = np.full_like(u, 9.0)
    if len(with_marks):
        marks[with_marks] = _sample(mark, corner[with_marks], fu[with_marks], fv[with_marks])
    return _sample(body, corner, fu, fv), marks


def _sample(
    forms: NDArray[np.float32],
    corner: NDArray[np.int32],
    fu: NDArray[np.float32],
    fv: NDArray[np.float32],
) -> NDArray[np.float32]:
    flat = forms.reshape(-1)
    upper = flat[corner] * (1 - fu) + flat[corner + 1] * fu
    lower = flat[corner + GRID] * (1 - fu) + flat[corner + GRID + 1] * fu
    mixed: NDArray[np.float32] = upper + (lower - upper) * fv
    return mixed


def _between(rng: np.random.Generator, n: int, low: float, high: float) -> NDArray[np.float32]:
    return rng.uniform(low, high, (n, 1, 1)).astype(np.float32)
