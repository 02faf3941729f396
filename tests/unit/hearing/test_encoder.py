"""The shipped ear against torch's own offline answer (golden, by training.ear.export), and broken files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sensorium.audio import from_int16
from sensorium.bundles.catalogue import find
from sensorium.errors import BadInput, BundleError
from sensorium.hearing.encoder import CHUNK_SAMPLES, EarModel, Encoder

GOLDEN = np.load(Path(__file__).with_name("ear_golden.npz"))
CHUNKS = from_int16(GOLDEN["pcm"]).reshape(-1, CHUNK_SAMPLES)


@pytest.fixture(scope="module")
def model() -> EarModel:
    return EarModel.load(find("nano").file("ear"))


def test_streamed_words_are_those_of_torch_offline(model):
    encoder = Encoder(model)
    logits = np.concatenate([encoder.feed(chunk).words for chunk in CHUNKS])
    np.testing.assert_array_equal(logits.argmax(-1), GOLDEN["best"])
    np.testing.assert_allclose(logits.max(-1), GOLDEN["top"], atol=2e-3)


def test_a_chunk_gives_two_frames_of_words_and_states(model):
    frames = Encoder(model).feed(CHUNKS[0])
    assert frames.words.shape == (2, 1 + len(model.words))
    assert frames.states.shape == (2, 256)
    assert frames.states.dtype == np.float32


def test_streams_of_one_model_do_not_mix(model):
    """given two streams fed in turn, when one hears silence, then the other hears what it heard alone"""
    alone, beside, silent = Encoder(model), Encoder(model), Encoder(model)
    for chunk in CHUNKS[:6]:
        silent.feed(np.zeros(CHUNK_SAMPLES, np.float32))
        np.testing.assert_array_equal(beside.feed(chunk).words, alone.feed(chunk).words)


def test_reset_forgets_the_stream(model):
    encoder = Encoder(model)
    first = encoder.feed(CHUNKS[3]).words
    encoder.feed(CHUNKS[4])
    encoder.reset()
    np.testing.assert_array_equal(encoder.feed(CHUNKS[3]).words, first)


@pytest.mark.parametrize(
    "chunk", [np.zeros(1279, np.float32), np.zeros(1280), np.full(1280, np.nan, np.float32)]
)
def test_chunks_that_are_no_sound_are_refused_and_change_nothing(model, chunk):
    encoder = Encoder(model)
    with pytest.raises(BadInput):
        encoder.feed(chunk)
    np.testing.assert_array_equal(encoder.feed(CHUNKS[0]).words, Encoder(model).feed(CHUNKS[0]).words)


def test_files_that_are_no_ear_are_refused(tmp_path):
    path = tmp_path / "ear.onnx"
    with pytest.raises(BundleError, match="missing"):
        EarModel.load(path)
    path.write_bytes(b"not a model")
    with pytest.raises(BundleError, match="not an ONNX model"):
        EarModel.load(path)
    whole = find("nano").file("ear").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BundleError):
        EarModel.load(path)


def test_an_ear_whose_word_list_does_not_fit_is_refused(tmp_path):
    """given the shipped file with one word less in its list, when loaded, then it is refused"""
    whole = find("nano").file("ear").read_bytes()
    assert whole.count(b" zurich") == 1
    path = tmp_path / "ear.onnx"
    path.write_bytes(whole.replace(b" zurich", b"_zurich"))
    with pytest.raises(BundleError, match="word list"):
        EarModel.load(path)
    path.write_bytes(whole.replace(b"sensorium-ear-1", b"sensorium-ear-9"))
    with pytest.raises(BundleError, match="is not an ear"):
        EarModel.load(path)
