"""A bundle whose mind speaks: nano's own words, ear and codec, and a small mind with random weights."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensorium.bench import random_gguf
from sensorium.bundles import catalogue
from sensorium.bundles.catalogue import Bundle
from sensorium.inference.llama import LlamaBackend, LlamaConfig


@pytest.fixture(scope="session")
def speaking_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    pytest.importorskip("torch", reason="voices are made with torch")
    from tests.unit.tuning.babbler import write_babbler
    from training.mind.vocabulary import PHONEMES

    folder = tmp_path_factory.mktemp("speaking")
    nano = catalogue.SHIPPED / "nano"
    for name in ("ear.onnx", "codec.onnx", "encoder.npz", "phonemes.npz", "pronunciations.txt"):
        shutil.copy(nano / name, folder / name)
    toml = (nano / "bundle.toml").read_text(encoding="utf-8")
    toml = re.sub(r'^sha256 = ".*"$', 'sha256 = ""', toml, flags=re.MULTILINE)
    toml = toml.replace('name = "nano"', 'name = "speaking"', 1)
    toml = (
        random_gguf.without_tables(toml, "voices", "speech")
        + random_gguf.speech_table(1_000, phonemes=PHONEMES)
        + 'first_speaker = "<|reserved_0|>"\nspeakers = 32\n'
    )
    toml = re.sub(r"^audio_out = \w+", "audio_out = true", toml, flags=re.MULTILINE)
    (folder / "bundle.toml").write_text(toml, encoding="utf-8")
    write_babbler(folder / "mind.gguf")
    return catalogue.find(str(folder))


@pytest.fixture
def backend(speaking_bundle: Bundle) -> Iterator[LlamaBackend]:
    config = LlamaConfig(cells=512, sequences=2, decode_threads=1, batch_threads=1, kv_type="f32")
    made = LlamaBackend(Path(speaking_bundle.folder) / "mind.gguf", config)
    yield made
    made.close()
