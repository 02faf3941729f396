"""Sound as clients want it: lengths, pitch, and codes that go there and back."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.front.realtime.sound import Format, Resampler, from_pcm, to_pcm


def tone(rate_hz: int, seconds: float = 0.5) -> bytes:
    times = np.arange(round(rate_hz * seconds)) / rate_hz
    return np.asarray(np.sin(2 * np.pi * 440 * times) * 20_000, "<i2").tobytes()


@pytest.mark.parametrize(
    ("from_hz", "to_hz"), [(16_000, 24_000), (22_050, 24_000), (16_000, 8_000), (22_050, 8_000)]
)
def test_a_tone_stays_the_same_tone(from_hz: int, to_hz: int) -> None:
    resampler = Resampler(from_hz, to_hz)
    got = np.frombuffer(resampler.feed(tone(from_hz)) + resampler.flush(), "<i2").astype(float)
    wanted = np.frombuffer(tone(to_hz), "<i2").astype(float)

    assert got.size == wanted.size
    error = (got - wanted)[200:-200]
    assert 10 * np.log10((wanted**2).mean() / (error**2).mean()) > 60


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 700), max_size=20),
    st.sampled_from([(16_000, 24_000), (22_050, 24_000), (22_050, 8_000)]),
)
def test_pieces_are_the_same_as_the_whole(sizes: list[int], rates: tuple[int, int]) -> None:
    sound = tone(rates[0], 1.0)
    ends = np.minimum(np.cumsum([0, *sizes]) * 2, len(sound))
    pieces, whole = Resampler(*rates), Resampler(*rates)

    apart = b"".join(pieces.feed(sound[a:b]) for a, b in itertools.pairwise(ends)) + pieces.flush()

    assert apart == whole.feed(sound[: ends[-1]]) + whole.flush()
    assert len(apart) // 2 == -(-(int(ends[-1]) // 2) * rates[1] // rates[0])


def test_the_same_rate_is_left_alone() -> None:
    resampler = Resampler(24_000, 24_000)
    assert resampler.feed(tone(24_000)) + resampler.flush() == tone(24_000)


@pytest.mark.parametrize(
    ("audio_format", "code_of_zero", "loudest"), [("audio/pcmu", 0xFF, 32_124), ("audio/pcma", 0xD5, 32_256)]
)
def test_g711_goes_there_and_back(audio_format: Format, code_of_zero: int, loudest: int) -> None:
    """Given every code, when its sample is coded again, then it is the same sample (ITU-T G.711)."""
    every = bytes(range(256))
    samples = to_pcm(every, audio_format)

    assert to_pcm(from_pcm(samples, audio_format), audio_format) == samples
    assert np.abs(np.frombuffer(samples, "<i2")).max() == loudest
    assert abs(np.frombuffer(to_pcm(bytes([code_of_zero]), audio_format), "<i2")[0]) <= 8
    # A tone loses no more than logarithmic steps do.
    got = np.frombuffer(to_pcm(from_pcm(tone(8_000), audio_format), audio_format), "<i2").astype(float)
    wanted = np.frombuffer(tone(8_000), "<i2").astype(float)
    assert 10 * np.log10((wanted**2).mean() / ((got - wanted) ** 2).mean()) > 34
