"""Endless training batches: plays, and at first mostly strings that repeat (they teach copying within minutes).

Plays of similar length stand together so that little is padding. Knows nothing of models.
"""

from __future__ import annotations

import multiprocessing
import queue
import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.mind.play import draw_play
from training.mind.render import ANSWER, Page, render_varied
from training.mind.vocabulary import BEGIN, END, FIRST_BYTE, FIRST_WORD, PAD, SIZE

# ids and weight classes, each (batch, time).
Batch = tuple[NDArray[np.int16], NDArray[np.uint8]]


@dataclass(frozen=True)
class Diet:
    """What is fed. `repeats_start` of the samples repeat strings at first, falling to `repeats_end` when
    `repeats_until` of the run is done."""

    tokens_per_batch: int = 16_384
    pool_batches: int = 24
    max_tokens: int = 1_280
    repeats_start: float = 0.6
    repeats_end: float = 0.04
    repeats_until: float = 0.12

    def repeats(self, progress: float) -> float:
        left = max(0.0, 1.0 - progress / self.repeats_until)
        return self.repeats_end + (self.repeats_start - self.repeats_end) * left


def repeated_strings(rng: random.Random) -> Page:
    """A few random strings, each said two to four times; every word of the world and odd bytes take part."""
    page = Page()
    page.add([BEGIN])
    while len(page.ids) < 80:
        string = [rng.randrange(FIRST_WORD, SIZE) for _ in range(rng.randint(3, 14))]
        if rng.random() < 0.1:
            string += [FIRST_BYTE + rng.randrange(97, 123) for _ in range(rng.randint(3, 7))]
        page.add([*string, END])
        for _ in range(rng.randint(1, 3)):
            # The first word cannot be foreseen.
            page.add(string[:1])
            page.add([*string[1:], END], ANSWER)
    return page


def draw_page(rng: random.Random, diet: Diet, repeats: float) -> Page:
    if rng.random() < repeats:
        return repeated_strings(rng)
    while True:
        draw = rng.random()
        max_lines = 16 if draw < 0.45 else 36 if draw < 0.9 else 90
        page = render_varied(draw_play(rng, "train", max_lines=max_lines), rng)
        if len(page.ids) <= diet.max_tokens:
            return page


def draw_batches(rng: random.Random, diet: Diet, repeats: float) -> list[Batch]:
    """A pool's worth of batches, in random order."""
    wanted = diet.tokens_per_batch * diet.pool_batches
    pages: list[Page] = []
    total = 0
    while total < wanted:
        pages.append(draw_page(rng, diet, repeats))
        total += len(pages[-1].ids)
    pages.sort(key=lambda page: len(page.ids))
    batches = []
    while pages:
        longest = len(pages[-1].ids)
        num = max(1, diet.tokens_per_batch // longest)
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
    return ids, classes


def batches_here(seed: int, diet: Diet, num_steps: int, first_step: int = 0) -> Iterator[Batch]:
    """Batches for steps `first_step` to `num_steps`, made in this process: the same for the same seed."""
    step = first_step
    pool = 0
    while True:
        rng = random.Random(f"{seed}/{first_step}/{pool}")
        pool += 1
        for batch in draw_batches(rng, diet, diet.repeats(step / num_steps)):
            yield batch
            step += 1
            if step >= num_steps:
                return


def batches_from_workers(
    seed: int, diet: Diet, num_steps: int, num_workers: int, first_step: int = 0
) -> Iterator[Batch]:
    """The same kind of batches from other processes, for a device that eats faster than one core makes."""
    context = multiprocessing.get_context("spawn")
    ready: multiprocessing.Queue[Batch] = context.Queue(maxsize=8 * diet.pool_batches)
    share = context.Value("d", diet.repeats(first_step / num_steps))
    workers = [
        context.Process(target=_work, args=(f"{seed}/{first_step}/{i}", diet, ready, share), daemon=True)
        for i in range(num_workers)
    ]
    for worker in workers:
        worker.start()
    try:
        for step in range(first_step, num_steps):
            share.value = diet.repeats(step / num_steps)
            yield ready.get(timeout=120)
    finally:
        for worker in workers:
            worker.terminate()


def _work(seed: str, diet: Diet, ready: multiprocessing.Queue[Batch], share: object) -> None:
    rng = random.Random(seed)
    while True:
        for batch in draw_batches(rng, diet, share.value):  # type: ignore[attr-defined]
            while True:
                try:
                    ready.put(batch, timeout=5)
                    break
                except queue.Full:
                    continue
