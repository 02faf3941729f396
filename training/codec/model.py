"""The codec's decoder: causal, from two codes per 40 ms to what a voice is made of.

It reads one code frame ahead and carries its state outside, so that whole and streamed are one
function. Knows nothing of training, files or how pulses and noise become sound.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from sensorium.speech.codec import LEVELS, NUM_LEVELS
from sensorium.speech.source_filter import NUM_BANDS
from sensorium.tuning.codec_encoder import FRAMES_PER_CODE, HZ_SCALE, MIDDLE_HZ, Block

_WIDTH = 256
_SLOW_DILATIONS = (1, 2, 4, 8)
_FAST_WIDTH = 128
_FAST_DILATIONS = (1, 2, 4)
_LOWEST_HZ, _HIGHEST_HZ = 50.0, 520.0
_LOG_POWER_SCALE, _LOG_POWER_MIDDLE = 2.0, -7.0


class Voice(NamedTuple):
    """Per 10 ms frame; powers as in `sensorium.speech.source_filter.Shapes`."""

    f0_hz: Tensor  # (B, T)
    harmonic: Tensor  # (B, T, 80)
    noise: Tensor  # (B, T, 80)


class CausalBlock(Block):
    """Sees what was and what is."""

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """`past` (B, 2 dilation, C); returns it for what follows, too."""
        seen = torch.cat([past, self.norm(x)], 1)
        return x + self.out(functional.gelu(self.near(seen))), seen[:, -2 * self.near.dilation :]


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
        f0_hz = MIDDLE_HZ * torch.exp(HZ_SCALE * tone[..., 0])
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


def _power(raw: Tensor) -> Tensor:
    return torch.exp((_LOG_POWER_SCALE * raw + _LOG_POWER_MIDDLE).clamp(-25.0, 8.0))
