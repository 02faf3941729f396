"""What tells voices apart without any model: how high they are, and the shape of their spectrum.

Knows nothing of words, and of who is measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from sensorium.tuning.analysis import FLOOR, MEL_FFT, NUM_MELS, mean_bands, pitch, powers, with_margins

Samples = NDArray[np.float32]

_SHORTEST_SAMPLES = 1_600
_LOWEST_HZ = 1.0
_FLOOR = 1e-4  # of the mean power
_SHRINKAGE, _LEAST_VARIANCE = 0.3, 1e-8


class Timbre(NamedTuple):
    """`f0_hz`: median of the voiced frames of 10 ms. `envelope` float32 (80,): their mean log-mel spectrum in
    nats of amplitude, down to 40 dB below their mean power, less its mean over the bands: how loud somebody
    speaks does not count. 0 Hz and a flat envelope where nothing is voiced."""

    f0_hz: float
    envelope: NDArray[np.float32]


def timbre(sounds: Sequence[Samples]) -> Timbre:
    """Of one sentence or of many together, float32 (n,), 16 kHz; every voiced frame counts the same.

    Source: NANO.md section 6, which says no more than "envelope distance": taken as the mean over 80 mel
    bands of the absolute difference of two such envelopes. For en-us and en-us+f3 0.62 nat, there
    0.61.
    """
    found = [_voiced(sound) for sound in sounds if len(sound) >= _SHORTEST_SAMPLES]
    f0_hz = np.concatenate([hz for hz, _ in found]) if found else np.zeros(0, np.float32)
    if not len(f0_hz):
        return Timbre(0.0, np.zeros(NUM_MELS, np.float32))
    envelope = np.concatenate([mels for _, mels in found]).mean(0)
    return Timbre(float(np.median(f0_hz)), (envelope - envelope.mean()).astype(np.float32))


def distance(one: Timbre, other: Timbre) -> float:
    """Of the envelopes, in nats of amplitude."""
    return float(np.abs(one.envelope - other.envelope).mean())


class Centroids:
    """Whose voice is it? The nearest mean of known ones, in pitch and envelope alone.

    Near by Mahalanobis' distance: differences count by how much sentences of one voice differ from that
    voice's mean (their covariance over all voices, drawn a little to its diagonal, as 81 numbers of a few
    hundred sentences are).
    """

    def __init__(self, known: Mapping[str, Sequence[Timbre]]) -> None:
        """`known`: for each voice what some of its sentences measure, at least two."""
        features = {name: np.array([_features(one) for one in some]) for name, some in known.items()}
        self._means = {name: some.mean(0) for name, some in features.items()}
        within = np.concatenate([some - self._means[name] for name, some in features.items()])
        covariance = within.T @ within / len(within)
        diagonal = np.diag(np.diag(covariance) + _LEAST_VARIANCE)
        self._precision = np.linalg.inv((1.0 - _SHRINKAGE) * covariance + _SHRINKAGE * diagonal)

    def nearest(self, one: Timbre) -> str:
        """Its name, "" when nothing is voiced."""
        if not one.f0_hz:
            return ""
        apart = {name: _features(one) - mean for name, mean in self._means.items()}
        return min(apart, key=lambda name: float(apart[name] @ self._precision @ apart[name]))


def _voiced(sound: Samples) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """F0 in Hz (n,) and log-mel in nats of amplitude (n, 80) of the voiced frames."""
    padded = with_margins(sound)
    f0_hz, voiced = pitch(padded)
    density = (powers(padded[None], MEL_FFT)[0] @ mean_bands(NUM_MELS, MEL_FFT))[voiced > 0]
    mels = 0.5 * torch.log(density / density.mean().clamp(min=FLOOR) + _FLOOR)
    return f0_hz[voiced > 0].numpy(), mels.numpy()


def _features(one: Timbre) -> NDArray[np.float64]:
    """(81,): the logarithm of the pitch and the envelope."""
    return np.array([np.log(max(one.f0_hz, _LOWEST_HZ)), *one.envelope], np.float64)
