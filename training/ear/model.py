"""The ear: log-mel, two strided convolutions, two GRUs, all causal, with its whole state passed in and out.

80 ms of sound in, two 25 Hz frames out. Offline and streaming are the same function: only the length differs.
Knows nothing of training, files or espeak.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

SAMPLE_RATE_HZ = 16_000
CHUNK_SAMPLES = 1280
FRAME_SAMPLES = 640
_HOP, _WINDOW, _FFT, _MELS = 160, 400, 512, 80
_CONV, _GRU = 192, 256
_TAIL = 3  # frames of left context that a kernel of 5 with stride 2 needs


class State(NamedTuple):
    """What the ear remembers between chunks; all zeros at the start. Shapes for batch B, float32."""

    pcm: Tensor  # (B, 240)
    mel: Tensor  # (B, 80, 3)
    conv: Tensor  # (B, 192, 3)
    low: Tensor  # (1, B, 256)
    high: Tensor  # (1, B, 256)


class Heard(NamedTuple):
    """Per 25 Hz frame. `words`, `chars`: CTC logits, blank at 0; `frames`: what the mind may read."""

    words: Tensor  # (B, T, 1 + words)
    chars: Tensor  # (B, T, 1 + characters)
    phonemes: Tensor  # (B, T, phonemes)
    frames: Tensor  # (B, T, 256)


def zero_state(batch: int) -> State:
    return State(
        torch.zeros(batch, _WINDOW - _HOP),
        torch.zeros(batch, _MELS, _TAIL),
        torch.zeros(batch, _CONV, _TAIL),
        torch.zeros(1, batch, _GRU),
        torch.zeros(1, batch, _GRU),
    )


class LogMel(nn.Module):
    """The spectrum as two matrix products, because ONNX's own STFT is not streaming."""

    basis: Tensor
    mel: Tensor

    def __init__(self) -> None:
        super().__init__()
        n = torch.arange(_WINDOW, dtype=torch.float64)
        window = 0.5 - 0.5 * torch.cos(2 * math.pi * n / _WINDOW)
        angle = 2 * math.pi * n[None, :] * torch.arange(_FFT // 2 + 1)[:, None] / _FFT
        basis = torch.cat([torch.cos(angle) * window, torch.sin(angle) * window])
        self.register_buffer("basis", basis.float()[:, None, :], persistent=False)
        self.register_buffer("mel", _mel_filters().float(), persistent=False)

    def forward(self, pcm: Tensor) -> Tensor:
        """(B, 240 + 160 T) -> (B, 80, T), roughly zero mean and unit deviation."""
        parts = functional.conv1d(pcm[:, None, :], self.basis, stride=_HOP)
        power = parts[:, : _FFT // 2 + 1] ** 2 + parts[:, _FFT // 2 + 1 :] ** 2
        return (torch.log(torch.matmul(self.mel, power) + 1e-4) + 4.0) * 0.25


class Ear(nn.Module):
    def __init__(self, num_words: int, num_chars: int, num_phonemes: int) -> None:
        super().__init__()
        self.logmel = LogMel()
        self.conv1 = nn.Conv1d(_MELS, _CONV, 5, stride=2)
        self.norm1 = nn.LayerNorm(_CONV)
        self.conv2 = nn.Conv1d(_CONV, _CONV, 5, stride=2)
        self.norm2 = nn.LayerNorm(_CONV)
        self.gru1 = nn.GRU(_CONV, _GRU, batch_first=True)
        self.norm3 = nn.LayerNorm(_GRU)
        self.gru2 = nn.GRU(_GRU, _GRU, batch_first=True)
        self.norm4 = nn.LayerNorm(_GRU)
        self.words = nn.Linear(_GRU, 1 + num_words)
        self.chars = nn.Linear(_GRU, 1 + num_chars)
        self.phonemes = nn.Linear(_GRU, num_phonemes)

    def forward(self, pcm: Tensor, state: State) -> tuple[Heard, State]:
        """(B, 640 T) float32 at 16 kHz -> T frames, and the state for what follows. T must be even."""
        sound = torch.cat([state.pcm, pcm], 1)
        mel = torch.cat([state.mel, self.logmel(sound)], 2)
        x = functional.gelu(self.norm1(self.conv1(mel).transpose(1, 2))).transpose(1, 2)
        conv = torch.cat([state.conv, x], 2)
        x = functional.gelu(self.norm2(self.conv2(conv).transpose(1, 2)))
        low, low_state = self.gru1(x, state.low)
        low = self.norm3(low)
        high, high_state = self.gru2(low, state.high)
        high = self.norm4(high + low)
        heard = Heard(self.words(high), self.chars(high), self.phonemes(low), high)
        tail = State(
            sound[:, -(_WINDOW - _HOP) :], mel[:, :, -_TAIL:], conv[:, :, -_TAIL:], low_state, high_state
        )
        return heard, tail


def _mel_filters() -> Tensor:
    """(80, 257) triangles of equal area, evenly spaced on the mel scale from 40 to 7800 Hz."""

    def to_mel(hz: float) -> float:
        return 2595.0 * math.log10(1.0 + hz / 700.0)

    points = torch.linspace(to_mel(40.0), to_mel(7800.0), _MELS + 2, dtype=torch.float64)
    hz = 700.0 * (10.0 ** (points / 2595.0) - 1.0)
    bins = torch.arange(_FFT // 2 + 1, dtype=torch.float64) * SAMPLE_RATE_HZ / _FFT
    up = (bins[None, :] - hz[:-2, None]) / (hz[1:-1] - hz[:-2])[:, None]
    down = (hz[2:, None] - bins[None, :]) / (hz[2:] - hz[1:-1])[:, None]
    triangles = torch.clamp(torch.minimum(up, down), min=0.0)
    # the narrowest triangles can fall between two bins: give them their nearest bin
    nearest = (bins[None, :] - hz[1:-1, None]).abs().argmin(1)
    triangles[torch.arange(_MELS), nearest] = torch.clamp(triangles[torch.arange(_MELS), nearest], min=0.3)
    return triangles
