"""Any sound in any pieces at any rate: bounded, finite, and no stream is ever deafened by a number."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.examples import fuzz

from sensorium.audio import from_int16, to_int16
from sensorium.errors import BadInput
from sensorium.hearing.engine import check_pcm
from sensorium.hearing.fake import FakeSpeechToText
from sensorium.hearing.listener import Limits, Listener
from sensorium.hearing.resample import Resampler
from sensorium.hearing.vad import WINDOW_SAMPLES, Vad
from sensorium.metrics import Counters

RATE_HZ = 16_000
SAID = "hello there"


class Loud:
    """A VAD that takes everything for speech."""

    def feed(self, window) -> float:
        return 1.0

    def reset(self) -> None:
        pass


def listener(vad=None) -> Listener:
    return Listener(FakeSpeechToText((SAID,)), vad or Vad(), Counters())


numbers = st.sampled_from([np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-45]) | st.floats(width=32)
pieces = st.lists(st.lists(numbers, max_size=40), max_size=6)


@fuzz
@given(pieces)
def test_floats_that_are_no_sound_are_refused_and_change_nothing(found):
    """given any floats among pieces of speech, when some are no numbers, then the rest is heard as without"""
    clean, dirty = listener(Loud()), listener(Loud())
    speech = np.full(WINDOW_SAMPLES, 0.1, np.float32)
    for piece in found:
        pcm = np.array(piece, np.float32)
        told = clean.feed(speech)
        if np.isfinite(pcm).all():
            told += clean.feed(pcm)
        again = dirty.feed(speech)
        try:
            again += dirty.feed(pcm)
        except BadInput as e:
            assert not np.isfinite(pcm).all() and "\n" not in e.one_line()
        assert again == told
    assert dirty.flush() == clean.flush()


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_one_number_that_is_none_does_not_deafen_the_real_vad(number):
    ear = listener()
    bad = np.zeros(WINDOW_SAMPLES, np.float32)
    bad[100] = number
    with pytest.raises(BadInput, match="finite"):
        ear.feed(bad)
    with pytest.raises(BadInput, match="finite"):
        check_pcm(bad)
    noise = np.random.default_rng(1).normal(0, 0.3, 20 * WINDOW_SAMPLES).astype(np.float32)
    assert ear.feed(noise) == listener().feed(noise)


@fuzz
@given(st.integers(8_000, 96_000), st.lists(st.binary(max_size=400), max_size=8), st.booleans())
def test_any_bytes_at_any_rate_become_finite_sound_of_the_right_length(rate_hz, chunks, loud):
    resampler = Resampler(rate_hz)
    num_in = num_out = 0
    for chunk in chunks:
        samples = np.frombuffer(chunk[: len(chunk) // 2 * 2], "<i2")
        samples = np.where(samples > 0, 32_767, -32_768).astype("<i2") if loud else samples
        out = resampler.feed(from_int16(samples))
        assert out.dtype == np.float32 and np.isfinite(out).all() and np.abs(out).max(initial=0.0) < 2.0
        num_in, num_out = num_in + len(samples), num_out + len(out)
    num_out += len(resampler.flush())
    assert abs(num_out - num_in * RATE_HZ / rate_hz) <= 1.0


@fuzz
@given(st.lists(st.integers(1, 3 * RATE_HZ), min_size=1, max_size=4))
def test_what_is_kept_of_a_flood_is_bounded(lengths):
    """given sound as fast as it can come, when all of it is loud, then a third of a second is kept at most"""
    ear, limits = listener(Loud()), Limits()
    for length in lengths:
        ear.feed(np.full(length, 0.5, np.float32))
        assert len(ear._pending) < WINDOW_SAMPLES
        assert len(ear._before) <= limits.pre_roll + limits.onset


@fuzz
@given(st.lists(numbers, max_size=60))
def test_floats_become_int16_or_are_refused(found):
    samples = np.array(found, np.float32)
    try:
        assert to_int16(samples).dtype == np.int16
    except BadInput as e:
        assert not np.isfinite(samples).all() and "\n" not in e.one_line()
