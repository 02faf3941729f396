"""The ear read as sound comes: words, how sure they are, and what else each might be, all from one pass.

Used by the native ear, which needs both, and by the bridge, which needs the words. Knows nothing of minds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sensorium.hearing.confidence import confidence
from sensorium.hearing.ctc import GreedyDecoder, word_shares
from sensorium.hearing.encoder import CHUNK_SAMPLES, EarModel, Encoder, Frames
from sensorium.hearing.engine import check_pcm

Shares = NDArray[np.float32]


class Reader:
    """One stream of utterances through a model: `feed` and `finish`, then `reset` before the next."""

    def __init__(self, model: EarModel) -> None:
        self._encoder = Encoder(model)
        self._decoder = GreedyDecoder(model.words)
        self._pending = np.zeros(0, np.float32)

    @property
    def text(self) -> str:
        """The words so far; "" when none."""
        return " ".join(self._decoder.words)

    @property
    def confidence(self) -> float:
        """How sure they are, 0 to 1; see `confidence.py`."""
        return confidence(self._decoder.log_probs)

    def feed(self, pcm: NDArray[np.float32]) -> list[Shares]:
        """`pcm` float32 (n,), 16 kHz, any n. For each word that is new: how likely each word of the ear
        is (words,) in the frame in which it begins.

        Raises BadInput for another shape or type, or for values that are not numbers.
        """
        check_pcm(pcm)
        self._pending = np.concatenate([self._pending, pcm])
        shares: list[Shares] = []
        while len(self._pending) >= CHUNK_SAMPLES:
            chunk, self._pending = self._pending[:CHUNK_SAMPLES], self._pending[CHUNK_SAMPLES:]
            shares += self._read(self._encoder.feed(chunk))
        return shares

    def finish(self) -> list[Shares]:
        """As `feed`, for what was on its way: the last chunk, filled up with silence, and the flush."""
        rest = self.feed(np.zeros(-len(self._pending) % CHUNK_SAMPLES, np.float32))
        for frames in self._encoder.flush():
            rest += self._read(frames)
        return rest

    def reset(self) -> None:
        self._encoder.reset()
        self._decoder.reset()
        self._pending = np.zeros(0, np.float32)

    def _read(self, frames: Frames) -> list[Shares]:
        return [word_shares(frames.words[i]) for i in self._decoder.feed(frames.words)]
