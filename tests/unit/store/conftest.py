"""A store of its own for every test, at a fixed moment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sensorium.clock import ManualClock
from sensorium.store.store import Store


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "house" / "sensorium.db", clock=ManualClock(), busy_ms=50) as opened:
        yield opened
