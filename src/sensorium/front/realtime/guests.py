"""Who talks through OpenAI's protocols is a person of the room meanwhile. Knows nothing of what is said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sensorium.errors import NotFound
from sensorium.front.house import House
from sensorium.prompting.words import clean_line
from sensorium.store.people import Person

_NAMELESS = "guest"
_MAX_NAME_CHARS = 36


def name_of(given: str) -> str:
    """What a client calls itself, "guest" for nothing, short enough for a number behind it."""
    return clean_line(given)[:_MAX_NAME_CHARS].strip() or _NAMELESS


@asynccontextmanager
async def guest(house: House, given: str) -> AsyncIterator[Person]:
    """Comes in under that name, or with a number behind it where somebody has it already, and goes.

    Raises BadInput when the room is full, or nobody can be called that.
    """
    name = name_of(given)
    number = 1
    person = await house.person_called(name)
    while not await house.come_in(person):
        number += 1
        person = await house.person_called(f"{name} {number}")
    try:
        yield person
    finally:
        # Somebody may have been shown out meanwhile.
        with suppress(NotFound):
            await house.leave(person.id)
