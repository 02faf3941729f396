"""Endless training batches: plays, pages of random words (most of them at first), and speech.

Plays of similar length stand together so that little is padding. Knows nothing of models.
"""

from __future__ import annotations

import multiprocessing
import os
import random
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.mind import mouth
from training.mind.pictures import PictureBank, load_bank
from training.mind.play import SILENCE, Newest, Play, draw_more, draw_play
from training.mind.render import MAX_TARGETS, SHOWN, Page, render_varied
from training.mind.scene import UNCLEAR
from training.mind.speech import interleave
from training.mind.strings import draw_strings
from training.mind.vocabulary import BEGIN, END, PAD, SELF, encode


class Batch(NamedTuple):
    """ids and weight classes, each (batch, time). What attention is shown, by kind (see SHOWN), each
    (num, 2 + MAX_TARGETS) int32: row, position, the positions shown (-1: none). `heard` (num, 2) int32: row
    and position of words that are read as the ear heard them; `seen` (num, 4) int32: row and position of an
    embedding of the eye, picture of the bank, which of its rows."""

    ids: NDArray[np.int16]
    classes: NDArray[np.uint8]
    shown: dict[str, NDArray[np.int32]]
    heard: NDArray[np.int32]
    seen: NDArray[np.int32]


# What one step learns from. Its batches are of different kinds and lengths and have a loss each.
Step = tuple[Batch, ...]


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
    # So many tokens of speech a step, besides; so often a play's last reply is spoken, and a message heard.
    speech_tokens_per_batch: int = 0
    spoken_share: float = 0.0
    heard_share: float = 0.0
    # Of the pages, so many have pictures in them, or a message that nobody understood.
    pictures_share: float = 0.0
    mumbled_share: float = 0.0
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
        pictures = _pictures() if rng.random() < diet.pictures_share else None
        odd = rng.choices(*diet.odd)[0]
        play = draw_play(rng, "train", max_lines=max_lines, odd=odd, pictures=pictures)
        if rng.random() < diet.mumbled_share:
            # What the ear cannot make out reaches the mind as a message without words.
            play = play._replace(newest=Newest("person", play.scene.people[0], "", UNCLEAR, "beyond"))
        elif rng.random() < diet.more_share:
            play = draw_more(play, rng.randint(6, 22))
        page = render_varied(play, rng, diet.heard_share)
        if len(page.ids) <= diet.max_tokens:
            return page if rng.random() >= diet.spoken_share else _aloud(rng, page, play)


@cache
def _pictures() -> PictureBank:
    return load_bank()


def _aloud(rng: random.Random, page: Page, play: Play) -> Page:
    """With its last reply spoken."""
    reply = (play.more[-1] if play.more else play.newest).reply
    if reply != SILENCE:
        _speak(rng, page, reply.split())
    return page


def draw_speech(rng: random.Random) -> Page:
    """Something said, and then spoken, with nothing before it."""
    words = mouth.draw_words(rng)
    page = Page()
    # As the house does: a mind that never met speech behind the beginning loses its place there (LOG.md).
    page.add([BEGIN, SELF, *encode(" ".join(words)), END])
    _speak(rng, page, words)
    return page


def _speak(rng: random.Random, page: Page, words: list[str]) -> None:
    tag, style = mouth.draw_voice(rng)
    page.spoken(interleave(mouth.speak(words, style), tag), 1 if tag is None else 2)


def draw_steps(rng: random.Random, diet: Diet, progress: float, num_steps: int) -> list[Step]:
    """A pool of steps. `progress` 0 to 1 of the run."""
    size = diet.tokens_per_easy_batch if progress < diet.easy_until else diet.tokens_per_batch
    kinds = [_draw_batches(rng, size, num_steps, lambda: draw_page(rng, diet, progress))]
    if diet.speech_tokens_per_batch:
        size = diet.speech_tokens_per_batch
        kinds.append(_draw_batches(rng, size, num_steps, lambda: draw_speech(rng)))
    return list(zip(*kinds, strict=False))


def _draw_batches(rng: random.Random, size: int, num: int, draw: Callable[[], Page]) -> list[Batch]:
    """At least `num` batches of at most `size` tokens (or one page), in random order."""
    pages: list[Page] = []
    total = 0
    while total < size * num:
        pages.append(draw())
        total += len(pages[-1].ids)
    pages.sort(key=lambda page: len(page.ids))
    batches = []
    while pages:
        longest = len(pages[-1].ids)
        num_pages = max(1, size // longest)
        batches.append(as_batch(pages[-num_pages:]))
        del pages[-num_pages:]
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
    shown = {kind: _shown(page.shown[kind] for page in pages) for kind in SHOWN}
    heard = [(row, position) for row, page in enumerate(pages) for position in page.heard]
    seen = [(row, *at) for row, page in enumerate(pages) for at in page.seen]
    return Batch(
        ids, classes, shown, np.array(heard, np.int32).reshape(-1, 2), np.array(seen, np.int32).reshape(-1, 4)
    )


def _shown(by_row: Iterable[dict[int, tuple[int, ...]]]) -> NDArray[np.int32]:
    rows = [
        (row, position, *targets, *(-1 for _ in range(MAX_TARGETS - len(targets))))
        for row, shown in enumerate(by_row)
        for position, targets in shown.items()
    ]
    return np.array(rows, np.int32).reshape(-1, 2 + MAX_TARGETS)


def steps(seed: int, diet: Diet, num_steps: int, first_step: int = 0, processes: int = 1) -> Iterator[Step]:
    """Steps `first_step` to `num_steps`: the same for the same arguments.

    With more than one process pools are drawn by all of them at once, while nothing is trained: an espeak-ng
    and a trainer on the same core would only wait for each other.
    """
    share = -(-diet.pool_batches // processes)
    with _drawers(processes) as draw_all:
        step, pool = first_step, 0
        while step < num_steps:
            seeds = [f"{seed}/{first_step}/{pool}/{i}" for i in range(processes)]
            drawn = draw_all([(s, diet, step / num_steps, share) for s in seeds])
            pool += 1
            for made in [step for steps in drawn for step in steps][: num_steps - step]:
                yield made
                step += 1


_Wanted = tuple[str, Diet, float, int]


def _draw_pool(wanted: _Wanted) -> list[Step]:
    seed, diet, progress, num_steps = wanted
    return draw_steps(random.Random(seed), diet, progress, num_steps)


@contextmanager
def _drawers(processes: int) -> Iterator[Callable[[list[_Wanted]], list[list[Step]]]]:
    if processes == 1:
        yield lambda wanted: [_draw_pool(one) for one in wanted]
        return
    # Numpy's threads would wait for each other, too. A child reads this at its start.
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        yield lambda wanted: list(pool.map(_draw_pool, wanted))
