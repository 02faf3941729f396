"""What the codec sees of a sound: power spectra, log-mel bands and the pitch, 100 frames a second.

Frame k stands at sample 160 k and is measured with sound on both sides of it. Knows nothing of models.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from sensorium.speech.source_filter import HOP_SAMPLES, SAMPLE_RATE_HZ, band_weights

MARGIN = 512  # samples of sound that every spectrum needs before the first frame and after the last
FLOOR = 1e-6  # power density below which all is silence
MEL_FFT, NUM_MELS = 512, 80

_YIN_WINDOW, _YIN_FFT = 480, 1024
_SHORTEST_LAG, _LONGEST_LAG = 32, 272  # 500 to 59 Hz
_WORST_DIP, _NEAR_BEST = 0.4, 0.1  # of YIN's normal difference: still voiced; as good as the best
_QUIET = 1e-6
_SPREAD = _YIN_WINDOW + _LONGEST_LAG
_CENTRE = (_YIN_WINDOW + 120) // 2  # the middle of what is compared, at a lag in the middle
DEFAULT_F0_HZ = 120.0


def powers(samples: Tensor, fft: int) -> Tensor:
    """(B, 2 * 512 + 160 T) -> (B, T, fft / 2 + 1) power densities: about 1 for white noise of variance 1."""
    inner = samples[:, MARGIN - fft // 2 : samples.shape[1] - MARGIN + fft // 2 - HOP_SAMPLES]
    window = _window(fft).to(samples.device)
    spectra = torch.fft.rfft(inner.unfold(1, fft, HOP_SAMPLES) * window)
    power: Tensor = (spectra.real.square() + spectra.imag.square()) / window.square().sum()
    return power


def log_mel(samples: Tensor) -> Tensor:
    """(B, 2 * 512 + 160 T) -> (B, T, 80), natural logarithms of power densities."""
    return torch.log(powers(samples, MEL_FFT) @ mean_bands(NUM_MELS, MEL_FFT).to(samples.device) + FLOOR)


def pitch(samples: Tensor) -> tuple[Tensor, Tensor]:
    """(2 * 512 + 160 T,) -> F0 in Hz (T,), drawn as lines through what is unvoiced, and voicing (T,), 0 or 1.

    YIN (de Cheveigne and Kawahara 2002) with a median over five frames.
    """
    num_frames = (len(samples) - 2 * MARGIN) // HOP_SAMPLES
    found = _yin(samples[MARGIN - _CENTRE :])[:num_frames]
    smooth = functional.pad(found, (2, 2)).unfold(0, 5, 1).median(-1).values
    voiced = smooth > 0
    at = torch.nonzero(voiced)[:, 0].numpy()
    if len(at) == 0:
        return torch.full((num_frames,), DEFAULT_F0_HZ), voiced.float()
    lines = np.exp(np.interp(np.arange(num_frames), at, np.log(smooth[voiced].numpy())))
    return torch.from_numpy(lines.astype(np.float32)), voiced.float()


def with_margins(samples: NDArray[np.float32]) -> Tensor:
    """Whole code frames of 640 samples, with silence as margins: what the other functions take, as (n,)."""
    return torch.from_numpy(np.pad(samples, (MARGIN, MARGIN + -len(samples) % 640)))


@cache
def mean_bands(num_bands: int, fft: int) -> Tensor:
    """(fft / 2 + 1, num_bands): a spectrum times this is the mean power density of each band."""
    weights = band_weights(num_bands, fft // 2 + 1)
    return torch.from_numpy((weights / weights.sum(1, keepdims=True)).T.copy())


@cache
def _window(fft: int) -> Tensor:
    return torch.hann_window(fft)


def _yin(samples: Tensor) -> Tensor:
    """(160 T + 752,) or a little more -> F0 in Hz (T,), 0 where there is none."""
    frames = samples.unfold(0, _SPREAD, HOP_SAMPLES)
    ahead = torch.fft.rfft(frames, _YIN_FFT)
    behind = torch.fft.rfft(frames[:, :_YIN_WINDOW], _YIN_FFT)
    same = torch.fft.irfft(behind.conj() * ahead, _YIN_FFT)[:, : _LONGEST_LAG + 1]
    sums = functional.pad(samples.double().square().cumsum(0), (1, 0)).unfold(0, _SPREAD + 1, HOP_SAMPLES)
    energy = (sums[:, _YIN_WINDOW:] - sums[:, : _LONGEST_LAG + 1]).float()
    difference = (energy[:, :1] + energy - 2.0 * same)[:, 1:].clamp(min=0.0)
    lags = torch.arange(1, _LONGEST_LAG + 1)
    normal = difference * lags / (difference.cumsum(1) + 1e-9)
    inner, left, right = normal[:, 1:-1], normal[:, :-2], normal[:, 2:]
    dips = torch.where((inner <= left) & (inner <= right), inner, torch.ones_like(inner))
    dips[:, : _SHORTEST_LAG - 2] = 1.0
    good = dips < (dips.amin(1, keepdim=True) + _NEAR_BEST).clamp(max=_WORST_DIP)
    at = good.float().argmax(1, keepdim=True)
    low, mid, high = left.gather(1, at)[:, 0], inner.gather(1, at)[:, 0], right.gather(1, at)[:, 0]
    shift = 0.5 * (low - high) / (low - 2.0 * mid + high).clamp(min=1e-6)
    hz = SAMPLE_RATE_HZ / (at[:, 0] + 2 + shift.clamp(-0.5, 0.5))
    is_voiced = good.any(1) & (energy[:, 0] > _QUIET * _YIN_WINDOW)
    return torch.where(is_voiced, hz, torch.zeros_like(hz))
