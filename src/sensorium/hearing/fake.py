"""Hearing without a model: the same interfaces, answers fixed beforehand, for tests around the ear."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sensorium.hearing.bridge import check_pcm

_LOUD = 0.01


class FakeSpeechToText:
    """Says the next of `texts` for each utterance, a word every 200 ms of sound; "" when they run out."""

    engine = "fake"

    def __init__(self, texts: tuple[str, ...] = ("hello maya what do you like",)) -> None:
        self._texts = list(texts)
        self._num_samples = 0
        self._words: list[str] | None = None

    def feed(self, pcm: NDArray[np.float32]) -> str:
        check_pcm(pcm)
        if self._words is None:
            self._words = self._texts.pop(0).split() if self._texts else []
        self._num_samples += len(pcm)
        return " ".join(self._words[: self._num_samples // 3200])

    def finish(self) -> str:
        return " ".join(self._words or [])

    def reset(self) -> None:
        self._words = None
        self._num_samples = 0


class LoudnessVad:
    """Whatever is loud is speech."""

    def feed(self, window: NDArray[np.float32]) -> float:
        return float(np.sqrt(np.mean(np.square(window))) > _LOUD)

    def reset(self) -> None:
        """Nothing is remembered."""
