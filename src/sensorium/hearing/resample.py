"""Any microphone's rate to the ear's 16 kHz: a stream that lags about 1 ms (libsamplerate, sinc_fastest)."""

from __future__ import annotations

from typing import Any

import numpy as np
import samplerate
from numpy.typing import NDArray

from sensorium.audio import MAX_RATE_HZ, MIN_RATE_HZ
from sensorium.errors import BadInput
from sensorium.hearing.encoder import SAMPLE_RATE_HZ

_FLUSH_S = 0.02  # longer than the filter


class Resampler:
    """One mono stream. Raises BadInput for a rate that is not between 8000 and 96000 Hz."""

    def __init__(self, sample_rate_hz: int) -> None:
        if not MIN_RATE_HZ <= sample_rate_hz <= MAX_RATE_HZ:
            raise BadInput(f"{sample_rate_hz} Hz is not between {MIN_RATE_HZ} and {MAX_RATE_HZ}")
        self._ratio = SAMPLE_RATE_HZ / sample_rate_hz
        self._engine: Any = None
        self.reset()

    def reset(self) -> None:
        self._num_in = self._num_out = 0
        if self._ratio != 1.0:
            self._engine = samplerate.Resampler("sinc_fastest", channels=1)

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 (n,) at the stream's rate -> float32 (about n * ratio,); 16 kHz passes unchanged."""
        if self._engine is None or len(samples) == 0:
            return samples
        out = np.asarray(self._engine.process(samples, self._ratio), np.float32)
        self._num_in += len(samples)
        self._num_out += len(out)
        return out

    def flush(self) -> NDArray[np.float32]:
        """The rest that the filter still holds; then the stream may start anew."""
        if self._engine is None:
            return np.zeros(0, np.float32)
        missing = max(0, round(self._num_in * self._ratio) - self._num_out)
        silence = np.zeros(round(_FLUSH_S * SAMPLE_RATE_HZ / self._ratio), np.float32)
        rest = np.asarray(self._engine.process(silence, self._ratio), np.float32)[:missing]
        self.reset()
        return rest
