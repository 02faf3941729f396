"""Pulses, noise and filters: pitch, level, cause before effect, and streaming as all at once."""

from __future__ import annotations

import numpy as np
import pytest

from sensorium.speech.source_filter import (
    HOP_SAMPLES,
    NUM_BANDS,
    SAMPLE_RATE_HZ,
    Shapes,
    SourceFilter,
    band_weights,
    minimum_phase,
    pulse_train,
)


def flat(num_frames: int, *, harmonic: float, noise: float, hz: float = 125.0) -> Shapes:
    ones = np.ones((num_frames, NUM_BANDS), np.float32)
    return Shapes(np.full(num_frames, hz, np.float32), harmonic * ones, noise * ones)


def test_pulses_have_the_pitch_and_a_variance_of_one():
    pulses, phase = pulse_train(np.full(100, 125.0, np.float32), 0.0, 125.0)
    assert pulses.shape == (100 * HOP_SAMPLES,)
    assert pulses.var() == pytest.approx(1.0, rel=0.02)
    assert phase == pytest.approx(0.0, abs=1e-6) or phase == pytest.approx(1.0, abs=1e-6)
    peaks = np.flatnonzero(pulses > 0.9 * pulses.max())
    assert set(np.diff(peaks)) == {SAMPLE_RATE_HZ // 125}


def test_pulses_follow_a_gliding_pitch_without_a_break():
    hz = np.geomspace(80.0, 320.0, 50).astype(np.float32)
    whole, _ = pulse_train(hz, 0.0, 80.0)
    first, phase = pulse_train(hz[:20], 0.0, 80.0)
    second, _ = pulse_train(hz[20:], phase, float(hz[19]))
    np.testing.assert_allclose(np.concatenate((first, second)), whole, atol=1e-4)
    peaks = np.flatnonzero((whole[1:-1] > 3) & (whole[1:-1] >= whole[:-2]) & (whole[1:-1] > whole[2:]))
    assert (np.diff(np.diff(peaks)) <= 1).all()


def test_the_bands_of_a_bin_weigh_one_together():
    for num_bands, num_bins in ((NUM_BANDS, 513), (NUM_BANDS, 257), (40, 129)):
        weights = band_weights(num_bands, num_bins)
        np.testing.assert_allclose(weights.sum(0), 1.0, rtol=1e-5)
        assert (weights.sum(1) > 0).all()


def test_filters_begin_at_once_and_have_the_power_asked_for():
    powers = np.exp(np.random.default_rng(0).normal(0.0, 1.0, (3, NUM_BANDS))).astype(np.float32)
    response = minimum_phase(powers)
    np.testing.assert_allclose(np.abs(response) ** 2, powers @ band_weights(NUM_BANDS, 513), rtol=1e-2)
    impulse = np.fft.irfft(response)
    assert (np.square(impulse[:, :512]).sum(1) > 0.99 * np.square(impulse).sum(1)).all()
    assert (np.abs(impulse).argmax(1) < 16).all()


@pytest.mark.parametrize(("harmonic", "noise"), [(0.01, 0.0), (0.0, 0.01), (0.005, 0.005)])
def test_sound_has_the_power_asked_for(harmonic, noise):
    voice = SourceFilter()
    sound = np.concatenate((voice.feed(flat(200, harmonic=harmonic, noise=noise)), voice.flush()))
    assert len(sound) == 200 * HOP_SAMPLES
    assert sound.var() == pytest.approx(0.01, rel=0.05)


def test_no_power_is_silence():
    voice = SourceFilter()
    assert np.abs(voice.feed(flat(20, harmonic=0.0, noise=0.0))).max() < 1e-3


def test_frame_by_frame_is_the_same_as_all_at_once():
    rng = np.random.default_rng(1)
    shapes = Shapes(
        np.geomspace(90.0, 250.0, 60).astype(np.float32),
        np.exp(rng.normal(-5.0, 1.0, (60, NUM_BANDS))).astype(np.float32),
        np.exp(rng.normal(-6.0, 1.0, (60, NUM_BANDS))).astype(np.float32),
    )
    voice = SourceFilter()
    whole = np.concatenate((voice.feed(shapes), voice.flush()))
    for size in (1, 4, 7):
        parts = [voice.feed(Shapes(*(part[i : i + size] for part in shapes))) for i in range(0, 60, size)]
        np.testing.assert_allclose(np.concatenate([*parts, voice.flush()]), whole, atol=1e-5)


def test_a_change_is_heard_where_its_frame_stands_and_not_before():
    """given silence and then sound from frame 20 on, then nothing is heard before the middle of frame 19"""
    loud = np.repeat([0.0, 0.01], 20)[:, None] * np.ones(NUM_BANDS)
    shapes = flat(40, harmonic=0.0, noise=0.0)._replace(noise=loud.astype(np.float32))
    voice = SourceFilter()
    sound = np.concatenate((voice.feed(shapes), voice.flush()))
    assert np.abs(sound[: 19 * HOP_SAMPLES]).max() < 1e-3
    assert np.abs(sound[20 * HOP_SAMPLES : 21 * HOP_SAMPLES]).max() > 0.05


def test_another_seed_is_other_noise():
    first, again, other = (SourceFilter(seed).feed(flat(10, harmonic=0.0, noise=1.0)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
