"""A Realtime session that has come into the house: what the parts of its connection work with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from sensorium.dialogue.names import with_names
from sensorium.front.house import House
from sensorium.front.realtime.session import Session
from sensorium.persona import Persona
from sensorium.store.people import Person


class Inside(NamedTuple):
    """`person` is who came in, `persona` whom they talk with. `start` runs work that ends with the connection
    at the latest; `flush` is called when the session may have something to say or to wish."""

    house: House
    session: Session
    persona: Persona
    person: Person
    start: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
    flush: Callable[[], None]

    def named(self, words: str) -> str:
        """What was heard, with the names of the room spelt as they are."""
        return with_names(words, [p.name for p in self.house.room.personas])
