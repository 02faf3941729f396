"""Rows that codes share while they are learnt."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from training.mind import codes
from training.mind.model import Mind, Shape
from training.mind.vocabulary import CODES_PER_GROUP, FIRST_CODE, SIZE

from sensorium.speech.codec import to_levels

SMALL = Shape(SIZE, width=32, num_layers=2, num_heads=2, head_width=8, hidden=16)
IDS = torch.tensor([[1, 70, FIRST_CODE + 7, FIRST_CODE + CODES_PER_GROUP + 7, 2]])


def logits(mind: Mind) -> Tensor:
    with torch.no_grad():
        return mind.logits(mind.states(IDS))


def shared(mind: Mind) -> Tensor:
    return dict(mind.named_parameters())["embedding.parametrizations.weight.0.rows"]


def taught() -> Mind:
    """A mind that shares, and whose shared rows are not zero."""
    torch.manual_seed(1)
    mind = codes.share_levels(Mind(SMALL))
    with torch.no_grad():
        shared(mind).normal_()
    return mind


def test_a_mind_that_begins_to_share_computes_the_same() -> None:
    torch.manual_seed(1)
    mind = Mind(SMALL)
    before = logits(mind)
    assert torch.equal(logits(codes.share_levels(mind)), before)


def test_a_finished_mind_computes_the_same_with_plain_rows() -> None:
    mind = taught()
    finished = codes.plain(mind)
    assert torch.equal(logits(finished), logits(mind))
    assert set(finished.state_dict()) == set(Mind(SMALL).state_dict())
    # The one that is trained on still shares.
    assert "embedding.weight" not in mind.state_dict()


def test_a_mind_starts_from_plain_weights() -> None:
    torch.manual_seed(2)
    plain = Mind(SMALL)
    mind = codes.share_levels(Mind(SMALL))
    codes.start_from(mind, plain)
    assert torch.equal(logits(mind), logits(plain))


def test_a_shared_row_moves_the_codes_that_have_its_level_and_nothing_else() -> None:
    mind = taught()
    with torch.no_grad():
        shared(mind).zero_()
        before = mind.embedding.weight.clone()
        # The first level of the second number (five levels after the first number's eight) of group 0.
        shared(mind)[8] = 1.0
        moved = (mind.embedding.weight != before).any(1).nonzero()[:, 0].numpy() - FIRST_CODE
    every = np.stack([np.arange(CODES_PER_GROUP), np.zeros(CODES_PER_GROUP, np.int64)], -1)
    assert moved.tolist() == np.flatnonzero(to_levels(every)[:, 1] == -1.0).tolist()
