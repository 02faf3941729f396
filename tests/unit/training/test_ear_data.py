"""What the ear learns from: alignments, noise, who speaks, how errors are counted."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch", reason="the extra `train` is not installed")
pytest.importorskip("espeakng_loader", reason="the extra `train` is not installed")

from training.ear import voices
from training.ear.data import IGNORE, Lexicon, Source, find_phonemes, utter, world_sentence
from training.ear.evaluate import SETS, examples, word_errors
from training.ear.noise import add_at_snr, coloured, rms, speech_level
from training.espeak import Style, resample_to_16k
from training.world import VOCABULARY

WORDS = ("hello", "maya", "what", "do", "you", "like")


def test_held_out_voices_are_never_drawn():
    rng = random.Random(1)
    drawn = {voices.training_style(rng).voice for _ in range(20_000)}
    assert drawn.isdisjoint({*voices.HELD_OUT, *voices.HELD_OUT_VARIANTS})
    assert len(drawn) > 300
    accents, variants = {v.split("+")[0] for v in drawn}, {v.partition("+")[2] for v in drawn}
    assert {v.split("+")[0] for v in voices.HELD_OUT} <= accents
    assert {v.partition("+")[2] for v in voices.HELD_OUT} <= variants
    assert {v.partition("+")[2] for v in voices.HELD_OUT_VARIANTS}.isdisjoint(variants)


def test_held_out_words_and_phrasings_are_never_drawn_in_sentences():
    """given what training draws, then it says other sentences than the sets that measure it"""
    rng = random.Random(2)
    trained = {" ".join(world_sentence(rng)) for _ in range(3_000)}
    for chosen in SETS[:2]:
        measured = {" ".join(e.words) for e in examples(chosen, 10)}
        assert not trained & {m for m in measured if len(m.split()) > 5}


def test_the_sets_are_the_same_every_time():
    first, again = examples(SETS[2], 6), examples(SETS[2], 6)
    assert [e.words for e in first] == [e.words for e in again]
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.samples, other.samples)


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    """One utterance made in a child process: espeak-ng is global state."""
    import multiprocessing

    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_speak)


def _speak():
    phonemes = find_phonemes(WORDS * 5, ("en-us",))
    ids = {name: i for i, name in enumerate(phonemes)}
    whole = utter(random.Random(3), list(WORDS), Style(), ids)
    source = Source(Lexicon(VOCABULARY, phonemes), world_sentence, seed=4, batch_size=3)
    return phonemes, whole, list(source.pool(2, clean=False))


def test_an_utterance_has_a_phoneme_a_frame_and_a_spike_a_word(spoken):
    phonemes, whole, _ = spoken
    assert phonemes[0] == "_"
    assert len(whole.samples) == 640 * len(whole.phonemes)
    assert len(whole.samples) % 1280 == 0
    frames = [f for f in whole.word_frames if f != IGNORE]
    assert len(frames) >= len(WORDS) - 1
    assert frames == sorted(frames)
    loud = np.flatnonzero(np.abs(whole.samples) > 0.02)
    assert 0 <= frames[-1] * 640 - loud[-1] < 6_400, "the last word is asked for within 400 ms of its end"
    voiced = np.flatnonzero(whole.phonemes)
    assert 0 <= voiced[0] * 640 - loud[0] < 3_200, "the first phoneme comes about 80 ms after the sound"


def test_batches_are_padded_and_within_their_lengths(spoken):
    _, _, batches = spoken
    assert len(batches) == 2
    for batch in batches:
        rows, samples = batch.samples.shape
        assert rows == 3
        assert samples == 640 * batch.num_frames.max()
        assert batch.phonemes.shape == (3, batch.num_frames.max())
        assert (batch.num_words > 0).all()
        for row in range(rows):
            assert (batch.words[row, : batch.num_words[row]] > 0).all()
            assert (batch.words[row, batch.num_words[row] :] == 0).all()
            kept = batch.word_frames[row][batch.word_frames[row] != IGNORE]
            assert (kept < batch.num_frames[row]).all()


def test_noise_has_the_wanted_level_and_colour():
    rng = np.random.default_rng(0)
    speech = (0.3 * np.sin(np.arange(16_000) * 0.2)).astype(np.float32)
    added = add_at_snr(speech, coloured(rng, 16_000, 0.0), 10.0) - speech
    assert abs(20 * np.log10(speech_level(speech) / rms(added)) - 10.0) < 0.2
    low, high = (
        np.abs(np.fft.rfft(coloured(rng, 16_000, exponent)))[4_000:].mean() for exponent in (2.0, 0.0)
    )
    assert low < high / 4


def test_resampling_keeps_a_tone():
    tone = np.sin(2 * np.pi * 440 * np.arange(22_050) / 22_050).astype(np.float32)
    out = resample_to_16k(tone)
    expected = np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    assert len(out) == 16_000
    assert np.abs(out - expected)[100:-100].max() < 0.02


@pytest.mark.parametrize(
    ("said", "heard", "errors"),
    [
        ("a b c", "a b c", 0),
        ("a b c", "a c", 1),
        ("a b c", "a x b c", 1),
        ("a b c", "a x c", 1),
        ("", "a", 1),
    ],
)
def test_word_errors_are_edits(said, heard, errors):
    assert word_errors(said.split(), heard.split()) == errors


@given(st.lists(st.sampled_from("abc"), max_size=6), st.lists(st.sampled_from("abc"), max_size=6))
def test_word_errors_are_a_distance(said, heard):
    errors = word_errors(said, heard)
    assert errors == word_errors(heard, said)
    assert abs(len(said) - len(heard)) <= errors <= max(len(said), len(heard))
    assert (errors == 0) == (said == heard)
