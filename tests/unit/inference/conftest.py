"""Tiny random models, made once per session, and the two backends that the contract is checked against."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import gguf
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.unit.inference.engine import CODES, SPECIALS

from sensorium.bench import random_gguf
from sensorium.inference.backend import Backend
from sensorium.inference.fake import EMBEDDINGS, NUM_SPECIALS, FakeBackend
from sensorium.inference.llama import LlamaBackend, LlamaConfig

CONFIG = LlamaConfig(cells=1024, sequences=16, batch_tokens=128, decode_threads=1, batch_threads=1)


class Models:
    """The session's files: `dense`, `hybrid`, `other` (dense, another width) and LoRAs for `dense`; voices
    are activated ones, invoked by <|self|>. `speaking` can speak, with a voice invoked by <|speak|>."""

    def __init__(self, folder: Path) -> None:
        self.dense = folder / "dense.gguf"
        self.hybrid = folder / "hybrid.gguf"
        self.other = folder / "other.gguf"
        self.lora_a = folder / "a.gguf"
        self.lora_b = folder / "b.gguf"
        self.lora_other = folder / "other-lora.gguf"
        self.voice_a = folder / "voice-a.gguf"
        self.voice_b = folder / "voice-b.gguf"
        self.speaking = folder / "speaking.gguf"
        self.speaking_voice = folder / "speaking-voice.gguf"
        random_gguf.write_dense(self.dense)
        random_gguf.write_hybrid(self.hybrid)
        random_gguf.write_dense(self.other, width=96, heads=3, seed=7)
        random_gguf.write_lora(self.lora_a, base=self.dense, seed=11)
        random_gguf.write_lora(self.lora_b, base=self.dense, seed=12)
        random_gguf.write_lora(self.lora_other, base=self.other, seed=13)
        for path, seed in ((self.voice_a, 14), (self.voice_b, 15)):
            random_gguf.write_lora(path, base=self.dense, seed=seed, strength=3.0, invoked_by=["<|self|>"])
        random_gguf.write_dense(self.speaking, sounds=("<|speak|>", "<|done|>", *CODES))
        random_gguf.write_lora(
            self.speaking_voice, base=self.speaking, seed=16, strength=3.0, invoked_by=["<|speak|>"]
        )


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return Models(tmp_path_factory.mktemp("gguf"))


@pytest.fixture(scope="session")
def fake_adapters(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("fake")
    paths = folder / "a", folder / "b"
    for path in paths:
        path.write_bytes(b"fake adapter " + path.name.encode())
    # Invoked by the letters "o" and "lo", which the prompts of the tests also hold in their stable tiers, and
    # by what opens speech.
    letters = {name: [NUM_SPECIALS + b for b in word] for name, word in (("voice", b"o"), ("voice2", b"lo"))}
    for name, tokens in {**letters, "speaker": [SPECIALS.index("<|speak|>")]}.items():
        (folder / name).write_text(f"fake adapter from {' '.join(map(str, tokens))}: {name}")
    return paths


Opener = Callable[[], Backend]


@pytest.fixture(params=["fake", "llama", "llama-flash", "hybrid"])
def backend(request: pytest.FixtureRequest, models: Models) -> Iterator[Backend]:
    opened: Backend
    if request.param == "fake":
        opened = FakeBackend(random_gguf.special_tokens(), cells=1024, sequences=16, max_batch_tokens=128)
    else:
        config = CONFIG._replace(flash_attention=request.param == "llama-flash")
        opened = LlamaBackend(models.hybrid if request.param == "hybrid" else models.dense, config)
    yield opened
    opened.close()


@pytest.fixture(params=["fake", "llama", "llama-flash", "hybrid"])
def backend_and_embeddings(
    request: pytest.FixtureRequest, models: Models
) -> Iterator[tuple[Backend, NDArray[np.float32]]]:
    """A backend and the embedding row of every token, float32 (vocab_size, width)."""
    opened: Backend
    if request.param == "fake":
        opened, table = FakeBackend(random_gguf.special_tokens(), sequences=16), EMBEDDINGS
    else:
        path = models.hybrid if request.param == "hybrid" else models.dense
        opened = LlamaBackend(path, CONFIG._replace(flash_attention=request.param == "llama-flash"))
        tensors = {t.name: t.data for t in gguf.GGUFReader(path).tensors}
        table = np.array(tensors["token_embd.weight"], np.float32)
    yield opened, table
    opened.close()


@pytest.fixture(params=["fake", "llama"])
def backend_and_voices(
    request: pytest.FixtureRequest, models: Models, tmp_path: Path
) -> Iterator[tuple[Backend, Path, Path]]:
    """Two adapters that <|self|> invokes."""
    opened: Backend
    if request.param == "fake":
        opened = FakeBackend(random_gguf.special_tokens(), cells=8192, sequences=16, max_batch_tokens=128)
        paths = tmp_path / "a", tmp_path / "b"
        for path in paths:
            path.write_text(f"fake adapter from {opened.special('<|self|>')}: {path.name}")
    else:
        opened = LlamaBackend(models.dense, CONFIG)
        paths = models.voice_a, models.voice_b
    yield opened, *paths
    opened.close()


@pytest.fixture(params=["fake", "llama"])
def backend_and_adapters(
    request: pytest.FixtureRequest, models: Models, fake_adapters: tuple[Path, Path]
) -> Iterator[tuple[Backend, Path, Path]]:
    opened: Backend
    if request.param == "fake":
        opened = FakeBackend(random_gguf.special_tokens(), cells=8192, sequences=16, max_batch_tokens=128)
        paths = fake_adapters
    else:
        opened = LlamaBackend(models.dense, CONFIG)
        paths = models.lora_a, models.lora_b
    yield opened, *paths
    opened.close()
