"""Measures the shipped eye.onnx on pictures that training never drew: `python -m training.eye.evaluate`.

`rows()` is what training/evaluate.py may put into its table. Seeds are fixed: the sets are always the same.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from sensorium.bundles.catalogue import find
from sensorium.metrics import summarize
from sensorium.vision import encoder
from sensorium.vision.encoder import Thing
from training.eye.camera import Camera
from training.eye.model import Eye
from training.eye.pictures import draw
from training.eye.scenes import COLOURS, LOOKS, Scene, Split, draw_scene, side

BAR = 0.95
# A thing that is seen farther from its place than this was not found.
_NEAR = 0.08
_QUIET = Camera(noise=(0.0, 0.0), blur=(0.0, 0.0), blocks_share=0.0)


class Set(NamedTuple):
    """One row of the table. `bar`: the least share of right answers in any column; None: not promised."""

    name: str
    split: Split = "train"
    camera: Camera = Camera()
    bar: float | None = BAR


SETS = (
    Set("held-out pictures"),
    Set("look and colour never trained together", split="combinations"),
    Set("backdrops never trained", split="backdrops"),
    Set("clean: no noise, no blur", camera=_QUIET),
    Set("noise 0.06, the most that was trained", camera=Camera(noise=(0.06, 0.06))),
    Set("noise 0.10", camera=Camera(noise=(0.1, 0.1)), bar=None),
    Set("blur 1.0 pixel, the most that was trained", camera=Camera(blur=(1.0, 1.0))),
    Set("blur 1.5 pixels", camera=Camera(blur=(1.5, 1.5)), bar=None),
    Set("exposure x 0.6 and x 1.4", camera=Camera(exposure=(0.6, 1.4)), bar=None),
)
COLUMNS = ("kind", "shape", "digit", "face", "colour", "count", "relation", "scene")


def examples(chosen: Set, count: int) -> tuple[list[Scene], NDArray[np.uint8]]:
    """The same `count` scenes and pictures every time."""
    layout = random.Random(f"eye exam {chosen.name}")
    scenes = [draw_scene(layout, chosen.split) for _ in range(count)]
    pixels = np.random.default_rng([SETS.index(chosen), 2026])
    return scenes, np.concatenate(
        [draw(scenes[i : i + 50], pixels, chosen.camera) for i in range(0, count, 50)]
    )


def found(truth: Sequence[Thing], seen: Sequence[Thing]) -> list[Thing | None]:
    """For every true thing the one seen near its place, each used once, nearest pairs first."""
    near = sorted(
        (abs(t.x - s.x) + abs(t.y - s.y), i, j) for i, t in enumerate(truth) for j, s in enumerate(seen)
    )
    match: dict[int, int] = {}
    for distance, i, j in near:
        if distance < 2 * _NEAR and i not in match and j not in match.values():
            match[i] = j
    return [seen[match[i]] if i in match else None for i in range(len(truth))]


def marks(truth: Sequence[Thing], seen: Sequence[Thing]) -> Iterator[tuple[str, bool]]:
    """(column, right) for everything that one picture asks."""
    pairs = list(zip(truth, found(truth, seen), strict=True))
    for thing, other in pairs:
        right = other is not None and other[:2] == thing[:2]
        group = {"number": "digit", "face": "face"}.get(thing.kind, "shape")
        yield "kind", right
        yield group, right
        yield "colour", other is not None and other.colour == thing.colour
    for (a, a_seen), (b, b_seen) in permutations(pairs, 2):
        if (truly := side(a, b)) is not None:
            clear = a_seen is not None and b_seen is not None
            yield "relation", clear and _side_of(a_seen, b_seen) == truly
    yield "count", len(truth) == len(seen)
    alike = [other is not None and other[:3] == thing[:3] for thing, other in pairs]
    yield "scene", len(truth) == len(seen) and all(alike)


def _side_of(a: Thing | None, b: Thing | None) -> str | None:
    """The same question as `side`, answered even where the answer is not clear."""
    if a is None or b is None:
        return None
    across, down = a.x - b.x, a.y - b.y
    if abs(across) > abs(down):
        return "left" if across < 0 else "right"
    return "above" if down < 0 else "below"


def score(scenes: Sequence[Scene], sights: Sequence[Sequence[Thing]]) -> dict[str, float]:
    """Shares of right answers for each column; a column that was never asked is absent."""
    right, asked = Counter[str](), Counter[str]()
    for scene, seen in zip(scenes, sights, strict=True):
        for column, good in marks(scene.things, seen):
            asked[column] += 1
            right[column] += good
    return {column: right[column] / asked[column] for column in COLUMNS if asked[column]}


def torch_sights(eye: Eye, pictures: NDArray[np.uint8]) -> list[list[Thing]]:
    """What an eye in training sees."""
    from training.eye.export import Shipped

    with torch.no_grad():
        _, present, looks, colours, places, _ = Shipped(eye)(torch.from_numpy(pictures))
    sights: list[list[Thing]] = [[] for _ in pictures]
    for row in range(len(pictures)):
        slots = torch.nonzero(present[row])[:, 0].tolist()
        for slot in slots:
            x, y, size = places[row, slot].tolist()
            look, colour = (int(odds[row, slot].argmax()) for odds in (looks, colours))
            sights[row].append(Thing(*LOOKS[look], COLOURS[colour], x, y, size, 1.0))
    return sights


_quick: dict[str, tuple[list[Scene], NDArray[np.uint8]]] = {}


def quick_rows(eye: Eye, count: int = 200) -> dict[str, dict[str, float]]:
    """A small look during training."""
    table = {}
    for chosen in SETS[:3]:
        if chosen.name not in _quick:
            _quick[chosen.name] = examples(chosen, count)
        scenes, pictures = _quick[chosen.name]
        shares = score(scenes, torch_sights(eye, pictures))
        table[chosen.name] = {name: round(share, 3) for name, share in shares.items()}
    return table


def rows(count: int = 1000) -> list[dict[str, Any]]:
    """Every set through the shipped eye.onnx, one picture after the other as at run time."""
    eye = encoder.Eye.load(find("nano").file("eye"))
    table = []
    for chosen in SETS:
        scenes, pictures = examples(chosen, count)
        sights = [eye.look(picture) for picture in pictures]
        shares = score(scenes, [sight.things for sight in sights])
        whole = [sight.num_things == len(scene.things) for sight, scene in zip(sights, scenes, strict=True)]
        shares["count, whole embedding"] = sum(whole) / count
        met = None if chosen.bar is None else min(shares.values()) >= chosen.bar
        row = {"part": "eye", "skill": chosen.name, **shares, "pictures": count}
        table.append({**row, "bar": chosen.bar, "met": met})
    return table


def speed(num_looks: int = 300) -> dict[str, dict[str, float]]:
    """Milliseconds for one look, by the size of the picture."""
    eye = encoder.Eye.load(find("nano").file("eye"))
    _, pictures = examples(SETS[0], 50)
    taken = {}
    for name, times in (("96 x 96", 1), ("1248 x 1248", 13)):
        large = np.repeat(np.repeat(pictures[:10], times, 1), times, 2)
        taken_ms = []
        for i in range(num_looks):
            start_s = time.perf_counter()
            eye.look(large[i % len(large)])
            taken_ms.append((time.perf_counter() - start_s) * 1000.0)
        taken[name] = summarize(taken_ms)
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="pictures in each set")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    table = rows(arguments.count)
    if arguments.json:
        print(json.dumps(table))
        return
    print(f"one look: {speed()} ms")
    columns = (*COLUMNS, "count, whole embedding")
    print(f"| set, {arguments.count} pictures | " + " | ".join(columns) + " |")
    print("|---" * (1 + len(columns)) + "|")
    for row in table:
        shares = " | ".join(f"{100 * row[c]:.1f}" for c in columns)
        print(f"| {row['skill']}{' MISSED' if row['met'] is False else ''} | {shares} |")


if __name__ == "__main__":
    main()
