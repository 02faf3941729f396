"""What the eye says of pictures: a bank of its embeddings with the truth, from which looks are drawn.

Knows nothing of pages and of what is asked about a picture.
"""

from __future__ import annotations

import argparse
import random
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensorium.vision.encoder import MAX_THINGS, Eye, Thing
from training.eye.pictures import draw
from training.eye.scenes import COLOURS, LOOKS, draw_scene

EYE = Path(__file__).parents[2] / "src" / "sensorium" / "bundles" / "nano" / "eye.onnx"
BANK = Path(__file__).parents[1] / "runs" / "pictures.npz"
NOTHING = -1
_PICTURES_AT_ONCE = 250


class Picture(NamedTuple):
    """Row `which` of the bank, and what is on it from left to right."""

    which: int
    things: tuple[Thing, ...]


class PictureBank(NamedTuple):
    """`embeddings` float16 (num, 5, 128): the whole, then things. `looks` int8 (num, 4, 2): look and colour
    of each thing, or NOTHING; `places` float16 (num, 4, 3): x, y, size."""

    embeddings: NDArray[np.float16]
    looks: NDArray[np.int8]
    places: NDArray[np.float16]

    def picture(self, which: int) -> Picture:
        things = []
        for (look, colour), (x, y, size) in zip(self.looks[which], self.places[which], strict=True):
            if look != NOTHING:
                kind, detail = LOOKS[look]
                things.append(Thing(kind, detail, COLOURS[colour], float(x), float(y), float(size), 1.0))
        return Picture(which, tuple(things))

    def draw(self, rng: random.Random) -> Picture:
        return self.picture(rng.randrange(len(self.looks)))


def collect(seed: int, num: int) -> PictureBank:
    """Fresh pictures as the shipped eye sees them. Those where it counts wrong are left out: which embedding
    is whose would be a guess."""
    layout, pixels, eye = random.Random(f"seen {seed}"), np.random.default_rng([seed, 97]), Eye.load(EYE)
    scenes = [draw_scene(layout) for _ in range(num)]
    kept: list[tuple[NDArray[np.float32], list[tuple[int, int]], list[tuple[float, float, float]]]] = []
    for scene, picture in zip(scenes, draw(scenes, pixels), strict=True):
        sight = eye.look(picture)
        if len(sight.things) == len(scene.things):
            rest = MAX_THINGS - len(scene.things)
            looks = [(LOOKS.index((t.kind, t.detail)), COLOURS.index(t.colour)) for t in scene.things]
            places = [(t.x, t.y, t.size) for t in scene.things]
            kept.append(
                (sight.embeddings, looks + [(NOTHING, NOTHING)] * rest, places + [(0.0, 0.0, 0.0)] * rest)
            )
    embeddings, all_looks, all_places = zip(*kept, strict=True)
    return PictureBank(
        np.array(embeddings, np.float16), np.array(all_looks, np.int8), np.array(all_places, np.float16)
    )


def make_bank(seed: int, num: int, processes: int) -> PictureBank:
    parts = -(-num // _PICTURES_AT_ONCE)
    seeds = range(parts * seed, parts * (seed + 1))
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        made = list(pool.map(collect, seeds, [_PICTURES_AT_ONCE] * parts))
    return PictureBank(*(np.concatenate(column) for column in zip(*made, strict=True)))


def load_bank(path: Path = BANK) -> PictureBank:
    """Raises SystemExit when there is none."""
    if not path.is_file():
        raise SystemExit(f"{path} is missing: run python -m training.mind.pictures")
    with np.load(path) as kept:
        return PictureBank(kept["embeddings"], kept["looks"], kept["places"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=BANK)
    parser.add_argument("--pictures", type=int, default=16_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    bank = make_bank(args.seed, args.pictures, args.processes)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez(args.out, **bank._asdict())
    print(f"{len(bank.looks)} of {args.pictures} pictures, on which the eye counts right")


if __name__ == "__main__":
    main()
