"""Other rates become 16 kHz without loss of what speech needs, in pieces of any length."""

from __future__ import annotations

import numpy as np
import pytest

from sensorium.errors import BadInput
from sensorium.hearing.resample import Resampler


def tone(rate_hz: int, hz: float = 440.0, seconds: float = 0.5) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(rate_hz * seconds)) / rate_hz)).astype(np.float32)


def resampled(rate_hz: int, samples: np.ndarray, step: int) -> np.ndarray:
    resampler = Resampler(rate_hz)
    pieces = [resampler.feed(samples[i : i + step]) for i in range(0, len(samples), step)]
    return np.concatenate([*pieces, resampler.flush()])


@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 44_100, 48_000, 96_000])
def test_a_tone_stays_the_tone(rate_hz):
    out = resampled(rate_hz, tone(rate_hz), step=rate_hz // 50)
    expected = tone(16_000)
    assert abs(len(out) - len(expected)) <= 4
    middle = slice(400, 7_600)
    assert np.abs(out[middle] - expected[middle]).max() < 0.01
    assert out.dtype == np.float32


def test_what_16_khz_cannot_hold_is_removed():
    out = resampled(48_000, tone(48_000, hz=12_000.0), step=960)
    assert np.abs(out[400:-400]).max() < 0.01


def test_16_khz_passes_unchanged():
    samples = tone(16_000)
    np.testing.assert_array_equal(resampled(16_000, samples, step=333), samples)


def test_nothing_in_nothing_out_and_flush_starts_anew():
    resampler = Resampler(48_000)
    assert len(resampler.feed(np.zeros(0, np.float32))) == 0
    first = np.concatenate([resampler.feed(tone(48_000)), resampler.flush()])
    second = np.concatenate([resampler.feed(tone(48_000)), resampler.flush()])
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("rate_hz", [0, -1, 7_999, 96_001])
def test_impossible_rates_are_refused(rate_hz):
    with pytest.raises(BadInput, match="Hz"):
        Resampler(rate_hz)
