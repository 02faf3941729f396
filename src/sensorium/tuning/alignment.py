"""Whether a recording says what its transcript says, and which phoneme each frame of it is.

The bundle's ear listens. What it says of words is compared with the transcript (Viterbi over CTC states). Its
states, through one linear layer of the bundle, tell the phonemes, and those that the words are known to have
are laid over them as well as they can be. Pure numpy but for running the ear.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensorium.bundles.senses_file import Projection
from sensorium.hearing.encoder import CHUNK_SAMPLES, Encoder

# A word is named with this log-probability at the least, in the mean; else something else was said. (Of 40
# sentences -0.05 in the median and -3.0 at the least; of their words laid on another one -14 and -7.6.)
MIN_LOG_PROB = -5.0
# The ear's states of so many frames after one tell which phoneme it is.
FRAMES_AFTER = 4
# A phoneme may be shorter than a frame, but seldom is: as if it were so unlikely.
_SKIP_LOG_PROB = -4.0

_BLANK = 0

Floats = NDArray[np.float32]


class Heard(NamedTuple):
    """One row for each frame of 40 ms. `words`: log-probabilities (frames, 1 + words) of the word head, also
    in the silence after, in which words still come. `states` (frames, width) of the ear, as many."""

    words: Floats
    states: Floats


def listen(ear: Encoder, samples: Floats) -> Heard:
    """`samples` float32 (n,), 16 kHz."""
    ear.reset()
    padded = np.pad(samples, (0, -len(samples) % CHUNK_SAMPLES)).astype(np.float32)
    frames = [ear.feed(chunk) for chunk in padded.reshape(-1, CHUNK_SAMPLES)] + ear.flush()
    words = np.concatenate([frame.words for frame in frames])
    return Heard(_log_probs(words), np.concatenate([frame.states for frame in frames]))


def agreement(log_probs: Floats, labels: Sequence[int]) -> float:
    """`log_probs` (frames, 1 + words), blank first; `labels` of the words said, 1 or more. The mean over
    words of the log-probability of their best frame: near 0 when the ear heard the same; minus infinity when
    there are too few frames for so many words.

    Source: Graves and others 2006, with the best path in place of the sum over all.
    """
    states = np.full(2 * len(labels) + 1, _BLANK)
    states[1::2] = labels
    # A word may follow another without silence between, unless it is the same word.
    skips = np.full(len(states), -np.inf)
    skips[3::2] = np.where(states[3::2] != states[1:-2:2], 0.0, -np.inf)
    path = _best_path(log_probs[:, states], skips)
    if path is None:
        return -np.inf
    best = [float(log_probs[path == 2 * i + 1, label].max()) for i, label in enumerate(labels)]
    return float(np.mean(best))


def states_after(states: Floats, num_frames: int) -> Floats:
    """What tells the phoneme of each of the first frames: (frames, FRAMES_AFTER x width)."""
    return np.concatenate([states[k : k + num_frames] for k in range(1, 1 + FRAMES_AFTER)], 1)


def spans(
    states: Floats, phonemes: Sequence[int], projection: Projection, num_frames: int
) -> list[slice] | None:
    """Which of the first `num_frames` frames each phoneme is, in their order; together all of them. `states`
    (frames, width) have FRAMES_AFTER more at the least. None when there are too few for so many phonemes."""
    if num_frames < 1:
        return None
    seen = states_after(states, num_frames)
    log_probs = _log_probs(np.concatenate([projection.row(row) for row in seen]))
    path = _best_path(log_probs[:, list(phonemes)], np.full(len(phonemes), _SKIP_LOG_PROB))
    if path is None:
        return None
    firsts = np.searchsorted(path, np.arange(len(phonemes) + 1))
    return [slice(int(a), int(b)) for a, b in pairwise(firsts)]


def _best_path(scores: NDArray[np.floating], skips: NDArray[np.floating]) -> NDArray[np.int64] | None:
    """The state of each frame, which stays, goes on by one, or by two at the price of `skips` (states,) of
    the one that it reaches. Begins in the first two and ends in the last two. `scores` (frames, states)."""
    num_frames, num_states = scores.shape
    totals = np.full(num_states, -np.inf)
    totals[:2] = scores[0, :2]
    came = np.zeros((num_frames, num_states), np.int64)
    for t in range(1, num_frames):
        one = np.concatenate(([-np.inf], totals[:-1]))
        two = np.concatenate(([-np.inf, -np.inf], totals[:-2]))[:num_states] + skips
        ways = np.stack((totals, one, two))
        came[t] = ways.argmax(0)
        totals = ways.max(0) + scores[t]
    at = num_states - 1
    if num_states > 1 and totals[-2] > totals[-1]:
        at -= 1
    if not np.isfinite(totals[at]):
        return None
    path = np.zeros(num_frames, np.int64)
    for t in range(num_frames - 1, -1, -1):
        path[t] = at
        at -= int(came[t, at])
    return path


def _log_probs(logits: Floats) -> Floats:
    highest = logits.max(1, keepdims=True)
    found: Floats = logits - highest - np.log(np.exp(logits - highest).sum(1, keepdims=True))
    return found
