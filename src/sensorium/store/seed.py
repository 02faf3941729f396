"""What a new store holds: the shipped personas, one room, one person. Happens once."""

from __future__ import annotations

from importlib import resources

import msgspec

from sensorium import persona as persona_files
from sensorium.persona import Persona, VoiceRef
from sensorium.store import people, personas, rooms
from sensorium.store.database import Database
from sensorium.store.people import Person

ROOM = "living-room"
NUM_IN_ROOM = 6
HOST = Person(id="sam", name="Sam")


def shipped_personas() -> list[Persona]:
    """The personas that come with the package: maya first, the others by id. Each speaks with the voice that
    the bundle has under its id, in whatever version; where there is none, with the model's own."""
    folder = resources.files("sensorium") / "personas"
    files = [entry for entry in folder.iterdir() if entry.name.endswith(".toml")]
    shipped = [persona_files.from_toml(file.read_bytes(), where=file.name) for file in files]
    shipped = [msgspec.structs.replace(p, voice_adapter_id=str(VoiceRef(p.id))) for p in shipped]
    return sorted(shipped, key=lambda p: (p.id != "maya", p.id))


def fill(db: Database, now_s: float) -> None:
    """Fills an empty store. `now_s` is wall time in seconds."""
    shipped = shipped_personas()
    for persona in shipped:
        personas.add(db, persona)
    people.put(db, HOST)
    rooms.create(db, ROOM, at_s=now_s)
    for member_id in (HOST.id, *(p.id for p in shipped[:NUM_IN_ROOM])):
        rooms.admit(db, ROOM, member_id)
