"""From sound to speech codes: the codec's other half, which nothing needs at run time.

What it sees are log-mel bands, the pitch and voicing, 100 frames a second; out come two codes every 40 ms,
which `sensorium.speech.codec` turns into sound again. Plain torch functions over checked weights.
Source: training/codec/model.py and analysis.py, with the same arithmetic (a test holds them together).
"""

from __future__ import annotations

import math
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from sensorium.errors import BundleError
from sensorium.speech.codec import FRAME_SAMPLES, LEVELS, NUM_LEVELS
from sensorium.speech.source_filter import HOP_SAMPLES, SAMPLE_RATE_HZ, band_weights

MAX_FILE_BYTES = 64_000_000

_FRAMES_PER_CODE = FRAME_SAMPLES // HOP_SAMPLES
_WIDTH = 256
_DILATIONS = (1, 1, 2)
_MIDDLE_HZ, _HZ_SCALE = 150.0, 0.5

_MARGIN = 512  # samples of sound that every spectrum needs before the first frame and after the last
_FLOOR = 1e-6  # power density below which all is silence
_MEL_FFT, _NUM_MELS = 512, 80
_YIN_WINDOW, _YIN_FFT = 480, 1024
_SHORTEST_LAG, _LONGEST_LAG = 32, 272  # 500 to 59 Hz
_WORST_DIP, _NEAR_BEST = 0.4, 0.1  # of YIN's normal difference: still voiced; as good as the best
_QUIET = 1e-6
_SPREAD = _YIN_WINDOW + _LONGEST_LAG
_CENTRE = (_YIN_WINDOW + 120) // 2  # the middle of what is compared, at a lag in the middle
_DEFAULT_F0_HZ = 120.0

Weights = dict[str, Tensor]


def load(path: Path) -> Weights:
    """The weights of `encoder.npz`, float32. Raises BundleError for another file, shape or a number that is
    none."""
    wanted = _shapes()
    weights: Weights = {}
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise BundleError(f"{path} is too large for a codec's encoder")
        with np.load(path, allow_pickle=False) as kept:
            for name, shape in wanted.items():
                value = kept[name] if name in kept.files else None
                if value is None or value.shape != shape or value.dtype not in (np.float16, np.float32):
                    raise BundleError(f"{path} is not this codec's encoder: {name} is absent or another")
                if not np.isfinite(value).all():
                    raise BundleError(f"{path}: {name} holds numbers that are not finite")
                weights[name] = torch.from_numpy(value.astype(np.float32))
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as e:
        raise BundleError(f"{path} is not a codec's encoder: {e}", remedy="install the bundle again") from e
    return weights


def encode(weights: Weights, samples: NDArray[np.float32]) -> NDArray[np.int64]:
    """`samples` float32 (n,), 16 kHz -> codes (ceil(n / 640), 2), of which frame t begins at sample 640 t."""
    if len(samples) == 0:
        return np.zeros((0, 2), np.int64)
    sound = torch.from_numpy(np.pad(samples, (_MARGIN, _MARGIN + -len(samples) % FRAME_SAMPLES)))
    with torch.no_grad():
        f0_hz, voiced = _pitch(sound)
        tone = torch.stack([torch.log(f0_hz / _MIDDLE_HZ) / _HZ_SCALE * voiced, voiced], -1)
        frames = torch.cat([(_log_mel(sound) + 8.0) / 3.0, tone], -1)
        unit = _forward(weights, frames.reshape(1, -1, _FRAMES_PER_CODE * (_NUM_MELS + 2)))
        digits = torch.round(unit * (torch.tensor(LEVELS * 2) - 1)).long()
        places = torch.tensor([math.prod(LEVELS[i + 1 :]) for i in range(len(LEVELS))])
        codes = (digits.reshape(-1, 2, len(LEVELS)) * places).sum(-1)
    return np.asarray(codes.numpy(), np.int64)


def _shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}

    def linear(name: str, inputs: int, outputs: int) -> None:
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (outputs, inputs), (outputs,)

    linear("into", _FRAMES_PER_CODE * (_NUM_MELS + 2), _WIDTH)
    for i in range(len(_DILATIONS)):
        shapes[f"blocks.{i}.norm.weight"] = shapes[f"blocks.{i}.norm.bias"] = (_WIDTH,)
        linear(f"blocks.{i}.near.mix", 3 * _WIDTH, _WIDTH)
        linear(f"blocks.{i}.out", _WIDTH, _WIDTH)
    shapes["norm.weight"] = shapes["norm.bias"] = (_WIDTH,)
    linear("out", _WIDTH, NUM_LEVELS)
    return shapes


def _forward(weights: Weights, frames: Tensor) -> Tensor:
    """(1, T, 328) -> (1, T, 8), each from 0 to 1 and not yet rounded."""

    def linear(name: str, x: Tensor) -> Tensor:
        return functional.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

    def norm(name: str, x: Tensor) -> Tensor:
        return functional.layer_norm(x, (_WIDTH,), weights[f"{name}.weight"], weights[f"{name}.bias"])

    x = linear("into", frames)
    for i, d in enumerate(_DILATIONS):
        seen = functional.pad(norm(f"blocks.{i}.norm", x), (0, 0, d, d))
        near = torch.cat([seen[:, : -2 * d], seen[:, d:-d], seen[:, 2 * d :]], -1)
        x = x + linear(f"blocks.{i}.out", functional.gelu(linear(f"blocks.{i}.near.mix", near)))
    return torch.sigmoid(linear("out", norm("norm", x)))


def _log_mel(sound: Tensor) -> Tensor:
    """(2 * 512 + 160 T,) -> (T, 80), natural logarithms of power densities."""
    inner = sound[_MARGIN - _MEL_FFT // 2 : len(sound) - _MARGIN + _MEL_FFT // 2 - HOP_SAMPLES]
    window = torch.hann_window(_MEL_FFT)
    spectra = torch.fft.rfft(inner.unfold(0, _MEL_FFT, HOP_SAMPLES) * window)
    power = (spectra.real.square() + spectra.imag.square()) / window.square().sum()
    return torch.log(power @ _mean_bands() + _FLOOR)


@cache
def _mean_bands() -> Tensor:
    weights = band_weights(_NUM_MELS, _MEL_FFT // 2 + 1)
    return torch.from_numpy((weights / weights.sum(1, keepdims=True)).T.copy())


def _pitch(sound: Tensor) -> tuple[Tensor, Tensor]:
    """(2 * 512 + 160 T,) -> F0 in Hz (T,), drawn as lines through what is unvoiced, and voicing (T,), 0 or 1.

    YIN (de Cheveigne and Kawahara 2002) with a median over five frames.
    """
    num_frames = (len(sound) - 2 * _MARGIN) // HOP_SAMPLES
    found = _yin(sound[_MARGIN - _CENTRE :])[:num_frames]
    smooth = functional.pad(found, (2, 2)).unfold(0, 5, 1).median(-1).values
    voiced = smooth > 0
    at = torch.nonzero(voiced)[:, 0].numpy()
    if len(at) == 0:
        return torch.full((num_frames,), _DEFAULT_F0_HZ), voiced.float()
    lines = np.exp(np.interp(np.arange(num_frames), at, np.log(smooth[voiced].numpy())))
    return torch.from_numpy(lines.astype(np.float32)), voiced.float()


def _yin(sound: Tensor) -> Tensor:
    """(160 T + 752,) or a little more -> F0 in Hz (T,), 0 where there is none."""
    frames = sound.unfold(0, _SPREAD, HOP_SAMPLES)
    ahead = torch.fft.rfft(frames, _YIN_FFT)
    behind = torch.fft.rfft(frames[:, :_YIN_WINDOW], _YIN_FFT)
    same = torch.fft.irfft(behind.conj() * ahead, _YIN_FFT)[:, : _LONGEST_LAG + 1]
    sums = functional.pad(sound.double().square().cumsum(0), (1, 0)).unfold(0, _SPREAD + 1, HOP_SAMPLES)
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
