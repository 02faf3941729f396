"""A tiny model and voices for it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from sensorium.bench import random_gguf
from sensorium.voices.card import Card
from sensorium.voices.library import digest

WARM = Card(
    name="warm",
    licence="CC-BY-4.0",
    attribution="The house of tests",
    consent="random numbers; nobody was recorded",
    preview_text="Hello, this is how I sound.",
)
BUNDLE = """
name = "tiny"
version = "1"
licence = "MIT"
source = "a test"
context_tokens = 64

[prompt]

[files]
"""
Write = Callable[..., Path]


def ship(folder: Path, **files: Path) -> Path:
    """`ship(bundle, maya=file)`: these voices and no others come with the bundle in `folder`, which is made
    if there is none; it cannot be loaded then. Returns `folder`."""
    (folder / "voices").mkdir(parents=True, exist_ok=True)
    toml = folder / "bundle.toml"
    text = toml.read_text(encoding="utf-8") if toml.exists() else BUNDLE
    text = random_gguf.without_tables(text, "voices")
    for name, file in files.items():
        shutil.copy(file, folder / "voices" / f"{name}.gguf")
        text += f'\n[voices.{name}]\npath = "voices/{name}.gguf"\nsha256 = "{digest(file)}"\n'
    toml.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "mind.gguf"
    random_gguf.write_dense(path)
    return path


@pytest.fixture
def write(model: Path, tmp_path: Path) -> Write:
    """`write("x.gguf", seed=3, licence="MIT")`: a voice, `WARM` but for what is said."""

    def voice(name: str = "warm.gguf", *, seed: int = 1, invoked_by: str = "<|self|>", **words: str) -> Path:
        metadata = msgspec.structs.replace(WARM, **words).metadata()
        invoked = [invoked_by] if invoked_by else []
        random_gguf.write_lora(tmp_path / name, base=model, seed=seed, invoked_by=invoked, metadata=metadata)
        return tmp_path / name

    return voice
