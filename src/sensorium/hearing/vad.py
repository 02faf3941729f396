"""Voice activity: Silero VAD v6 in numpy, one probability per 32 ms. Knows nothing of utterances or words.

Weights: silero_vad.npz (MIT, Copyright 2020-present Silero Team), taken from `silero_vad_16k_op15.onnx` of
the silero-vad 6.2.3 wheel by `python -m training.ear.convert_vad`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput, BundleError

WINDOW_SAMPLES = 512
_CONTEXT = 64
_FFT, _HOP, _BINS, _LSTM = 256, 128, 129, 128
_WEIGHTS = Path(__file__).with_name("silero_vad.npz")

Array = NDArray[np.float32]


class Vad:
    """One stream: explicit state, `feed` and `reset`."""

    def __init__(self) -> None:
        self._weights = _load()
        self.reset()

    def reset(self) -> None:
        self._context = np.zeros(_CONTEXT, np.float32)
        self._hidden = np.zeros(_LSTM, np.float32)
        self._cell = np.zeros(_LSTM, np.float32)

    def feed(self, window: Array) -> float:
        """`window` float32 (512,), 16 kHz, -1 to 1. The probability that somebody speaks. Raises BadInput."""
        if window.shape != (WINDOW_SAMPLES,) or window.dtype != np.float32:
            raise BadInput(f"the VAD takes float32 ({WINDOW_SAMPLES},), not {window.dtype} {window.shape}")
        w = self._weights
        sound = np.concatenate([self._context, window, window[-2 : -_CONTEXT - 2 : -1]])
        self._context = window[-_CONTEXT:].copy()
        frames = np.lib.stride_tricks.sliding_window_view(sound, _FFT)[::_HOP]
        parts = frames @ w["stft"]
        x = np.sqrt(parts[:, :_BINS] ** 2 + parts[:, _BINS:] ** 2)
        for i, stride in enumerate((1, 2, 2, 1)):
            x = _conv3(x, w[f"conv{i}"], w[f"conv{i}_bias"], stride)
        gates = x[0] @ w["lstm_in"] + self._hidden @ w["lstm_hidden"] + w["lstm_bias"]
        gate_in, forget, gate_out = (_sigmoid(gates[i * _LSTM : (i + 1) * _LSTM]) for i in (0, 1, 3))
        self._cell = forget * self._cell + gate_in * np.tanh(gates[2 * _LSTM : 3 * _LSTM])
        self._hidden = gate_out * np.tanh(self._cell)
        return float(_sigmoid(np.maximum(self._hidden, 0.0) @ w["out"] + w["out_bias"])[0])


def _conv3(x: Array, kernel: Array, bias: Array, stride: int) -> Array:
    """relu of a convolution over time, kernel 3, padding 1: (T, C) with (3 C, D) -> (T / stride, D)."""
    padded = np.zeros((x.shape[0] + 2, x.shape[1]), np.float32)
    padded[1:-1] = x
    rows = [padded[t : t + 3].reshape(-1) for t in range(0, x.shape[0], stride)]
    return np.asarray(np.maximum(np.stack(rows) @ kernel + bias, 0.0), np.float32)


def _sigmoid(x: Array) -> Array:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(x, -60.0, 60.0))), np.float32)


@cache
def _load() -> dict[str, Array]:
    """The weights, each laid out for `rows @ weight`."""
    try:
        with np.load(_WEIGHTS, allow_pickle=False) as file:
            raw = {name: file[name] for name in file.files}
    except (OSError, ValueError) as e:
        raise BundleError(f"{_WEIGHTS} cannot be read: {e}", remedy="install sensorium again") from e
    weights = {"stft": raw["stft"].T, "lstm_in": raw["weight_ih"].T, "lstm_hidden": raw["weight_hh"].T}
    for i in range(4):
        kernel = raw[f"conv{i}"]  # (out, in, 3)
        weights[f"conv{i}"] = kernel.transpose(2, 1, 0).reshape(-1, kernel.shape[0])
        weights[f"conv{i}_bias"] = raw[f"conv{i}_bias"]
    weights |= {
        "lstm_bias": raw["bias_ih"] + raw["bias_hh"],
        "out": raw["out"].T,
        "out_bias": raw["out_bias"],
    }
    return {name: np.ascontiguousarray(value, np.float32) for name, value in weights.items()}
