"""The shipped codec against torch's own offline answer (golden, by training.codec.export), and bad input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sensorium.bundles.catalogue import find
from sensorium.errors import BadInput, BundleError
from sensorium.speech.codec import (
    FRAME_SAMPLES,
    LEVELS,
    NUM_CODES,
    CodecModel,
    Decoder,
    decode_whole,
    to_levels,
)
from sensorium.speech.source_filter import NUM_BANDS, band_weights

GOLDEN = np.load(Path(__file__).with_name("codec_golden.npz"))
CODES = GOLDEN["codes"]


@pytest.fixture(scope="module")
def model() -> CodecModel:
    return CodecModel.load(find("nano").file("codec"))


def stream(model: CodecModel, codes: np.ndarray, *, frames_at_once: int) -> np.ndarray:
    decoder = Decoder(model)
    parts = [decoder.feed(codes[i : i + frames_at_once]) for i in range(0, len(codes), frames_at_once)]
    return np.concatenate([*parts, decoder.flush()])


def log_mel(samples: np.ndarray) -> np.ndarray:
    """(n,) of full scale 1 -> (frames, 80), natural logarithms of amplitudes."""
    windows = np.lib.stride_tricks.sliding_window_view(samples, 512)[::160] * np.hanning(512)
    powers = np.abs(np.fft.rfft(windows)) ** 2 / np.sum(np.hanning(512) ** 2)
    weights = band_weights(NUM_BANDS, 257)
    return 0.5 * np.log(powers @ (weights / weights.sum(1, keepdims=True)).T + 1e-6)


def test_streamed_sound_is_that_of_torch_offline(model):
    streamed = stream(model, CODES, frames_at_once=1) / 32768.0
    whole = GOLDEN["sound"].astype(np.float64)
    assert len(streamed) == len(whole) == len(CODES) * FRAME_SAMPLES
    assert np.sqrt(np.mean(whole**2)) > 0.01
    assert np.abs(log_mel(streamed) - log_mel(whole)).mean() < 0.1


def test_shapes_are_those_of_torch_offline(model):
    shapes, _ = model.run(np.pad(to_levels(CODES), ((0, 1), (0, 0)))[None], model.zero_state())
    np.testing.assert_allclose(shapes.f0_hz, GOLDEN["f0_hz"], rtol=1e-3)
    np.testing.assert_allclose(np.log(shapes.harmonic), GOLDEN["log_harmonic"], atol=0.02)
    np.testing.assert_allclose(np.log(shapes.noise), GOLDEN["log_noise"], atol=0.02)


@pytest.mark.parametrize("frames_at_once", [2, 3, 7, 1000])
def test_any_division_into_calls_gives_the_same_samples(model, frames_at_once):
    one_by_one = stream(model, CODES, frames_at_once=1)
    np.testing.assert_array_equal(stream(model, CODES, frames_at_once=frames_at_once), one_by_one)


def test_all_at_once_is_the_same_but_for_rounding(model):
    streamed = stream(model, CODES, frames_at_once=1).astype(np.int32)
    assert np.abs(decode_whole(model, CODES) - streamed).max() <= 1
    assert decode_whole(model, CODES[:0]).shape == (0,)


def test_the_first_sound_comes_with_the_second_frame(model):
    decoder = Decoder(model)
    assert len(decoder.feed(CODES[:1])) == 0
    first = decoder.feed(CODES[1:2])
    assert first.dtype == np.int16
    assert len(first) == FRAME_SAMPLES // 2
    assert len(decoder.feed(CODES[2:3])) == FRAME_SAMPLES


def test_there_is_no_click_where_chunks_meet(model):
    """given sound made frame by frame, then it moves no faster where two chunks meet than elsewhere"""
    decoder = Decoder(model)
    parts = [part for code in CODES if len(part := decoder.feed(code[None]))]
    steps = np.abs(np.diff(np.concatenate(parts).astype(np.float64)))
    borders = np.cumsum([len(part) for part in parts])[:-1] - 1
    assert steps[borders].mean() < 1.5 * steps.mean()
    near = np.array([steps[max(0, b - 160) : b + 160].max() for b in borders])
    assert (steps[borders] <= near).all()
    assert (steps[borders] < near).mean() > 0.95


def test_streams_of_one_model_do_not_mix(model):
    alone, beside, other = Decoder(model), Decoder(model), Decoder(model)
    for code in CODES[:6]:
        other.feed(NUM_CODES - 1 - code[None])
        np.testing.assert_array_equal(beside.feed(code[None]), alone.feed(code[None]))


def test_reset_and_flush_forget_the_stream(model):
    decoder = Decoder(model)
    first = decoder.feed(CODES[:9])
    decoder.reset()
    np.testing.assert_array_equal(decoder.feed(CODES[:9]), first)
    decoder.flush()
    np.testing.assert_array_equal(decoder.feed(CODES[:9]), first)


def test_no_codes_are_no_sound(model):
    decoder = Decoder(model)
    assert len(decoder.flush()) == 0
    assert len(decoder.feed(CODES[:0])) == 0
    assert len(decoder.flush()) == 0


def test_any_codes_give_sound_of_the_right_length(model):
    """given codes that no voice ever made, then there is sound all the same, and not silence for ever"""
    codes = np.random.default_rng(0).integers(0, NUM_CODES, (50, 2))
    sound = stream(model, codes, frames_at_once=1)
    assert len(sound) == 50 * FRAME_SAMPLES
    assert 0 < np.abs(sound.astype(np.float64)).mean() < 20_000


@pytest.mark.parametrize(
    ("codes", "said"),
    [
        (np.zeros((3, 2)), "integers"),
        ([[0, 0]], "integers"),
        (np.zeros(2, np.int64), r"\(n, 2\)"),
        (np.zeros((1, 3), np.int64), r"\(n, 2\)"),
        (np.array([[0, 1000]]), "0 to 999"),
        (np.array([[-1, 0]]), "0 to 999"),
        (np.zeros((1501, 2), np.int64), "at most 1500"),
    ],
)
def test_bad_codes_are_refused_and_change_nothing(model, codes, said):
    decoder, undisturbed = Decoder(model), Decoder(model)
    decoder.feed(CODES[:3])
    undisturbed.feed(CODES[:3])
    with pytest.raises(BadInput, match=said) as raised:
        decoder.feed(codes)
    assert "\n" not in raised.value.one_line()
    np.testing.assert_array_equal(decoder.feed(CODES[3:6]), undisturbed.feed(CODES[3:6]))


def test_a_code_is_its_digits():
    """given the lowest, the highest and the second code, then the levels of their digits, the first first"""
    levels = to_levels(np.array([[0, NUM_CODES - 1], [1, 125]]))
    np.testing.assert_array_equal(levels[0], [-1, -1, -1, -1, 1, 1, 1, 1])
    np.testing.assert_allclose(levels[1, :4], [-1, -1, -1, -0.5])
    np.testing.assert_allclose(levels[1, 4:], [-1 + 2 / 7, -1, -1, -1])
    every = to_levels(np.stack([np.arange(NUM_CODES)] * 2, 1))[:, :4]
    assert len(np.unique(every, axis=0)) == np.prod(LEVELS) == NUM_CODES


def test_files_that_are_no_codec_are_refused(tmp_path):
    path = tmp_path / "codec.onnx"
    with pytest.raises(BundleError, match="missing"):
        CodecModel.load(path)
    path.write_bytes(b"not a model")
    with pytest.raises(BundleError, match="not an ONNX model"):
        CodecModel.load(path)
    whole = find("nano").file("codec").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BundleError):
        CodecModel.load(path)
    path.write_bytes(find("nano").file("ear").read_bytes())
    with pytest.raises(BundleError, match="is not a codec"):
        CodecModel.load(path)
    path.write_bytes(whole.replace(b"state_3_next", b"state_3_nixt"))
    with pytest.raises(BundleError, match="state that goes in"):
        CodecModel.load(path)


def test_the_shipped_codec_is_small():
    assert find("nano").file("codec").stat().st_size < 3_000_000
