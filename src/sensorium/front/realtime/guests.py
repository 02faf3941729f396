"""Who talks through OpenAI's protocols is a person of the room meanwhile. Knows nothing of what is said."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sensorium.errors import NotFound
from sensorium.front.house import House
from sensorium.prompting.words import clean_line
from sensorium.store import people
from sensorium.store.people import Person

_NO_ID = re.compile(r"[^a-z0-9]+")
_MAX_NAME_CHARS = 40


@asynccontextmanager
async def guest(house: House, name: str) -> AsyncIterator[Person]:
    """Comes in under that name ("guest" for none), and goes. Raises BadInput when the room is full."""
    name = clean_line(name)[:_MAX_NAME_CHARS].strip() or "guest"
    taken = {member.id for member in (*house.room.personas, *house.room.room.people)}
    person = Person(id=_free_id(name, taken), name=name)
    await asyncio.wrap_future(house.store.submit(people.put, person))
    await house.join(person.id)
    try:
        yield person
    finally:
        # Somebody may have been shown out meanwhile.
        with suppress(NotFound):
            await house.leave(person.id)


def _free_id(name: str, taken: list[str]) -> str:
    slug = _NO_ID.sub("-", name.lower()).strip("-")[:24]
    stem = f"guest-{slug}" if slug and slug != "guest" else "guest"
    number = 1
    while (person_id := stem if number == 1 else f"{stem}-{number}") in taken:
        number += 1
    return person_id
