"""What is minimised: how well the mind foresees what it says and shows where it looks; and its practice exam.

Knows nothing of optimizers, runs and files.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from sensorium.speech.codec import LEVELS
from training.autocast import autocast
from training.mind.batches import Batch, as_batch
from training.mind.exam import Mark
from training.mind.heard import Bank
from training.mind.model import Given, Mind, Senses, Sought
from training.mind.pictures import PictureBank
from training.mind.play import Play
from training.mind.render import CODE, Page, render
from training.mind.vocabulary import CODES_PER_GROUP, FIRST_CODE, NUM_GROUPS, SELF
from training.world import Split

# By weight class: not learnt, own answers, what people say, the answer to the newest message (it alone can
# draw on the moment, so it is seldom and counts double), codes, what stands among codes, who answers.
CLASS_WEIGHTS = (0.0, 1.0, 0.05, 2.0, 0.5, 1.0, 0.3)
# The batch of speech beside that of plays, of whose loss little is left.
SPEECH_WEIGHT = 0.5
# Of the codes that the mind reads up to so many are others than it should have said, a share for each page:
# near ones, or now and then any; and of the rest up to so many its own. So it learns to go on from its own
# mistakes: it has no others to go on from when it speaks.
MOST_WRONG, ANY_CODE, MOST_OWN = 0.4, 0.15, 0.9
# The first word of an answer decides what it will be about, and is learnt last.
FIRST_WORD_EXTRA = 3.0
# Showing attention where an answer stands saves it the search: see LOG.md.
SHOWN_WEIGHTS = {"owner": 0.1, "topic": 0.1, "whom": 0.1, "earlier": 0.1, "source": 0.3}


class Tensors(NamedTuple):
    """A Batch on the device; all int64 but the classes and what is sensed in place of tokens. `read` are the
    ids as the mind gets them."""

    ids: Tensor
    classes: Tensor
    shown: dict[str, Tensor]
    read: Tensor
    sensed: Sensed | None


class Sensed(NamedTuple):
    """What the ear and the eye made of some places, (num, 2) int64 of rows and positions: words that it may
    be, int64 (num, 8), with their shares, and the eye's embeddings (num, 128), float32."""

    heard_at: Tensor
    tokens: Tensor
    shares: Tensor
    seen_at: Tensor
    embeddings: Tensor

    def given(self, model: Mind, senses: Senses) -> Given:
        rows, positions = torch.cat([self.heard_at, self.seen_at]).unbind(1)
        heard = model.expected(self.tokens, self.shares)
        return Given(rows, positions, torch.cat([heard, senses.see(self.embeddings)]))


class Banks(NamedTuple):
    """What there is to be heard and seen."""

    words: Bank
    pictures: PictureBank


class Losses(NamedTuple):
    """`total` is what is minimised; `foreseen` is the share of the mind's own tokens guessed right; `found`
    that of positions, by kind, from which more than half of the attention goes where it was shown."""

    total: Tensor
    foreseen: Tensor
    found: dict[str, Tensor]


def shown_loss(
    sought: list[Sought], heads: tuple[tuple[int, int], ...], shown: Tensor
) -> tuple[Tensor, Tensor]:
    """How little these heads attend to the positions shown (rows of Batch.shown), as mean -log, and the share
    of rows where more than half of the attention does (in the last of them)."""
    rows, positions, targets = shown[:, 0], shown[:, 1], shown[:, 2:]
    attended = torch.stack([sought[layer].attended(head, rows, positions, targets) for layer, head in heads])
    return -attended.mean(), (attended[-1].detach() > math.log(0.5)).float().mean()


def losses_of(model: Mind, senses: Senses, batch: Tensors) -> Losses:
    ids, classes, shown, read, sensed = batch
    states, sought = model.states_and_sought(read[:, :-1], sensed and sensed.given(model, senses))
    targets, target_classes = ids[:, 1:], classes[:, 1:]
    learnt = target_classes > 0
    weights = torch.tensor(CLASS_WEIGHTS, device=ids.device)[target_classes[learnt].long()]
    weights = weights * (1 + FIRST_WORD_EXTRA * (ids[:, :-1][learnt] == SELF))
    logits = model.logits(states[learnt]).float()
    wanted = targets[learnt]
    losses = F.cross_entropy(logits, wanted, reduction="none")
    own = weights >= CLASS_WEIGHTS[CODE]
    foreseen = (logits.argmax(-1) == wanted)[own].float().mean()
    total = (losses * weights).sum() / weights.sum()
    found = {}
    for kind, heads in model.shape.shown_heads.items():
        # The last token is nobody's past.
        rows = shown[kind][shown[kind][:, 1] < ids.shape[1] - 1]
        if len(rows):
            loss, found[kind] = shown_loss(sought, heads, rows)
            total = total + SHOWN_WEIGHTS[kind] * loss
    return Losses(total, foreseen.detach(), found)


def to_device(batch: Batch, device: torch.device, banks: Banks | None = None, seed: int = 0) -> Tensors:
    """`seed` draws which opinions are heard, and the wrong codes. Without banks words are read."""
    rng = np.random.default_rng(seed)

    def put(values: NDArray[Any]) -> Tensor:
        return torch.from_numpy(values).to(device, non_blocking=True)

    shown = {kind: put(rows).long() for kind, rows in batch.shown.items()}
    read = put(_with_wrong_codes(batch.ids, rng)).long()
    sensed = None
    if banks is not None and len(batch.heard) + len(batch.seen):
        heard_at, which = _heard(batch, banks.words, rng)
        embeddings = banks.pictures.embeddings[batch.seen[:, 2], batch.seen[:, 3]]
        sensed = Sensed(
            put(heard_at).long(),
            put(banks.words.tokens[which]).long(),
            put(banks.words.shares[which]).float(),
            put(batch.seen[:, :2]).long(),
            put(embeddings).float(),
        )
    return Tensors(put(batch.ids).long(), put(batch.classes), shown, read, sensed)


def _with_wrong_codes(ids: NDArray[np.int16], rng: np.random.Generator) -> NDArray[np.int16]:
    share = MOST_WRONG * rng.random((len(ids), 1))
    wrong = (ids >= FIRST_CODE) & (rng.random(ids.shape) < share)
    groups, codes = np.divmod(ids[wrong] - FIRST_CODE, CODES_PER_GROUP)
    levels = np.stack(np.unravel_index(codes, LEVELS), -1) + rng.integers(-1, 2, (len(codes), len(LEVELS)))
    near = np.ravel_multi_index(tuple(levels.T), LEVELS, mode="clip")
    codes = np.where(rng.random(len(codes)) < ANY_CODE, rng.integers(0, CODES_PER_GROUP, len(codes)), near)
    read = ids.copy()
    read[wrong] = FIRST_CODE + groups * CODES_PER_GROUP + codes
    return read


@torch.no_grad()
def with_own_codes(model: Mind, senses: Senses, batch: Tensors, seed: int) -> Tensors:
    """The same batch, in which the mind reads for some codes what it would have said in their place."""
    states = model.states(batch.read[:, :-1], batch.sensed and batch.sensed.given(model, senses))
    is_code = batch.ids[:, 1:] >= FIRST_CODE
    groups = (batch.ids[:, 1:][is_code] - FIRST_CODE) // CODES_PER_GROUP
    logits = model.logits(states[is_code])[:, FIRST_CODE:].view(-1, NUM_GROUPS, CODES_PER_GROUP)
    own = logits[torch.arange(len(groups), device=groups.device), groups].argmax(-1)
    rng = np.random.default_rng([seed, 1])
    taken = rng.random(is_code.shape) < MOST_OWN * rng.random((len(is_code), 1))
    taken = torch.from_numpy(taken).to(is_code.device)
    read = batch.read.clone()
    read[:, 1:][is_code & taken] = (FIRST_CODE + groups * CODES_PER_GROUP + own)[taken[is_code]]
    return batch._replace(read=read)


def _heard(batch: Batch, bank: Bank, rng: np.random.Generator) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Where a word is heard that the bank knows, and which of its opinions."""
    tokens = batch.ids[batch.heard[:, 0], batch.heard[:, 1]]
    first, end = bank.firsts[tokens], bank.firsts[tokens + 1]
    known = end > first
    return batch.heard[known], rng.integers(first[known], end[known])


@torch.no_grad()
def examine(
    model: Mind,
    senses: Senses,
    exam: list[tuple[Split, Play]],
    device: torch.device,
    banks: Banks | None = None,
    *,
    heard: bool = False,
) -> list[Mark]:
    """Greedy answers, exactly right or not. (An answer is the greedy one when each of its tokens is.) The
    newest messages may be heard."""
    pages = [(split, play.newest.skill, *render_exam(play, heard=heard)) for split, play in exam]
    pages.sort(key=lambda page: len(page[2].ids))
    marks: list[Mark] = []
    for first in range(0, len(pages), 16):
        chunk = pages[first : first + 16]
        put = to_device(as_batch([page for _, _, page, _ in chunk]), device, banks, seed=first)
        with autocast(device):
            states = model.states(put.ids, put.sensed and put.sensed.given(model, senses))
            for row, (split, skill, page, start) in enumerate(chunk):
                wanted = put.ids[row, start : len(page.ids)]
                guesses = model.logits(states[row, start - 1 : len(page.ids) - 1]).argmax(-1)
                marks.append(Mark(skill, split, bool((guesses == wanted).all())))
    return marks


def render_exam(play: Play, *, heard: bool) -> tuple[Page, int]:
    """The whole page, and where its last answer starts."""
    return render(play, heard=lambda: heard), len(render(play, with_reply=False).ids)
