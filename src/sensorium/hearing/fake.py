"""Hearing without a model: the same interfaces, answers fixed beforehand, for tests around the ear."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sensorium.hearing.engine import Hypothesis, check_pcm

_LOUD = 0.01
_SAMPLES_PER_WORD = 3_200


class FakeSpeechToText:
    """Says the next of `texts` for each utterance, a word every 200 ms of sound; "" when they run out."""

    engine = "fake"
    is_bridge = True

    def __init__(self, texts: tuple[str, ...] = ("hello maya what do you like",)) -> None:
        self._texts = list(texts)
        self._num_samples = 0
        self._words: list[str] | None = None

    def feed(self, pcm: NDArray[np.float32]) -> Hypothesis:
        check_pcm(pcm)
        if self._words is None:
            self._words = self._texts.pop(0).split() if self._texts else []
        self._num_samples += len(pcm)
        return Hypothesis(" ".join(self._words[: self._num_samples // _SAMPLES_PER_WORD]))

    def finish(self) -> Hypothesis:
        return Hypothesis(" ".join(self._words or []))

    def reset(self) -> None:
        self._words = None
        self._num_samples = 0


class FakeNativeEar:
    """The words of `FakeSpeechToText`, and for each a row: the number of its letters, `width` times."""

    engine = "fake"
    is_bridge = False

    def __init__(self, texts: tuple[str, ...] = ("hello maya what do you like",), width: int = 4) -> None:
        self._stt = FakeSpeechToText(texts)
        self._width = width
        self._num_rows = 0

    def feed(self, pcm: NDArray[np.float32]) -> Hypothesis:
        return self._with_rows(self._stt.feed(pcm))

    def finish(self) -> Hypothesis:
        return self._with_rows(self._stt.finish())

    def reset(self) -> None:
        self._stt.reset()
        self._num_rows = 0

    def _with_rows(self, heard: Hypothesis) -> Hypothesis:
        new = heard.text.split()[self._num_rows :]
        self._num_rows += len(new)
        rows = np.array([[len(word)] * self._width for word in new], np.float32)
        return heard._replace(rows=rows.reshape(-1, self._width))


class LoudnessVad:
    """Whatever is loud is speech."""

    def feed(self, window: NDArray[np.float32]) -> float:
        return float(np.sqrt(np.mean(np.square(window))) > _LOUD)

    def reset(self) -> None:
        """Nothing is remembered."""
