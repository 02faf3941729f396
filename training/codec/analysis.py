"""How much of each band of a voice is harmonic, 100 frames a second; for the codec's training alone.

Frames lie as in `sensorium.tuning.analysis`. Knows nothing of models.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from sensorium.speech.source_filter import HOP_SAMPLES, SAMPLE_RATE_HZ
from sensorium.tuning.analysis import MARGIN

_SHARE_FFT = 512
_SHARE_EDGES_HZ = (0, 500, 1000, 1500, 2000, 3000, 4000, 5500, 8001)
NUM_SHARES = len(_SHARE_EDGES_HZ) - 1


def harmonic_shares(samples: Tensor, f0_hz: Tensor, voiced: Tensor) -> Tensor:
    """(2 * 512 + 160 T,), (T,), (T,) -> (T, 8): how much of each of 8 bands comes again one period later.

    From the correlation of two windows a period apart, which unlike the valleys between harmonics survives a
    gliding pitch. Noise has less than 0.15, espeak's voices 0.4 to 1: the first counts as 0, 0.5 as 1.
    """
    period = SAMPLE_RATE_HZ / f0_hz
    whole = period.long()
    middles = MARGIN + HOP_SAMPLES * torch.arange(len(f0_hz))
    at = (middles - _SHARE_FFT // 2 - whole // 2)[:, None] + torch.arange(_SHARE_FFT)
    window = torch.hann_window(_SHARE_FFT)
    one = torch.fft.rfft(samples[at] * window)
    later = torch.fft.rfft(samples[at + whole[:, None]] * window)
    turn = (period - whole)[:, None] * torch.arange(_SHARE_FFT // 2 + 1) * (2.0 * torch.pi / _SHARE_FFT)
    same = (one.conj() * later * torch.polar(torch.ones_like(turn), turn)).real
    bands = share_bands(_SHARE_FFT)
    energies = [spectrum.abs().square() @ bands for spectrum in (one, later)]
    shares: Tensor = (same @ bands) / (energies[0] * energies[1]).sqrt().clamp(min=1e-9)
    return ((shares - 0.1) / 0.4).clamp(0.0, 1.0) * voiced[:, None]


@cache
def share_bands(fft: int) -> Tensor:
    """(fft / 2 + 1, 8): 1 where a bin belongs to a band."""
    hz = torch.linspace(0, SAMPLE_RATE_HZ / 2, fft // 2 + 1)[:, None]
    edges = torch.tensor(_SHARE_EDGES_HZ)
    return ((hz >= edges[:-1]) & (hz < edges[1:])).float()
