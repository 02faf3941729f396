"""The rooms and who is in them. Coming and going is part of the conversation, so it is written there."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from sensorium.errors import BadInput, NotFound
from sensorium.persona import Persona
from sensorium.recipe import Recipe
from sensorium.store import messages, people, personas, recipes
from sensorium.store.database import Database
from sensorium.store.people import Person

MAX_PERSONAS = 14
MAX_PEOPLE = 40
_ID = re.compile(r"[a-z][a-z0-9_-]{0,31}")


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """A room with everybody in it, in the order in which they came. `created_at` is wall time in seconds."""

    id: str
    name: str
    recipe: Recipe
    created_at: float
    personas: tuple[Persona, ...]
    people: tuple[Person, ...]


def all_of(db: Database) -> list[Room]:
    """Every room, by id."""
    return [_whole(db, row) for row in db.execute(f"{_SELECT} ORDER BY id").fetchall()]


def get(db: Database, name: str) -> Room:
    """By id, whatever its case. Raises NotFound with the nearest."""
    row = db.execute(f"{_SELECT} WHERE id = ?", (name.strip().lower(),)).fetchone()
    if row is None:
        raise NotFound.named("room", name, [i for (i,) in db.execute("SELECT id FROM rooms")])
    return _whole(db, row)


def create(db: Database, room_id: str, *, at_s: float, name: str = "", recipe: str = "default") -> Room:
    """An empty room. Raises BadInput when the id or name is not usable or taken, NotFound for the recipe."""
    if not _ID.fullmatch(room_id):
        raise BadInput(
            f"room id {room_id!r} is not usable",
            remedy="lower-case letters, digits, - and _, at most 32, starting with a letter",
        )
    if len(name) > 80:
        raise BadInput(f"a room's name has at most 80 characters, not {len(name)}")
    if db.execute("SELECT 1 FROM rooms WHERE id = ?", (room_id,)).fetchone():
        raise BadInput(f"there is a room {room_id!r} already")
    db.execute(
        "INSERT INTO rooms (id, name, recipe, created_at) VALUES (?, ?, ?, ?)",
        (room_id, name or room_id.replace("-", " "), recipes.kept(db, recipe).name, at_s),
    )
    return get(db, room_id)


def set_recipe(db: Database, name: str, recipe: str) -> Room:
    """Plays the room by it from now on. Raises NotFound for either."""
    room = get(db, name)
    db.execute("UPDATE rooms SET recipe = ? WHERE id = ?", (recipes.kept(db, recipe).name, room.id))
    return get(db, room.id)


def create_like(
    db: Database, like: str, room_id: str, person: str, num_personas: int, *, at_s: float
) -> Room:
    """A room with `person` and so many personas: first those of the room `like`, then the others by id.
    Raises as `create` and `admit`."""
    first = [p.id for p in get(db, like).personas]
    others = [p.id for p in personas.all_of(db) if p.id not in first]
    create(db, room_id, at_s=at_s)
    for name in (*(first + others)[:num_personas], person):
        join(db, room_id, name, at_s=at_s)
    return get(db, room_id)


def remove(db: Database, name: str) -> Room:
    """Takes a room out with its whole conversation. Raises NotFound."""
    room = get(db, name)
    db.execute("DELETE FROM rooms WHERE id = ?", (room.id,))
    return room


def admit(db: Database, room_name: str, member_name: str, *, guest: bool = False) -> Persona | Person:
    """Puts a persona, or else a person, in without a word in the conversation: for a room that starts so.
    A `guest` is one of `guests` until they leave.

    Raises NotFound, and BadInput when it is there already or the room is full.
    """
    room = get(db, room_name)
    member = _member(db, member_name)
    here = _ids(room, member)
    if member.id in here:
        raise BadInput(f"{member.name} is in {room.id} already")
    most, kind = (MAX_PERSONAS, "personas") if isinstance(member, Persona) else (MAX_PEOPLE, "people")
    if len(here) >= most:
        raise BadInput(f"{room.id} is full: {most} {kind}", remedy="let one leave first")
    db.execute(
        f"INSERT INTO room_members (room_id, {_column(member)}, is_guest) VALUES (?, ?, ?)",
        (room.id, member.id, int(guest)),
    )
    return member


def join(db: Database, room_name: str, member_name: str, *, at_s: float, guest: bool = False) -> Room:
    """A persona, or else a person, comes in. Raises as `admit`."""
    member = admit(db, room_name, member_name, guest=guest)
    room = get(db, room_name)
    messages.append(db, room.id, "event", f"{member.name} comes in", at_s=at_s)
    return room


def leave(db: Database, room_name: str, member_name: str, *, at_s: float) -> Room:
    """A persona or person goes. Raises NotFound when it is not in the room, with who is."""
    room = get(db, room_name)
    here: dict[str, Persona | Person] = {p.id: p for p in room.personas}
    here.update({p.id: p for p in room.people})
    member = here.get(member_name.strip().lower())
    if member is None:
        raise NotFound.named(f"member of {room.id}", member_name, here)
    db.execute(f"DELETE FROM room_members WHERE room_id = ? AND {_column(member)} = ?", (room.id, member.id))
    messages.append(db, room.id, "event", f"{member.name} leaves", at_s=at_s)
    return get(db, room.id)


def guests(db: Database, room_id: str) -> list[str]:
    """The ids of the people who are there as guests."""
    rows = db.execute(
        "SELECT person_id FROM room_members WHERE room_id = ? AND is_guest AND person_id IS NOT NULL",
        (room_id,),
    )
    return [person_id for (person_id,) in rows]


def of_persona(db: Database, persona_id: str) -> list[str]:
    """The ids of the rooms that a persona is in."""
    rows = db.execute("SELECT room_id FROM room_members WHERE persona_id = ? ORDER BY room_id", (persona_id,))
    return [room_id for (room_id,) in rows]


_SELECT = "SELECT id, name, recipe, created_at FROM rooms"


def _whole(db: Database, row: tuple[Any, ...]) -> Room:
    room_id, name, recipe, created_at = row
    members: list[tuple[Any, ...]] = db.execute(
        "SELECT persona_id, person_id FROM room_members WHERE room_id = ? ORDER BY id", (room_id,)
    ).fetchall()
    return Room(
        id=room_id,
        name=name,
        recipe=recipes.get(db, recipe),
        created_at=created_at,
        personas=tuple(personas.get(db, persona) for persona, _ in members if persona is not None),
        people=tuple(people.get(db, person) for _, person in members if person is not None),
    )


def _member(db: Database, name: str) -> Persona | Person:
    try:
        return personas.get(db, name)
    except NotFound:
        pass
    try:
        return people.get(db, name)
    except NotFound:
        known = [*(p.id for p in personas.all_of(db)), *(p.id for p in people.all_of(db))]
        raise NotFound.named("persona or person", name, known) from None


def _column(member: Persona | Person) -> str:
    return "persona_id" if isinstance(member, Persona) else "person_id"


def _ids(room: Room, like: Persona | Person) -> list[str]:
    return [m.id for m in (room.personas if isinstance(like, Persona) else room.people)]
