"""Batches of fresh pictures with what the eye should say of them. No picture is drawn twice, none is kept."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensorium.vision.encoder import PICTURE_SIDE
from training.eye.model import CELL, CELLS
from training.eye.pictures import draw
from training.eye.scenes import COLOURS, LOOKS, Scene, draw_scene

# Centres spread over neighbouring cells, and an embedding is read a little beside its centre: a peak may be
# one cell off.
_HEAT_SPREAD, _JITTER = 6.0, 4.0
_CENTRES = (np.arange(CELLS, dtype=np.float32) + 0.5) * CELL


class Batch(NamedTuple):
    """B pictures, N things in all of them together."""

    pictures: NDArray[np.uint8]  # (B, 96, 96, 3)
    heat: NDArray[np.float32]  # (B, 12, 12)
    num_things: NDArray[np.int64]  # (B,)
    cells: NDArray[np.int64]  # (N,) numbered through the whole batch
    looks: NDArray[np.int64]  # (N,)
    colours: NDArray[np.int64]  # (N,)
    places: NDArray[np.float32]  # (N, 3): x, y, diameter


def batches(seed: int, batch_size: int) -> Iterator[Batch]:
    """For ever; the same for the same seed."""
    layout, pixels = random.Random(f"eye {seed}"), np.random.default_rng([seed, 96])
    while True:
        scenes = [draw_scene(layout) for _ in range(batch_size)]
        yield batch(scenes, draw(scenes, pixels), pixels)


def batch(scenes: list[Scene], pictures: NDArray[np.uint8], rng: np.random.Generator) -> Batch:
    """`rng` moves the cells from which embeddings are read."""
    things = [(row, thing) for row, scene in enumerate(scenes) for thing in scene.things]
    rows = np.array([row for row, _ in things], np.int64)
    places = np.array([(t.x, t.y, t.size) for _, t in things], np.float32).reshape(-1, 3)
    centre = places[:, :2] * PICTURE_SIDE
    moved = centre + rng.uniform(-_JITTER, _JITTER, centre.shape)
    at = np.clip(moved // CELL, 0, CELLS - 1).astype(np.int64)
    near = np.exp(-((_CENTRES - centre[:, :, None]) ** 2) / (2 * _HEAT_SPREAD**2))
    heat = np.zeros((len(scenes), CELLS, CELLS), np.float32)
    np.maximum.at(heat, rows, (near[:, 1, :, None] * near[:, 0, None, :]).astype(np.float32))
    return Batch(
        pictures,
        heat,
        np.array([len(scene.things) for scene in scenes], np.int64),
        (rows * CELLS + at[:, 1]) * CELLS + at[:, 0],
        np.array([LOOKS.index((t.kind, t.detail)) for _, t in things], np.int64),
        np.array([COLOURS.index(t.colour) for _, t in things], np.int64),
        places,
    )
