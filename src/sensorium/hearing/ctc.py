"""From CTC logits to words, frame by frame, by the best path. Knows nothing of sound."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BLANK = 0


class GreedyDecoder:
    """One utterance: `feed` as frames come, read `words`, `reset` before the next."""

    def __init__(self, vocabulary: tuple[str, ...]) -> None:
        self._vocabulary = vocabulary
        self.reset()

    def reset(self) -> None:
        self._last = _BLANK
        self.words: list[str] = []

    def feed(self, logits: NDArray[np.float32]) -> None:
        """`logits` (frames, 1 + vocabulary), blank first. A word in neighbouring frames counts once."""
        for best in logits.argmax(axis=1).tolist():
            if best not in (_BLANK, self._last):
                self.words.append(self._vocabulary[best - 1])
            self._last = best
