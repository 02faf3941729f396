"""From CTC logits to words, frame by frame, by the best path. Knows nothing of sound."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_BLANK = 0


class GreedyDecoder:
    """One utterance: `feed` as frames come, read `words` and `log_probs`, `reset` before the next.

    `log_probs` has one value for each word: the log-probability that its best frame gave it, at most 0.
    """

    def __init__(self, vocabulary: tuple[str, ...]) -> None:
        self._vocabulary = vocabulary
        self.reset()

    def reset(self) -> None:
        self._last = _BLANK
        self.words: list[str] = []
        self.log_probs: list[float] = []

    def feed(self, logits: NDArray[np.float32]) -> list[int]:
        """`logits` (frames, 1 + vocabulary), blank first. A word in neighbouring frames counts once.

        The numbers of those frames, from 0, in which a word begins.
        """
        begins = []
        for i, (frame, best) in enumerate(zip(logits, logits.argmax(axis=1).tolist(), strict=True)):
            if best != _BLANK:
                log_prob = -math.log(max(1.0, float(np.exp(frame - frame[best]).sum())))
                if best != self._last:
                    begins.append(i)
                    self.words.append(self._vocabulary[best - 1])
                    self.log_probs.append(log_prob)
                else:
                    self.log_probs[-1] = max(self.log_probs[-1], log_prob)
            self._last = best
        return begins


def word_shares(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """(1 + words,) of one frame, blank first -> float32 (words,): how likely each is if it is a word."""
    raised = np.exp(logits[1:] - logits[1:].max())
    return np.asarray(raised / raised.sum(), np.float32)
