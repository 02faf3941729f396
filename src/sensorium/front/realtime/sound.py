"""Sound as OpenAI's clients want it: PCM16 at 24 or 16 kHz and G.711, from and to mono s16le at any rate.

All of it is small enough for the event loop: 20 ms take about a tenth of a millisecond.
"""

from __future__ import annotations

from functools import cache
from math import gcd
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Format = Literal["audio/pcm", "audio/pcm;rate=16000", "audio/pcmu", "audio/pcma"]
RATE_HZ: dict[Format, int] = {
    "audio/pcm": 24_000, "audio/pcm;rate=16000": 16_000, "audio/pcmu": 8_000, "audio/pcma": 8_000,
}  # fmt: skip
BYTES_PER_SAMPLE: dict[Format, int] = {
    "audio/pcm": 2, "audio/pcm;rate=16000": 2, "audio/pcmu": 1, "audio/pcma": 1,
}  # fmt: skip
# What sounds like nothing, one byte of it.
SILENCE: dict[Format, bytes] = {
    "audio/pcm": b"\0", "audio/pcm;rate=16000": b"\0", "audio/pcmu": b"\xff", "audio/pcma": b"\xd5",
}  # fmt: skip
# Zero crossings of the filter on either side, of the slower rate.
_CROSSINGS = 12
_PASSED = 0.92


def to_pcm(data: bytes, audio_format: Format) -> bytes:
    """Mono s16le at the format's own rate. An odd byte at the end of PCM is dropped."""
    if BYTES_PER_SAMPLE[audio_format] == 2:
        return data[: len(data) & ~1]
    table = _ulaw() if audio_format == "audio/pcmu" else _alaw()
    return table[np.frombuffer(data, np.uint8)].astype("<i2").tobytes()


def from_pcm(pcm: bytes, audio_format: Format) -> bytes:
    """The inverse: each sample as the nearest code."""
    if BYTES_PER_SAMPLE[audio_format] == 2:
        return pcm
    return _codes(audio_format)[np.frombuffer(pcm, "<i2").astype(np.int32) + 32768].tobytes()


class Resampler:
    """Mono s16le from one rate to another, piece by piece: a windowed sinc in one phase per output sample.

    Output lags `_CROSSINGS` samples of the slower rate (0.8 ms for 16 to 24 kHz); `flush` gives the rest, so
    that a whole sound keeps its length.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        common = gcd(from_hz, to_hz)
        self._up, self._down = to_hz // common, from_hz // common
        self._filters = _filters(self._up, self._down)
        self._half = self._filters.shape[1] // 2
        self._kept = np.zeros(self._half - 1, np.float32)
        self._first = 1 - self._half  # of the input, the number of the first sample that is kept
        self._next = 0  # of the output
        self._num_in = 0

    def feed(self, pcm: bytes) -> bytes:
        if self._up == self._down:
            return pcm
        samples = np.frombuffer(pcm, "<i2")
        self._num_in += samples.size
        return self._resampled(samples.astype(np.float32))

    def flush(self) -> bytes:
        """What is still to come. Nothing may follow."""
        if self._up == self._down:
            return b""
        wanted = -(-self._num_in * self._up // self._down) - self._next
        rest = self._resampled(np.zeros(self._half + 1, np.float32))
        return rest[: 2 * max(0, wanted)]

    def _resampled(self, samples: NDArray[np.float32]) -> bytes:
        held = np.concatenate((self._kept, samples))
        # An output sample needs `half` input samples on either side of its place.
        end = ((self._first + held.size - self._half) * self._up - 1) // self._down + 1
        numbers = np.arange(self._next, max(self._next, end), dtype=np.int64) * self._down
        starts = numbers // self._up - self._first - self._half + 1
        width = self._filters.shape[1]
        windows = np.lib.stride_tricks.sliding_window_view(held, width) if held.size >= width else held[:0]
        if numbers.size:
            made = np.einsum("ij,ij->i", windows[starts], self._filters[numbers % self._up])
        else:
            made = np.zeros(0, np.float32)
        self._next += numbers.size
        done = min(held.size, self._next * self._down // self._up - self._first - self._half + 1)
        self._kept, self._first = held[done:], self._first + done
        return bytes(np.clip(np.rint(made), -32768, 32767).astype("<i2").tobytes())


@cache
def _filters(up: int, down: int) -> NDArray[np.float32]:
    """(up, taps): for each place between two input samples, what the samples around it weigh."""
    cutoff = _PASSED * min(1.0, up / down)
    half = int(np.ceil(_CROSSINGS * max(1.0, down / up)))
    places = np.arange(up)[:, None] / up
    distances = places - np.arange(1 - half, half + 1)[None, :]
    window = np.where(np.abs(distances) <= half, np.cos(np.pi * distances / (2 * half)) ** 2, 0.0)
    taps = cutoff * np.sinc(cutoff * distances) * window
    return np.asarray(taps / taps.sum(axis=1, keepdims=True), np.float32)


@cache
def _ulaw() -> NDArray[np.int32]:
    """ITU-T G.711 mu-law: sample (16 bit) of each code."""
    codes = ~np.arange(256) & 0xFF
    magnitude = (((codes & 0x0F) << 3) + 0x84 << ((codes & 0x70) >> 4)) - 0x84
    return np.where(codes & 0x80, -magnitude, magnitude).astype(np.int32)


@cache
def _alaw() -> NDArray[np.int32]:
    """ITU-T G.711 A-law: sample (16 bit) of each code."""
    codes = np.arange(256) ^ 0x55
    segment = (codes & 0x70) >> 4
    step = (codes & 0x0F) << 4
    magnitude = np.where(segment == 0, step + 8, step + 0x108 << np.maximum(segment - 1, 0))
    return np.where(codes & 0x80, magnitude, -magnitude).astype(np.int32)


@cache
def _codes(audio_format: Format) -> NDArray[np.uint8]:
    """The nearest code of every sample from -32768 to 32767."""
    values = _ulaw() if audio_format == "audio/pcmu" else _alaw()
    order = np.argsort(values, kind="stable")
    known = values[order]
    samples = np.arange(-32768, 32768)
    right = np.clip(np.searchsorted(known, samples), 1, known.size - 1)
    nearer = right - (samples - known[right - 1] < known[right] - samples)
    return order[nearer].astype(np.uint8)
