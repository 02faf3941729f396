"""From sound to speech codes: the codec's other half, which no turn needs, but who makes a voice does.

What it sees are log-mel bands, the pitch and voicing, 100 frames a second; out come two codes every 40 ms,
which `sensorium.speech.codec` turns into sound again. `training/codec` trains it.
"""

from __future__ import annotations

import math
import zipfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from sensorium.errors import BundleError
from sensorium.speech.codec import FRAME_SAMPLES, LEVELS, NUM_LEVELS
from sensorium.speech.source_filter import HOP_SAMPLES
from sensorium.tuning.analysis import NUM_MELS, log_mel, pitch, with_margins

FRAMES_PER_CODE = FRAME_SAMPLES // HOP_SAMPLES
MIDDLE_HZ, HZ_SCALE = 150.0, 0.5
MAX_FILE_BYTES = 64_000_000
_WIDTH = 256
_DILATIONS = (1, 1, 2)


class Neighbours(nn.Module):
    """A convolution of three taps, as a matrix product over (B, T, C): faster than conv1d on a CPU."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.mix = nn.Linear(3 * width, width)

    def forward(self, padded: Tensor) -> Tensor:
        """(B, T + 2 dilation, C) -> (B, T, C)."""
        d = self.dilation
        mixed: Tensor = self.mix(torch.cat([padded[:, : -2 * d], padded[:, d:-d], padded[:, 2 * d :]], -1))
        return mixed


class Block(nn.Module):
    """Sees both sides."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.near = Neighbours(width, dilation)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        d = self.near.dilation
        seen = functional.pad(self.norm(x), (0, 0, d, d))
        more: Tensor = self.out(functional.gelu(self.near(seen)))
        return x + more


class Encoder(nn.Module):
    """Offline only: no turn makes codes of sound."""

    def __init__(self) -> None:
        super().__init__()
        self.into = nn.Linear(FRAMES_PER_CODE * (NUM_MELS + 2), _WIDTH)
        self.blocks = nn.ModuleList(Block(_WIDTH, d) for d in _DILATIONS)
        self.norm = nn.LayerNorm(_WIDTH)
        self.out = nn.Linear(_WIDTH, NUM_LEVELS)

    def forward(self, log_mel: Tensor, f0_hz: Tensor, voiced: Tensor) -> Tensor:
        """(B, 4 T, 80), (B, 4 T), (B, 4 T) -> (B, T, 8), each from 0 to 1 and not yet rounded."""
        tone = torch.stack([torch.log(f0_hz / MIDDLE_HZ) / HZ_SCALE * voiced, voiced], -1)
        frames = torch.cat([(log_mel + 8.0) / 3.0, tone], -1)
        x = self.into(frames.reshape(len(frames), -1, FRAMES_PER_CODE * (NUM_MELS + 2)))
        for block in self.blocks:
            x = block(x)
        return torch.sigmoid(self.out(self.norm(x)))


def load(path: Path) -> Encoder:
    """The encoder of `encoder.npz`, float32. Raises BundleError for another file, shape or a number that is
    none."""
    encoder = Encoder().eval()
    weights: dict[str, Tensor] = {}
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise BundleError(f"{path} is too large for a codec's encoder")
        with np.load(path, allow_pickle=False) as kept:
            for name, parameter in encoder.state_dict().items():
                value = kept[name] if name in kept.files else None
                shape = tuple(parameter.shape)
                if value is None or value.shape != shape or value.dtype not in (np.float16, np.float32):
                    raise BundleError(f"{path} is not this codec's encoder: {name} is absent or another")
                if not np.isfinite(value).all():
                    raise BundleError(f"{path}: {name} holds numbers that are not finite")
                weights[name] = torch.from_numpy(value.astype(np.float32))
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as e:
        raise BundleError(f"{path} is not a codec's encoder: {e}", remedy="install the bundle again") from e
    encoder.load_state_dict(weights)
    return encoder


def encode(encoder: Encoder, samples: NDArray[np.float32]) -> NDArray[np.int64]:
    """`samples` float32 (n,), 16 kHz -> codes (ceil(n / 640), 2), of which frame t begins at sample 640 t."""
    if len(samples) == 0:
        return np.zeros((0, 2), np.int64)
    sound = with_margins(samples)
    f0_hz, voiced = pitch(sound)
    with torch.no_grad():
        codes = to_codes(encoder(log_mel(sound[None]), f0_hz[None], voiced[None]))[0]
    return np.asarray(codes.numpy(), np.int64)


def to_codes(unit: Tensor) -> Tensor:
    """(..., 8) from 0 to 1 -> (..., 2) codes from 0 to 999; undone by `sensorium.speech.codec.to_levels`."""
    digits = torch.round(unit * (torch.tensor(LEVELS * 2) - 1)).long()
    places = torch.tensor([math.prod(LEVELS[i + 1 :]) for i in range(len(LEVELS))])
    return (digits.reshape(*digits.shape[:-1], 2, len(LEVELS)) * places).sum(-1)
