"""Houses with real worker processes and a random-weight mind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from sensorium.bench import random_gguf
from sensorium.config import Config


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """The loop that the commands run on."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="session")
def random_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_gguf.write_bundle(tmp_path_factory.mktemp("bundle") / "random")


@pytest.fixture
def config(tmp_path: Path, random_bundle: Path) -> Config:
    # One thread: two that spin for each other starve when the machine is busy.
    return Config(bundle=str(random_bundle), home=str(tmp_path / "home"), llm_threads=1, kv_cells=4096)


async def until(condition: Callable[[], bool]) -> None:
    """Lets everything else run until `condition()`."""
    async with asyncio.timeout(30):
        for _ in iter(condition, True):
            await asyncio.sleep(0)
