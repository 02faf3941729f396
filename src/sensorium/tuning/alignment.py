"""When each word of a recording is said, by the bundle's ear, which is told what to expect.

The words are laid over the ear's word head as well as they can be (Viterbi over CTC states). The head names
a word a moment after its end: so what the head says gives ends, and a word begins where the one before ended.
Pure numpy but for running the ear.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensorium.hearing.encoder import CHUNK_SAMPLES, Encoder

# So many frames of 40 ms after its end a word is named. Against espeak-ng's own marks, 173 words of 40
# sentences in 5 voices: named 1.62 frames after its end (deviation 0.73); with 2 a word's beginning is
# 0.57 frames off in the mean, 90 % are within one frame (with 1: 0.73, 77 %; with 3: 1.45, 20 %).
LAG_FRAMES = 2
# A word is named with this log-probability at the least, in the mean; else something else was said. (Of those
# 40 sentences -0.05 in the median and -3.0 at the least; of their words laid on another one -14 and -7.6.)
MIN_LOG_PROB = -5.0

_BLANK = 0

Floats = NDArray[np.float32]


class Alignment(NamedTuple):
    """`named` (words,): the frame in which each is first named. `log_prob`: the mean over words of that of
    their best frame; near 0 when the ear heard the same."""

    named: list[int]
    log_prob: float


def listen(ear: Encoder, samples: Floats) -> Floats:
    """`samples` float32 (n,), 16 kHz -> log-probabilities (frames, 1 + words) of the word head, 25 frames a
    second, and those of the silence after, in which words still come."""
    ear.reset()
    padded = np.pad(samples, (0, -len(samples) % CHUNK_SAMPLES)).astype(np.float32)
    frames = [ear.feed(chunk) for chunk in padded.reshape(-1, CHUNK_SAMPLES)] + ear.flush()
    logits = np.concatenate([frame.words for frame in frames])
    highest = logits.max(1, keepdims=True)
    found: Floats = logits - highest - np.log(np.exp(logits - highest).sum(1, keepdims=True))
    return found


def align(log_probs: Floats, labels: Sequence[int]) -> Alignment | None:
    """`log_probs` (frames, 1 + words), blank first; `labels` of the words said, 1 or more. None when there
    are too few frames for so many words.

    Source: Graves and others 2006, with the best path in place of the sum over all.
    """
    states = np.full(2 * len(labels) + 1, _BLANK)
    states[1::2] = labels
    # A word may follow another without silence between, unless it is the same word.
    skips = np.zeros(len(states), bool)
    skips[3::2] = states[3::2] != states[1:-2:2]
    scores = np.full(len(states), -np.inf)
    scores[:2] = log_probs[0, states[:2]]
    came = np.zeros((len(log_probs), len(states)), np.int64)
    for t in range(1, len(log_probs)):
        one = np.concatenate(([-np.inf], scores[:-1]))
        two = np.where(skips, np.concatenate(([-np.inf, -np.inf], scores[:-2])), -np.inf)
        ways = np.stack((scores, one, two))
        came[t] = ways.argmax(0)
        scores = ways.max(0) + log_probs[t, states]
    at = len(states) - 1 - int(scores[-2] > scores[-1])
    if not np.isfinite(scores[at]):
        return None
    path = np.zeros(len(log_probs), np.int64)
    for t in range(len(log_probs) - 1, -1, -1):
        path[t] = at
        at -= int(came[t, at])
    named = [int(np.flatnonzero(path == 2 * i + 1)[0]) for i in range(len(labels))]
    best = [float(log_probs[path == 2 * i + 1, label].max()) for i, label in enumerate(labels)]
    return Alignment(named, float(np.mean(best)))


def word_starts(named: Sequence[int], num_frames: int, lag: int = LAG_FRAMES) -> list[int]:
    """The frame of 40 ms in which each word begins: where the one before it ended, the first one at 0."""
    ends = [min(max(0, frame - lag), num_frames) for frame in named[:-1]]
    return [0, *np.maximum.accumulate(ends).tolist()] if len(named) > 1 else [0] * len(named)
