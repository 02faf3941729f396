"""Endless training batches: plays, and pages of random words, most of them at first.

Plays of similar length stand together so that little is padding. Knows nothing of models.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.mind.play import draw_more, draw_play
from training.mind.render import MAX_TARGETS, SHOWN, Page, render_varied
from training.mind.strings import draw_strings
from training.mind.vocabulary import PAD


class Batch(NamedTuple):
    """ids and weight classes, each (batch, time). What attention is shown, by kind (see SHOWN), each
    (num, 2 + MAX_TARGETS) int32: row, position, the positions shown (-1: none)."""

    ids: NDArray[np.int16]
    classes: NDArray[np.uint8]
    shown: dict[str, NDArray[np.int32]]


@dataclass(frozen=True)
class Diet:
    """What is fed. `repeats_start` of the samples repeat strings at first, falling to `repeats_end` when
    `easy_until` of the run is done; until then conversations are short, too, and steps small and many,
    because it takes steps rather than tokens to discover copying."""

    tokens_per_batch: int = 4_096
    tokens_per_easy_batch: int = 2_048
    pool_batches: int = 16
    max_tokens: int = 1_024
    repeats_start: float = 0.5
    repeats_end: float = 0.26
    easy_until: float = 0.12
    more_share: float = 0.88
    # How much of a play is filled with words that do not belong, and how often.
    odd: tuple[tuple[float, ...], tuple[float, ...]] = ((0.0, 0.4, 0.95), (0.35, 0.25, 0.4))

    def repeats(self, progress: float) -> float:
        left = max(0.0, 1.0 - progress / self.easy_until) if self.easy_until else 0.0
        return self.repeats_end + (self.repeats_start - self.repeats_end) * left

    def max_lines(self, progress: float, rng: random.Random) -> int:
        draw = rng.random()
        if progress < self.easy_until:
            return 5 if draw < 0.7 else 12
        return 6 if draw < 0.62 else 24 if draw < 0.95 else 70


def draw_page(rng: random.Random, diet: Diet, progress: float) -> Page:
    if rng.random() < diet.repeats(progress):
        return draw_strings(rng, easy=progress < diet.easy_until)
    while True:
        max_lines = diet.max_lines(progress, rng)
        play = draw_play(rng, "train", max_lines=max_lines, odd=rng.choices(*diet.odd)[0])
        if rng.random() < diet.more_share:
            play = draw_more(play, rng.randint(6, 22))
        page = render_varied(play, rng)
        if len(page.ids) <= diet.max_tokens:
            return page


def draw_batches(rng: random.Random, diet: Diet, progress: float) -> list[Batch]:
    """A pool's worth of batches, in random order. `progress` 0 to 1 of the run."""
    size = diet.tokens_per_easy_batch if progress < diet.easy_until else diet.tokens_per_batch
    wanted = size * diet.pool_batches
    pages: list[Page] = []
    total = 0
    while total < wanted:
        pages.append(draw_page(rng, diet, progress))
        total += len(pages[-1].ids)
    pages.sort(key=lambda page: len(page.ids))
    batches = []
    while pages:
        longest = len(pages[-1].ids)
        num = max(1, size // longest)
        batches.append(as_batch(pages[-num:]))
        del pages[-num:]
    rng.shuffle(batches)
    return batches


def as_batch(pages: list[Page]) -> Batch:
    """Padded on the right, to a multiple of 8."""
    longest = -(-max(len(page.ids) for page in pages) // 8) * 8
    ids = np.full((len(pages), longest), PAD, np.int16)
    classes = np.zeros((len(pages), longest), np.uint8)
    for row, page in enumerate(pages):
        ids[row, : len(page.ids)] = page.ids
        classes[row, : len(page.ids)] = page.classes
    return Batch(ids, classes, {kind: _shown(page.shown[kind] for page in pages) for kind in SHOWN})


def _shown(by_row: Iterable[dict[int, tuple[int, ...]]]) -> NDArray[np.int32]:
    rows = [
        (row, position, *targets, *(-1 for _ in range(MAX_TARGETS - len(targets))))
        for row, shown in enumerate(by_row)
        for position, targets in shown.items()
    ]
    return np.array(rows, np.int32).reshape(-1, 2 + MAX_TARGETS)


def batches(seed: int, diet: Diet, num_steps: int, first_step: int = 0) -> Iterator[Batch]:
    """Batches for steps `first_step` to `num_steps`: the same for the same arguments."""
    step, pool = first_step, 0
    while step < num_steps:
        rng = random.Random(f"{seed}/{first_step}/{pool}")
        pool += 1
        for batch in draw_batches(rng, diet, step / num_steps)[: num_steps - step]:
            yield batch
            step += 1
