"""A house for a bench: a home of its own that goes afterwards, one room, so many of the shipped personas."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sensorium.clock import SystemClock
from sensorium.config import Config
from sensorium.errors import BadInput
from sensorium.front.house import House
from sensorium.store import rooms
from sensorium.store.store import Store

ROOM, PERSON = "bench", "sam"
MAX_PERSONAS = 14


@asynccontextmanager
async def house(
    num_personas: int,
    *,
    sees: bool = False,
    bundle: str = "nano",
    read_along: bool = True,
    stress: float = 1.0,
    stress_s: float = 0.0,
) -> AsyncIterator[House]:
    """Open, with everybody's prompt in memory. The first personas are those of the default room. `stress`:
    every call of a model takes so many times as long, until `stress_s` after the start, 0: always. Raises as
    `check` does."""
    check(num_personas)
    with tempfile.TemporaryDirectory(prefix="sensorium-bench-") as home:
        config = Config(home=home, bundle=bundle, person=PERSON, read_along=read_along)
        await asyncio.to_thread(_furnish, config, num_personas)
        async with House(config, room=ROOM, sees=sees, stress=(stress, stress_s)) as opened:
            await opened.warm()
            yield opened


def check(num_personas: int) -> None:
    """Raises BadInput for more personas than are shipped, or none."""
    if not 1 <= num_personas <= MAX_PERSONAS:
        raise BadInput(f"a room for the bench has 1 to {MAX_PERSONAS} personas, not {num_personas}")


def _furnish(config: Config, num_personas: int) -> None:
    with Store.open(Path(config.store_path)) as store:
        now_s = SystemClock().wall_s()
        store.submit(rooms.create_like, config.room, ROOM, PERSON, num_personas, at_s=now_s).result()
