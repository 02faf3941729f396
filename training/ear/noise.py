"""What rooms and microphones do to speech: level, colour, band limits, noise. Arrays in, arrays out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
_BANK_SECONDS = 8
_RATE = 16_000


class NoiseBank:
    """Noise of many colours made once and cut at random places: making it anew costs more than training."""

    def __init__(self, rng: np.random.Generator, size: int = 48) -> None:
        self._rng = rng
        self._bank = [
            coloured(rng, _BANK_SECONDS * _RATE, exponent) for exponent in rng.uniform(-0.3, 2.2, size)
        ]
        self._bank[::4] = [coloured(rng, _BANK_SECONDS * _RATE, 0.0) for _ in self._bank[::4]]

    def cut(self, length: int) -> Samples:
        """(length,) of unit root mean square, or a little off."""
        noise = self._bank[self._rng.integers(len(self._bank))]
        start = int(self._rng.integers(0, len(noise)))
        return np.take(noise, np.arange(start, start + length), mode="wrap")

    def renew_one(self) -> None:
        length = _BANK_SECONDS * _RATE
        self._bank[self._rng.integers(len(self._bank))] = coloured(
            self._rng, length, self._rng.uniform(-0.3, 2.2)
        )


def coloured(rng: np.random.Generator, length: int, exponent: float) -> Samples:
    """(length,) noise of unit root mean square whose power falls as 1/f^exponent above 60 Hz; 0 is white."""
    spectrum = np.fft.rfft(rng.standard_normal(length, dtype=np.float32))
    hz = np.fft.rfftfreq(length, 1 / _RATE)
    spectrum *= np.maximum(hz, 60.0) ** (-exponent / 2)
    noise = np.fft.irfft(spectrum, length).astype(np.float32)
    return noise / np.float32(rms(noise))


def add_at_snr(speech: Samples, noise: Samples, snr_db: float) -> Samples:
    """Scales `noise` against the level of the speech where there is speech, then adds it."""
    gain = speech_level(speech) * 10 ** (-snr_db / 20) / max(rms(noise), 1e-9)
    return speech + np.float32(gain) * noise


def speech_level(speech: Samples) -> float:
    """Root mean square over what is not silence."""
    loud = speech[np.abs(speech) > 1e-3]
    return rms(loud) if len(loud) else 1e-3


def rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0


def equalize(rng: np.random.Generator, speech: Samples, *, max_db: float = 8.0) -> Samples:
    """A smooth random frequency response; one time in six a band limit as well, as of an 8 kHz file."""
    hz = np.fft.rfftfreq(len(speech), 1 / _RATE)
    knots_hz = np.array([60, 150, 300, 600, 1200, 2400, 4800, 8000], np.float64)
    gain_db = np.interp(np.log(np.maximum(hz, 60)), np.log(knots_hz), rng.uniform(-max_db, max_db, 8))
    if rng.random() < 1 / 6:
        gain_db -= 60.0 * (hz > rng.uniform(3300, 7000))
    if rng.random() < 1 / 8:
        gain_db -= 40.0 * (hz < rng.uniform(80, 320))
    spectrum = np.fft.rfft(speech) * (10 ** (gain_db / 20)).astype(np.float32)
    return np.fft.irfft(spectrum, len(speech)).astype(np.float32)


def disturb(rng: np.random.Generator, bank: NoiseBank, speech: Samples, babble: Samples | None) -> Samples:
    """One utterance as a microphone might give it: 20 % clean but for its level, the rest noisy."""
    if rng.random() < 0.8:
        if rng.random() < 0.5:
            speech = equalize(rng, speech)
        if babble is not None and rng.random() < 0.15:
            other = (
                np.take(babble, np.arange(len(speech)), mode="wrap") if len(babble) else bank.cut(len(speech))
            )
            speech = add_at_snr(speech, other, rng.uniform(8, 25))
        speech = add_at_snr(speech, bank.cut(len(speech)), rng.uniform(0, 30))
    return set_level(rng, speech)


def set_level(rng: np.random.Generator, speech: Samples) -> Samples:
    gain = np.exp(rng.uniform(np.log(0.1), np.log(1.9)))
    return np.asarray(np.clip(speech * np.float32(gain), -1.0, 1.0), np.float32)
