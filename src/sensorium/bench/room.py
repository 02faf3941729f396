"""A home folder with a room of six to fourteen personas for a bench, and questions to them."""

from __future__ import annotations

from importlib import resources
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sensorium.bench.microphone import Samples, recording
from sensorium.cli import evening
from sensorium.clock import SystemClock
from sensorium.config import Config
from sensorium.errors import BadInput
from sensorium.store import personas, rooms
from sensorium.store.database import Database
from sensorium.store.store import Store

MOST_PERSONAS = 14


class Asked(NamedTuple):
    words: str
    persona: str
    samples: Samples


def furnished(home: Path, num_personas: int) -> Config:
    """The standard room with so many personas. Raises BadInput for a number that nobody can seat."""
    if not 1 <= num_personas <= MOST_PERSONAS:
        raise BadInput(f"a room for {num_personas} personas", remedy=f"1 to {MOST_PERSONAS}")
    config = Config.load(home)
    with Store.open(config.store_path) as store:
        store.submit(_seat, config.room, num_personas, SystemClock().wall_s()).result()
    return config


def _seat(db: Database, room: str, num_personas: int, now_s: float) -> None:
    seated = [p.id for p in rooms.get(db, room).personas]
    others = [p.id for p in personas.all_of(db) if p.id not in seated]
    for name in seated[num_personas:]:
        rooms.leave(db, room, name, at_s=now_s)
    for name in others[: max(0, num_personas - len(seated))]:
        rooms.join(db, room, name, at_s=now_s)


def questions(count: int, num_personas: int) -> list[Asked]:
    """The recorded ones of `sensorium demo` that can be answered without a picture, again and again."""
    folder = Path(str(resources.files("sensorium.cli") / "evening"))
    lines = [line for line in evening.lines(num_personas) if not line.sees]
    made = [Asked(line.words, line.persona, recording(folder / line.wav)) for line in lines]
    return list(islice(cycle(made), count))


def silence(seconds: float) -> Samples:
    return np.zeros(round(16_000 * seconds), np.int16)
