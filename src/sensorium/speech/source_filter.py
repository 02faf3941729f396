"""A voice as a source and a filter: pulses and noise, shaped by two spectral envelopes, 100 times a second.

Streaming, in numpy, with its whole state in one object. Knows nothing of codes, models or text.
The pulse train is the closed form of a sum of cosines; the filters are of minimum phase, so no sound comes
before its cause (Oppenheim and Schafer, Discrete-Time Signal Processing, on the complex cepstrum).
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 16_000
HOP_SAMPLES = 160
NUM_BANDS = 80

_FFT = 1024
_HIGHEST_HZ = 7_800.0  # of the pulse train's harmonics
_SILENCE = 1e-10

Floats = NDArray[np.float32]


class Shapes(NamedTuple):
    """n frames, of which number k stands at sample 160 k. `harmonic` and `noise` are power densities: white
    noise of variance 1 has 1 in every band."""

    f0_hz: Floats  # (n,), above 0 in silence too
    harmonic: Floats  # (n, 80)
    noise: Floats  # (n, 80)


@cache
def band_weights(num_bands: int, num_bins: int) -> Floats:
    """(num_bands, num_bins): triangles, evenly spaced on the mel scale from 0 Hz to half the rate.

    The weights of a bin sum to 1, so `powers @ band_weights(...)` draws lines between the bands.
    """
    mel = 2595.0 * np.log10(1.0 + SAMPLE_RATE_HZ / 2 / 700.0)
    centres_hz = 700.0 * (10.0 ** (np.linspace(0.0, mel, num_bands) / 2595.0) - 1.0)
    bins_hz = np.linspace(0.0, SAMPLE_RATE_HZ / 2, num_bins)
    rows = [np.interp(bins_hz, centres_hz, np.eye(num_bands)[i]) for i in range(num_bands)]
    return np.array(rows, np.float32)


def pulse_train(f0_hz: Floats, phase: float, before_hz: float) -> tuple[Floats, float]:
    """Pulses of variance 1 from the frame before the first to the last, and the phase where they end.

    `f0_hz` (n,) at the frames, `before_hz` one frame earlier, between them straight lines; `phase` in cycles.
    Returns float32 (160 n,).
    """
    steps = np.arange(1, HOP_SAMPLES + 1) / HOP_SAMPLES
    starts = np.concatenate(([before_hz], f0_hz[:-1])).astype(np.float64)
    hz = (starts[:, None] + (f0_hz - starts)[:, None] * steps).ravel()
    cycles = phase + np.cumsum(hz / SAMPLE_RATE_HZ)
    half = np.pi * (cycles - np.floor(cycles))
    num_harmonics = np.floor(_HIGHEST_HZ / hz)
    below = np.sin(half)
    is_peak = np.abs(below) < 1e-6
    cosines = np.sin((2.0 * num_harmonics + 1.0) * half) / (2.0 * np.where(is_peak, 1.0, below)) - 0.5
    pulses = np.where(is_peak, num_harmonics, cosines) * np.sqrt(2.0 * hz / _HIGHEST_HZ)
    return pulses.astype(np.float32), float(cycles[-1] % 1.0)


class SourceFilter:
    """One stream: `feed` frames, `flush`, `reset`. The same seed gives the same noise."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self.reset()

    def reset(self) -> None:
        self._rng = np.random.default_rng(self._seed)
        self._phase = 0.0
        self._f0_hz = 0.0  # 0 until the first frame
        self._sources = np.zeros((2, HOP_SAMPLES), np.float32)
        self._powers = np.zeros((1, 2, NUM_BANDS), np.float32)
        self._tail = np.zeros(_FFT - HOP_SAMPLES, np.float32)
        self._num_received = 0

    def feed(self, shapes: Shapes) -> Floats:
        """n >= 1 frames in, float32 (160 n,) out; two frames late, so the first two give nothing.

        In any division into calls the samples are the same but for rounding.
        """
        num_frames = len(shapes.f0_hz)
        if not self._num_received:
            self._f0_hz = float(shapes.f0_hz[0])
        sources = self._excite(shapes.f0_hz)
        powers = np.concatenate((self._powers, np.stack((shapes.harmonic, shapes.noise), 1)))
        blocks = sources.reshape(2, num_frames, HOP_SAMPLES).swapaxes(0, 1)
        blocks = np.concatenate((self._sources[None], blocks))
        sound = self._filter(np.concatenate((blocks[:-1], blocks[1:]), 2), powers[:-1])
        self._sources, self._powers = blocks[-1], powers[-1:]
        # What comes out at frame k lies before frame k - 1; before frame 0 there is nothing.
        skip = max(0, 2 - self._num_received)
        self._num_received += num_frames
        return sound[skip * HOP_SAMPLES :]

    def flush(self) -> Floats:
        """The samples up to where the next frame would stand, then as after `reset`."""
        if not self._num_received:
            return np.zeros(0, np.float32)
        silence = np.zeros((2, NUM_BANDS), np.float32)
        rest = self.feed(Shapes(np.full(2, self._f0_hz, np.float32), silence, silence))
        self.reset()
        return rest

    def _excite(self, f0_hz: Floats) -> Floats:
        pulses, self._phase = pulse_train(f0_hz, self._phase, self._f0_hz)
        self._f0_hz = float(f0_hz[-1])
        return np.stack((pulses, self._rng.standard_normal(len(pulses), np.float32)))

    def _filter(self, windows: Floats, powers: Floats) -> Floats:
        """`windows` (n, 2, 320), `powers` (n, 2, 80) -> (160 n,): filtered, then added where they overlap."""
        spectra = np.fft.rfft(windows * _hann(), _FFT) * minimum_phase(powers)
        filtered = np.fft.irfft(spectra.sum(1), _FFT).astype(np.float32)
        sound = np.zeros(len(windows) * HOP_SAMPLES + len(self._tail), np.float32)
        sound[: len(self._tail)] = self._tail
        for k, piece in enumerate(filtered):
            sound[k * HOP_SAMPLES : k * HOP_SAMPLES + _FFT] += piece
        self._tail = sound[len(windows) * HOP_SAMPLES :]
        return sound[: len(windows) * HOP_SAMPLES]


def minimum_phase(powers: Floats) -> NDArray[np.complex64]:
    """(..., 80) power densities -> (..., 513) frequency responses of minimum phase."""
    levels = 0.5 * np.log(powers @ band_weights(NUM_BANDS, _FFT // 2 + 1) + np.float32(_SILENCE))
    cepstrum = np.fft.irfft(levels)[..., : _FFT // 2 + 1]
    cepstrum[..., 1:-1] *= 2.0
    return np.exp(np.fft.rfft(cepstrum, _FFT)).astype(np.complex64)


@cache
def _hann() -> Floats:
    n = np.arange(2 * HOP_SAMPLES)
    return (0.5 - 0.5 * np.cos(np.pi * n / HOP_SAMPLES)).astype(np.float32)
