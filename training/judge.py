"""Who listens to speech in measurements: an ear that reads what was said, and how far the pitch is off.

The judge should be an ear of its own (training/ear/judge.onnx, other seeds, 20 % codec output); until that
one is trained it is the shipped ear, and every table says which.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sensorium.bundles.catalogue import find
from sensorium.hearing.encoder import CHUNK_SAMPLES, EarModel, Encoder
from sensorium.tuning.analysis import pitch, with_margins
from training.ear.evaluate import greedy, word_errors

INDEPENDENT = Path(__file__).parent / "ear" / "judge.onnx"
# A CTC ear that doubts between two words says neither. By this many nats its errors are fewest in espeak-ng's
# own sound (0.86 -> 0.59 % of words), and few through the codec (2.25 -> 2.12): training/LOG.md.
_BLANK_PENALTY = 1.0

Samples = NDArray[np.float32]


class Judge:
    """Listens to whole utterances, greedily, without a language model."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or (INDEPENDENT if INDEPENDENT.is_file() else find("nano").file("ear"))
        self._ear = Encoder(EarModel.load(self.path))

    @property
    def name(self) -> str:
        return "independent ear" if self.path == INDEPENDENT else "shipped ear"

    def words(self, samples: Samples) -> list[str]:
        """What it makes of float32 (n,), 16 kHz, with quiet before and after."""
        self._ear.reset()
        # Ears are taught on speech after some silence; words come up to 200 ms after they were said.
        quiet = np.zeros(4 * CHUNK_SAMPLES, np.float32)
        chunks = np.concatenate((quiet, samples, quiet))
        chunks = chunks[: len(chunks) // CHUNK_SAMPLES * CHUNK_SAMPLES].reshape(-1, CHUNK_SAMPLES)
        logits = np.concatenate([self._ear.feed(chunk).words for chunk in chunks])
        return greedy(logits, self._ear.words, _BLANK_PENALTY)

    def errors(self, said: Sequence[str], samples: Samples) -> int:
        """Words wrong, missing or too many."""
        return word_errors(list(said), self.words(samples))


@cache
def judge() -> Judge:
    return Judge()


def cents(one: Samples, other: Samples) -> NDArray[np.float32]:
    """How far the pitch is off, in every frame that is voiced in both."""
    (f0, voiced), (other_f0, other_voiced) = (pitch(with_margins(sound)) for sound in (one, other))
    both = (voiced > 0) & (other_voiced > 0)
    return np.asarray(1200.0 * torch.log2(other_f0[both] / f0[both]).abs().numpy(), np.float32)


def to_float(samples: NDArray[np.int16]) -> Samples:
    return samples.astype(np.float32) / np.float32(32768.0)
