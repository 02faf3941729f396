"""The codec's two halves: an encoder to two codes per 40 ms, and a causal decoder to what a voice is made of.

The decoder reads one code frame ahead and carries its state outside, so that whole and streamed are one
function. Knows nothing of training, files or how pulses and noise become sound.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from sensorium.speech.codec import LEVELS, NUM_LEVELS
from sensorium.speech.source_filter import NUM_BANDS
from training.codec.analysis import NUM_MELS

FRAMES_PER_CODE = 4
_WIDTH = 256
_ENCODER_DILATIONS = (1, 1, 2)
_SLOW_DILATIONS = (1, 2, 4, 8)
_FAST_WIDTH = 128
_FAST_DILATIONS = (1, 2, 4)
_MIDDLE_HZ, _HZ_SCALE = 150.0, 0.5
_LOWEST_HZ, _HIGHEST_HZ = 50.0, 520.0
_LOG_POWER_SCALE, _LOG_POWER_MIDDLE = 2.0, -7.0


class Voice(NamedTuple):
    """Per 10 ms frame; powers as in `sensorium.speech.source_filter.Shapes`."""

    f0_hz: Tensor  # (B, T)
    harmonic: Tensor  # (B, T, 80)
    noise: Tensor  # (B, T, 80)


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


class CausalBlock(Block):
    """Sees what was and what is."""

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """`past` (B, 2 dilation, C); returns it for what follows, too."""
        seen = torch.cat([past, self.norm(x)], 1)
        return x + self.out(functional.gelu(self.near(seen))), seen[:, -2 * self.near.dilation :]


class Encoder(nn.Module):
    """Offline only: nothing at run time turns sound into codes."""

    def __init__(self) -> None:
        super().__init__()
        self.into = nn.Linear(FRAMES_PER_CODE * (NUM_MELS + 2), _WIDTH)
        self.blocks = nn.ModuleList(Block(_WIDTH, d) for d in _ENCODER_DILATIONS)
        self.norm = nn.LayerNorm(_WIDTH)
        self.out = nn.Linear(_WIDTH, NUM_LEVELS)

    def forward(self, log_mel: Tensor, f0_hz: Tensor, voiced: Tensor) -> Tensor:
        """(B, 4 T, 80), (B, 4 T), (B, 4 T) -> (B, T, 8), each from 0 to 1 and not yet rounded."""
        tone = torch.stack([torch.log(f0_hz / _MIDDLE_HZ) / _HZ_SCALE * voiced, voiced], -1)
        frames = torch.cat([(log_mel + 8.0) / 3.0, tone], -1)
        x = self.into(frames.reshape(len(frames), -1, FRAMES_PER_CODE * (NUM_MELS + 2)))
        for block in self.blocks:
            x = block(x)
        return torch.sigmoid(self.out(self.norm(x)))


class Decoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.into = nn.Linear(2 * NUM_LEVELS, _WIDTH)
        self.slow = nn.ModuleList(CausalBlock(_WIDTH, d) for d in _SLOW_DILATIONS)
        self.spread = nn.Linear(_WIDTH, FRAMES_PER_CODE * _FAST_WIDTH)
        self.fast = nn.ModuleList(CausalBlock(_FAST_WIDTH, d) for d in _FAST_DILATIONS)
        self.norm = nn.LayerNorm(_FAST_WIDTH)
        self.out = nn.Linear(_FAST_WIDTH, 1 + 2 * NUM_BANDS)

    def forward(self, levels: Tensor, state: list[Tensor]) -> tuple[Voice, Tensor, list[Tensor]]:
        """(B, T + 1, 8) from -1 to 1 -> 4 T frames for the first T, the hidden states (B, T, 256), new state.

        After the last code frame of all comes one of zeros.
        """
        x = self.into(torch.cat([levels[:, :-1], levels[:, 1:]], -1))
        after: list[Tensor] = []
        for block, past in zip(self.slow, state[: len(self.slow)], strict=True):
            x, kept = block(x, past)
            after.append(kept)
        y = self.spread(functional.gelu(x)).reshape(len(x), -1, _FAST_WIDTH)
        for block, past in zip(self.fast, state[len(self.slow) :], strict=True):
            y, kept = block(y, past)
            after.append(kept)
        tone, harmonic, noise = self.out(self.norm(y)).split([1, NUM_BANDS, NUM_BANDS], -1)
        f0_hz = _MIDDLE_HZ * torch.exp(_HZ_SCALE * tone[..., 0])
        voice = Voice(f0_hz.clamp(_LOWEST_HZ, _HIGHEST_HZ), _power(harmonic), _power(noise))
        return voice, x, after


def zero_state(batch: int) -> list[Tensor]:
    """The decoder's past at the beginning, one tensor per block."""
    slow = [torch.zeros(batch, 2 * d, _WIDTH) for d in _SLOW_DILATIONS]
    return slow + [torch.zeros(batch, 2 * d, _FAST_WIDTH) for d in _FAST_DILATIONS]


def quantize(unit: Tensor) -> Tensor:
    """(..., 8) from 0 to 1 -> the nearest level from -1 to 1; gradients pass as if nothing was rounded.

    Finite scalar quantisation (Mentzer and others 2023) with a sigmoid.
    """
    steps = torch.tensor(LEVELS * 2, device=unit.device) - 1
    rounded = torch.round(unit * steps) / steps
    return 2.0 * (unit + (rounded - unit).detach()) - 1.0


def to_codes(unit: Tensor) -> Tensor:
    """(..., 8) from 0 to 1 -> (..., 2) codes from 0 to 999; undone by `sensorium.speech.codec.to_levels`."""
    digits = torch.round(unit * (torch.tensor(LEVELS * 2) - 1)).long()
    places = torch.tensor([math.prod(LEVELS[i + 1 :]) for i in range(len(LEVELS))])
    return (digits.reshape(*digits.shape[:-1], 2, len(LEVELS)) * places).sum(-1)


def _power(raw: Tensor) -> Tensor:
    return torch.exp((_LOG_POWER_SCALE * raw + _LOG_POWER_MIDDLE).clamp(-25.0, 8.0))
