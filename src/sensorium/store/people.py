"""The people who come into the rooms."""

from __future__ import annotations

import itertools
import re
import unicodedata

import msgspec

from sensorium.errors import BadInput, NotFound
from sensorium.store import personas
from sensorium.store.database import Database

_MAX_NAME_CHARS = 40
_ID = re.compile(r"[a-z][a-z0-9_-]{0,31}")


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who talks to the personas: id and spoken name."""

    id: str
    name: str


def all_of(db: Database) -> list[Person]:
    """Everybody, by id."""
    return [Person(id=i, name=n) for i, n in db.execute("SELECT id, name FROM people ORDER BY id")]


def get(db: Database, name: str) -> Person:
    """By id, whatever its case. Raises NotFound with the nearest."""
    row = db.execute("SELECT id, name FROM people WHERE id = ?", (name.strip().lower(),)).fetchone()
    if row is None:
        raise NotFound.named("person", name, [p.id for p in all_of(db)])
    return Person(id=row[0], name=row[1])


def called(db: Database, name: str) -> Person:
    """Somebody of that name, whatever its case; a new person when nobody has it.

    Raises BadInput when it cannot be used, or is a persona's: nobody could say whom they mean.
    """
    name = " ".join(name.split())
    if not name or len(name) > _MAX_NAME_CHARS or not name.isprintable():
        raise BadInput(f"a person's name is 1 to {_MAX_NAME_CHARS} characters")
    for person in all_of(db):
        if person.name.casefold() == name.casefold():
            return person
    taken = {text.casefold() for persona in personas.all_of(db) for text in (persona.id, persona.name)}
    if name.casefold() in taken:
        raise BadInput(f"{name} is a persona's name", remedy="take another one")
    ids = {*taken, *(person.id for person in all_of(db))}
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", letters).strip("-0123456789")[:24] or "guest"
    numbered = (f"{stem}-{number}" for number in itertools.count(2))
    free = next(one for one in itertools.chain([stem], numbered) if one not in ids)
    return put(db, Person(id=free, name=name))


def put(db: Database, person: Person) -> Person:
    """Adds or renames. Raises BadInput when id or name is not usable, or a persona has the id."""
    if not _ID.fullmatch(person.id):
        raise BadInput(
            f"person id {person.id!r} is not usable",
            remedy="lower-case letters, digits, - and _, at most 32, starting with a letter",
        )
    if not person.name.strip() or len(person.name) > _MAX_NAME_CHARS:
        raise BadInput(f"a person's name is 1 to {_MAX_NAME_CHARS} characters")
    if db.execute("SELECT 1 FROM personas WHERE id = ?", (person.id,)).fetchone():
        raise BadInput(f"{person.id!r} is a persona's id", remedy="call the person something else")
    db.execute(
        "INSERT INTO people (id, name) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name",
        (person.id, person.name),
    )
    return person
