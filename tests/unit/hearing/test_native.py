"""The mind's own ear: rows of what the words may be where they begin, beside the words of the bridge."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.unit.hearing.conftest import NUM_WORDS

from sensorium.audio import from_int16
from sensorium.bundles.senses_file import Projection
from sensorium.errors import BundleError
from sensorium.hearing.encoder import CHUNK_SAMPLES, Encoder
from sensorium.hearing.native import NativeEar

GOLDEN = np.load(Path(__file__).with_name("ear_golden.npz"))
SPEECH = from_int16(GOLDEN["pcm"])
SAID = str(GOLDEN["text"])


def test_rows_are_the_embeddings_to_expect_where_words_begin(model, senses):
    """given speech that fills no whole chunk at its end, when heard, then row i is of the frame of word i"""
    sound = SPEECH[:-500]
    padded = np.pad(sound, (0, 500 + 4 * CHUNK_SAMPLES)).reshape(-1, CHUNK_SAMPLES)
    encoder = Encoder(model)
    frames = [encoder.feed(chunk) for chunk in padded]
    best = np.concatenate([f.words for f in frames]).argmax(1)
    begins = (best != 0) & (best != np.concatenate([[0], best[:-1]]))
    raised = np.exp(np.concatenate([f.words for f in frames])[begins, 1:])
    shares = raised / raised.sum(1, keepdims=True)
    with np.load(senses) as arrays:
        expected = shares @ arrays["ear_weight"].astype(np.float32).T + arrays["ear_bias"]

    ear = NativeEar(model, Projection.load(senses, "ear", NUM_WORDS))
    heard = [ear.feed(sound), ear.finish()]

    assert [model.words[i - 1] for i in best[begins]] == SAID.split()
    got = np.concatenate([h.rows for h in heard])
    assert got.shape == (len(SAID.split()), 24)
    np.testing.assert_allclose(got, expected, atol=1e-4)


def test_words_that_come_only_with_the_flush_have_rows_too(model, senses):
    ear = NativeEar(model, Projection.load(senses, "ear", NUM_WORDS))
    loud = int(np.flatnonzero(np.abs(SPEECH) > 0.02)[-1])
    before, rest = ear.feed(SPEECH[:loud]), ear.finish()
    assert rest.text == SAID
    assert len(rest.rows) == len(SAID.split()) - len(before.text.split()) > 0


def test_words_and_confidence_are_those_of_the_word_head(model, senses, open_engine):
    ear, words = NativeEar(model, Projection.load(senses, "ear", NUM_WORDS)), open_engine("ear")
    ear.feed(SPEECH)
    words.feed(SPEECH)
    heard, read = ear.finish(), words.finish()
    assert heard.text == read.text == SAID
    assert heard.confidence == read.confidence > 0.5


def test_noise_is_trusted_less_than_speech(open_engine):
    ear = open_engine("native")
    ear.feed(SPEECH)
    clear = ear.finish().confidence
    ear.reset()
    noise = np.random.default_rng(0).normal(0, 5 * np.sqrt(np.mean(SPEECH**2)), len(SPEECH))
    ear.feed((SPEECH + noise).astype(np.float32))
    assert ear.finish().confidence < 0.5 < clear


def test_a_projection_of_another_ear_is_refused(model, tmp_path):
    path = tmp_path / "senses.npz"
    np.savez(path, ear_weight=np.zeros((24, 12), np.float32), ear_bias=np.zeros(24, np.float32))
    with pytest.raises(BundleError, match="978 words, the mind has rows for 12"):
        NativeEar(model, Projection.load(path, "ear", 12))
