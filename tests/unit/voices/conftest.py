"""A tiny model and voices for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from sensorium.bench import random_gguf
from sensorium.voices.card import Card

WARM = Card(
    name="warm",
    licence="CC-BY-4.0",
    attribution="The house of tests",
    consent="random numbers; nobody was recorded",
    preview_text="Hello, this is how I sound.",
)
Write = Callable[..., Path]


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
