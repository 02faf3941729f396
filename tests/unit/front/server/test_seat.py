"""Given a seat, when its page says something again after its connection was lost, then it is said once."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sensorium.clock import ManualClock
from sensorium.dialogue.turn import Turns
from sensorium.errors import BadInput
from sensorium.front.audience import Audience
from sensorium.front.house import House
from sensorium.front.server.seat import Seat
from sensorium.store.people import Person
from sensorium.wire.page import Say

pytestmark = pytest.mark.anyio


class Said:
    """A seat in a house that notes what is said in it and answers nothing."""

    def __init__(self, clock: ManualClock) -> None:
        self.texts: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []
        house = SimpleNamespace(
            audience=Audience(clock, Turns(), lambda event: None),
            turn_text=self.turn_text,
            follow_up=self.follow_up,
        )
        joe = Person(id="joe", name="Joe")
        self.seat = Seat(cast(House, house), joe, self.start, lambda piece: b"", guest=True)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.create_task(work))

    async def turn_text(self, text: str, **_: object) -> None:
        self.texts.append(text)

    async def follow_up(self, publisher: object) -> None:
        return None

    async def say(self, *says: Say) -> list[str]:
        for say in says:
            self.seat.handle(say, b"")
        await asyncio.gather(*self.tasks)
        return self.texts


@pytest.fixture
def said(clock: ManualClock) -> Said:
    return Said(clock)


async def test_what_is_sent_again_with_its_number_is_said_once(said: Said) -> None:
    one, two = Say("hello", number=10), Say("hello", number=11)

    assert await said.say(one, two, one, two, Say("bye", number=12)) == ["hello", "hello", "bye"]


async def test_what_has_no_number_is_said_as_often_as_it_comes(said: Said) -> None:
    assert await said.say(Say("yes"), Say("yes")) == ["yes", "yes"]


async def test_what_was_refused_may_come_again(said: Said) -> None:
    with pytest.raises(BadInput):
        said.seat.handle(Say(" ", number=10), b"")

    assert await said.say(Say("hello", number=10)) == ["hello"]
