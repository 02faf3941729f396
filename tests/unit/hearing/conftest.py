"""Engines over the shipped ear, with a projection of random numbers: which they are does not matter here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sensorium.bundles.catalogue import Bundle, find
from sensorium.bundles.senses_file import Projection
from sensorium.hearing.bridge import EarWords, Pocketsphinx
from sensorium.hearing.encoder import EarModel
from sensorium.hearing.engine import Engine
from sensorium.hearing.fake import FakeNativeEar, FakeSpeechToText
from sensorium.hearing.native import NativeEar

NUM_WORDS = 978
SAID = str(np.load(Path(__file__).with_name("ear_golden.npz"))["text"])


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    return find("nano")


@pytest.fixture(scope="session")
def model(bundle: Bundle) -> EarModel:
    return EarModel.load(bundle.file("ear"))


@pytest.fixture(scope="session")
def senses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(5)
    path = tmp_path_factory.mktemp("senses") / "senses.npz"
    weight, bias = rng.normal(0, 0.05, (24, NUM_WORDS)), rng.normal(0, 1, 24)
    np.savez(path, ear_weight=weight.astype(np.float16), ear_bias=bias.astype(np.float32))
    return path


@pytest.fixture(scope="session")
def open_engine(bundle: Bundle, model: EarModel, senses: Path) -> Callable[[str], Engine]:
    """By name; skips when what the engine needs is not installed."""

    def open_(name: str) -> Engine:
        match name:
            case "ear":
                return EarWords(model)
            case "native":
                return NativeEar(model, Projection.load(senses, "ear", NUM_WORDS))
            case "fake native":
                return FakeNativeEar((SAID,) * 20)
            case "pocketsphinx":
                pytest.importorskip("pocketsphinx", reason="the extra `stt` is not installed")
                return Pocketsphinx(bundle.file("grammar"), bundle.file("dictionary"))
        return FakeSpeechToText((SAID,) * 20)

    return open_
