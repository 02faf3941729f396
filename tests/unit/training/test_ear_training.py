"""A smoke run of the whole road: speak, train a few steps, go on from the checkpoint, export, verify."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra `train` is not installed")
pytest.importorskip("espeakng_loader", reason="the extra `train` is not installed")
pytest.importorskip("onnx", reason="the extra `train` is not installed")

import torch
from training.ear import bundle
from training.ear.data import Lexicon
from training.ear.ear_file import start_from
from training.ear.export import export, round_weights, verify
from training.ear.model import CHUNK_SAMPLES, Ear, zero_state
from training.ear.train import PRESETS, Plan, build, learning_rate, load, train
from training.world import SALAD_WORDS

from sensorium.bundles.catalogue import find
from sensorium.hearing.encoder import EarModel


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.mark.slow
def test_smoke_run_trains_resumes_exports_and_streams_as_offline(tmp_path):
    plan = PRESETS["smoke"]
    train(plan, tmp_path, resume=False, stop_at=3)
    run = train(plan, tmp_path, resume=True)
    assert run.step == plan.steps
    assert run.audio_s > 0
    again = load(tmp_path / "last.pt", plan)
    assert again.step == plan.steps
    assert again.lexicon == run.lexicon
    ear = round_weights(again.average)
    export(ear, again.lexicon, tmp_path / "ear.onnx", steps=again.step)
    assert EarModel.load(tmp_path / "ear.onnx").words == SALAD_WORDS
    sound = np.random.default_rng(0).normal(0, 0.1, 6 * CHUNK_SAMPLES).astype(np.float32)
    assert verify(ear, tmp_path / "ear.onnx", sound) < 1e-3
    assert not [line for line in (tmp_path / "log.jsonl").read_text().splitlines() if not json.loads(line)]


def _exported(lexicon: Lexicon, path: Path) -> Ear:
    torch.manual_seed(0)
    ear = build(lexicon)
    with torch.no_grad():
        for parameter in ear.parameters():  # as they begin, some are alike, and stored once
            parameter += 0.01 * torch.randn_like(parameter)
    round_weights(ear)
    export(ear, lexicon, path, steps=1)
    return ear


def test_training_goes_on_from_an_exported_ear(tmp_path):
    """given an ear as it ships, when a lexicon with one more word starts from it, then it hears the same"""
    lexicon = Lexicon(("tea", "sun", "moon"), ("_", "t"))
    ear = _exported(lexicon, tmp_path / "ear.onnx")
    later = Lexicon(("moon", "rain", "sun", "tea"), ("_", "t", "s"))
    fresh = build(later).eval()

    start_from(fresh, later, tmp_path / "ear.onnx")

    pcm = 0.1 * torch.randn(1, 4 * CHUNK_SAMPLES)
    with torch.no_grad():
        (before, _), (after, _) = ear(pcm, zero_state(1)), fresh(pcm, zero_state(1))
    torch.testing.assert_close(after.frames, before.frames)
    rows = [0, *later.word_ids(["tea", "sun", "moon"])]
    torch.testing.assert_close(after.words[..., rows], before.words)


def test_an_ear_with_words_that_training_has_not_is_refused(tmp_path):
    _exported(Lexicon(("tea", "sun"), ("_", "t")), tmp_path / "ear.onnx")
    fewer = Lexicon(("sun",), ("_", "t"))
    with pytest.raises(ValueError, match="tea"):
        start_from(build(fewer), fewer, tmp_path / "ear.onnx")


def test_streaming_is_the_same_as_all_at_once():
    torch.manual_seed(0)
    ear = Ear(10, 5, 7).eval()
    pcm = 0.1 * torch.randn(2, 5 * CHUNK_SAMPLES)
    with torch.no_grad():
        whole, _ = ear(pcm, zero_state(2))
        state, parts = zero_state(2), []
        for chunk in pcm.split(CHUNK_SAMPLES, dim=1):
            heard, state = ear(chunk, state)
            parts.append(heard.words)
    torch.testing.assert_close(torch.cat(parts, 1), whole.words, atol=1e-5, rtol=0)


def test_the_ear_is_causal():
    """given two sounds that differ after 160 ms, then the first four frames are the same"""
    ear = Ear(10, 5, 7).eval()
    pcm = 0.1 * torch.randn(1, 4 * CHUNK_SAMPLES)
    other = pcm.clone()
    other[:, 2 * CHUNK_SAMPLES :] = 0.0
    with torch.no_grad():
        one, two = ear(pcm, zero_state(1))[0], ear(other, zero_state(1))[0]
    torch.testing.assert_close(one.words[:, :4], two.words[:, :4], atol=1e-6, rtol=0)
    assert not torch.allclose(one.words[:, 4:], two.words[:, 4:])


def test_the_learning_rate_rises_then_falls_to_a_hundredth():
    plan = Plan(steps=1_000, warmup_steps=100)
    rates = [learning_rate(plan, step) for step in range(1_001)]
    assert max(rates) == pytest.approx(plan.peak_lr)
    assert rates.index(max(rates)) in (99, 100)
    assert rates[-1] == pytest.approx(plan.peak_lr / 100)


def test_the_shipped_ear_knows_the_words_of_the_world():
    """A world that grew needs a new ear: python -m training.ear.train, then training.ear.export."""
    assert EarModel.load(find("nano").file("ear")).words == SALAD_WORDS


def test_the_shipped_ear_is_small():
    assert find("nano").file("ear").stat().st_size < 6_000_000


def test_the_shipped_grammar_is_the_worlds():
    pytest.importorskip("pocketsphinx", reason="the extra `stt` is not installed")
    from training.ear.grammar import grammar

    assert find("nano").file("grammar").read_text() == grammar(), "run: python -m training.ear.grammar"


def test_bundle_toml_learns_of_a_file(tmp_path, monkeypatch):
    (tmp_path / "bundle.toml").write_text(
        '[files.ear]\npath = "old"\nsha256 = ""\n\n[prompt]\nprose = false\n'
    )
    (tmp_path / "ear.onnx").write_bytes(b"abc")
    monkeypatch.setattr(bundle, "BUNDLE", tmp_path)
    bundle.record("ear", tmp_path / "ear.onnx")
    bundle.record("grammar", tmp_path / "ear.onnx")
    text = (tmp_path / "bundle.toml").read_text()
    assert text.count('path = "ear.onnx"') == 2
    assert text.count("ba7816bf") == 2
    assert text.endswith("[prompt]\nprose = false\n")


def test_build_follows_the_lexicon():
    from training.ear.data import Lexicon

    ear = build(Lexicon(("a", "b"), ("_", "x", "y")))
    assert ear.words.out_features == 3
    assert ear.phonemes.out_features == 3
