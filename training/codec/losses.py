"""How far the decoder's voice is from the sound it was made from, without making sound of it.

White noise and a pulse train of the true pitch have known spectra; times the envelopes they are the power to
expect, which is compared with what was measured. No noise is drawn and no waveform made: a step costs half.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from sensorium.speech.source_filter import NUM_BANDS, band_weights
from sensorium.tuning.analysis import FLOOR, MEL_FFT, NUM_MELS, mean_bands, powers
from training.codec.analysis import share_bands
from training.codec.model import Voice
from training.ear.data import IGNORE

_SHORT_FFT, _SHORT_BANDS, _LONG_FFT = 256, 40, 1024
# A bin of noise is as often below this share of its mean as above.
_MEDIAN = math.log(2.0)
_AUDIBLE = 2e-6  # power density, about 50 dB below the loudest

WEIGHTS = {"mel": 1.0, "short": 0.5, "long": 0.25, "share": 0.5, "f0": 3.0, "phoneme": 0.3}


def losses(
    voice: Voice,
    said: Tensor,
    samples: Tensor,
    pulses: Tensor,
    f0_hz: Tensor,
    voiced: Tensor,
    shares: Tensor,
    phonemes: Tensor,
) -> dict[str, Tensor]:
    """Means: spectra in nats of amplitude, pitch in nats of frequency, cross-entropy of the phonemes.

    `said`: phoneme logits (B, T, phonemes); the rest as in `training.codec.data.Batch`.
    """
    parts = {}
    for name, fft, num_bands in (
        ("mel", MEL_FFT, NUM_MELS), ("short", _SHORT_FFT, _SHORT_BANDS), ("long", _LONG_FFT, 0)
    ):  # fmt: skip
        with torch.no_grad():
            pulse_power, target = powers(pulses, fft), powers(samples, fft)
        spread = torch.from_numpy(band_weights(NUM_BANDS, fft // 2 + 1)).to(samples.device)
        if num_bands:
            mean = mean_bands(num_bands, fft).to(samples.device)
            expected = (pulse_power * (voice.harmonic @ spread)) @ mean + voice.noise @ (spread @ mean)
            target = target @ mean
        else:
            expected = pulse_power * (voice.harmonic @ spread) + voice.noise @ (spread * _MEDIAN)
        parts[name] = 0.5 * (torch.log(expected + FLOOR) - torch.log(target + FLOOR)).abs().mean()
    parts["share"] = _share_loss(voice, samples, shares)
    off = (torch.log(voice.f0_hz / f0_hz)).abs() * voiced
    parts["f0"] = off.sum() / voiced.sum().clamp(min=1.0)
    parts["phoneme"] = functional.cross_entropy(said.flatten(0, 1), phonemes.flatten(), ignore_index=IGNORE)
    return parts


def _share_loss(voice: Voice, samples: Tensor, shares: Tensor) -> Tensor:
    """How far the parts of the harmonics in each band are from `shares`, where there is sound.

    The spectra alone do not tell: noise never misses a harmonic by far, so without this voices get hoarse.
    """
    bands = share_bands(MEL_FFT).to(samples.device)
    mean = torch.from_numpy(band_weights(NUM_BANDS, MEL_FFT // 2 + 1)).to(samples.device) @ bands
    harmonic, noise = voice.harmonic @ mean, voice.noise @ mean
    with torch.no_grad():
        audible = (powers(samples, MEL_FFT) @ (bands / bands.sum(0)) > _AUDIBLE).float()
    off = (harmonic / (harmonic + noise + 1e-9) - shares).abs() * audible
    return off.sum() / audible.sum().clamp(min=1.0)


def total(parts: dict[str, Tensor]) -> Tensor:
    return torch.stack([WEIGHTS[name] * value for name, value in parts.items()]).sum()
