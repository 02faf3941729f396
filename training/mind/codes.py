"""What codes have in common while they are learnt: a code's row is its own and the sum of its levels' rows.

Codes that differ in one level sound much alike, so what is learnt of one holds for its neighbours, and for
codes that are hardly ever heard. A finished mind has plain rows again. Knows nothing of training.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sensorium.speech.codec import LEVELS
from training.mind.model import Mind
from training.mind.vocabulary import CODES_PER_GROUP, FIRST_CODE, NUM_GROUPS

_SHARED = "embedding.parametrizations.weight."


class SharedLevels(nn.Module):
    """Adds to the rows of codes in a table (tokens, width) those of their levels."""

    levels_of: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.rows = nn.Parameter(torch.zeros(NUM_GROUPS * sum(LEVELS), width))
        digits = np.stack(np.unravel_index(np.arange(CODES_PER_GROUP), LEVELS), -1)
        in_group = digits + np.concatenate([[0], np.cumsum(LEVELS)[:-1]])
        groups = [in_group + group * sum(LEVELS) for group in range(NUM_GROUPS)]
        self.register_buffer("levels_of", torch.from_numpy(np.concatenate(groups)), persistent=False)

    def forward(self, own: Tensor) -> Tensor:
        shared = F.embedding_bag(self.levels_of, self.rows, mode="sum")
        return own + F.pad(shared, (0, 0, FIRST_CODE, len(own) - FIRST_CODE - len(shared)))


def share_levels(mind: Mind) -> Mind:
    """The same mind, which computes the same, with shared rows from here on."""
    parametrize.register_parametrization(mind.embedding, "weight", SharedLevels(mind.shape.width))
    return mind


def start_from(mind: Mind, plain: Mind) -> None:
    """Gives a mind that shares the weights of one that does not."""
    state = plain.state_dict()
    state[f"{_SHARED}original"] = state.pop("embedding.weight")
    mind.load_state_dict(state, strict=False)


def plain(mind: Mind) -> Mind:
    """A copy that computes the same with a row for each code."""
    state = {name: value for name, value in mind.state_dict().items() if not name.startswith(_SHARED)}
    copy = Mind(mind.shape)
    copy.load_state_dict({**state, "embedding.weight": mind.embedding.weight.detach()})
    return copy
