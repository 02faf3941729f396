"""Who there is: the personas of this house. Ids and names are found whatever their case."""

from __future__ import annotations

import msgspec

from sensorium.errors import BadInput, NotFound
from sensorium.persona import Persona, check
from sensorium.store.database import Database


def all_of(db: Database) -> list[Persona]:
    """Every persona, by id."""
    return [_decode(record) for (record,) in db.execute("SELECT record FROM personas ORDER BY id")]


def get(db: Database, name: str) -> Persona:
    """By id, or by spoken name if only one has it. Raises NotFound with the nearest."""
    wanted = name.strip().lower()
    row = db.execute("SELECT record FROM personas WHERE id = ?", (wanted,)).fetchone()
    if row is not None:
        return _decode(row[0])
    everyone = all_of(db)
    called_so = [p for p in everyone if p.name.lower() == wanted]
    if len(called_so) == 1:
        return called_so[0]
    raise NotFound.named("persona", name, [p.id for p in everyone])


def add(db: Database, persona: Persona) -> Persona:
    """Raises BadInput when the record is not usable or the id is taken."""
    check(persona)
    if db.execute("SELECT 1 FROM personas WHERE id = ?", (persona.id,)).fetchone():
        raise BadInput(
            f"there is a persona {persona.id!r} already",
            remedy=f"change it with: sensorium persona edit {persona.id}",
        )
    put(db, persona)
    return persona


def put(db: Database, persona: Persona) -> None:
    """Adds or replaces. Raises BadInput when the record is not usable, or a person has the id."""
    check(persona)
    if db.execute("SELECT 1 FROM people WHERE id = ?", (persona.id,)).fetchone():
        raise BadInput(f"{persona.id!r} is a person's id", remedy="call the persona something else")
    db.execute(
        """INSERT INTO personas (id, record) VALUES (?, ?)
        ON CONFLICT (id) DO UPDATE SET record = excluded.record""",
        (persona.id, msgspec.json.encode(persona).decode()),
    )


def remove(db: Database, name: str) -> Persona:
    """Takes a persona out, with its memories and kept turns; what it said stays in the rooms' history.

    Raises NotFound, and BadInput while it is in a room.
    """
    persona = get(db, name)
    check_homeless(db, persona)
    db.execute("DELETE FROM personas WHERE id = ?", (persona.id,))
    return persona


def check_homeless(db: Database, persona: Persona) -> None:
    """Raises BadInput while the persona is in a room."""
    rows = db.execute("SELECT room_id FROM room_members WHERE persona_id = ? ORDER BY room_id", (persona.id,))
    rooms = [room_id for (room_id,) in rows]
    if rooms:
        raise BadInput(
            f"{persona.name} is in {', '.join(rooms)}",
            remedy="let it leave first, or remove it with --force",
        )


def _decode(record: str) -> Persona:
    return msgspec.json.decode(record, type=Persona)
