"""What the bridges do beyond the contract of test_engine.py: what they hear, and what they refuse."""

from __future__ import annotations

import builtins
from pathlib import Path

import numpy as np
import pytest

from sensorium.audio import from_int16
from sensorium.errors import BundleError, MissingExtra
from sensorium.hearing.bridge import Pocketsphinx
from sensorium.hearing.engine import Engine

GOLDEN = np.load(Path(__file__).with_name("ear_golden.npz"))
SPEECH = from_int16(GOLDEN["pcm"])
SAID = str(GOLDEN["text"])


def hear(engine: Engine, samples: np.ndarray) -> str:
    engine.feed(samples)
    return engine.finish().text


def test_the_ear_hears_every_word(open_engine):
    assert hear(open_engine("ear"), SPEECH) == SAID


def test_pocketsphinx_says_only_sentences_of_the_world(bundle, open_engine):
    allowed = {
        line.split()[0].partition("(")[0] for line in bundle.file("dictionary").read_text().splitlines()
    }
    noise = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    assert set(hear(open_engine("pocketsphinx"), noise).split()) <= allowed


def test_a_missing_extra_is_named_with_its_remedy(bundle, monkeypatch):
    real = builtins.__import__

    def without(name: str, *args: object, **kwargs: object) -> object:
        if name == "pocketsphinx":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra) as missing:
        Pocketsphinx(bundle.file("grammar"), bundle.file("dictionary"))
    assert "sensorium[stt]" in missing.value.remedy


def test_a_broken_grammar_is_refused(bundle, tmp_path):
    pytest.importorskip("pocketsphinx", reason="the extra `stt` is not installed")
    with pytest.raises(BundleError, match="missing"):
        Pocketsphinx(tmp_path / "none.gram", bundle.file("dictionary"))
    (tmp_path / "bad.gram").write_text("this is no grammar")
    with pytest.raises(BundleError, match="cannot use"):
        Pocketsphinx(tmp_path / "bad.gram", bundle.file("dictionary"))
