"""Given a Realtime client in a room where personas call one another, then it hears its own persona answer."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.unit.front.conftest import House as Inside
from tests.unit.front.realtime.client import strictly_parsed
from tests.unit.front.server.test_hall import Served, played_on

from sensorium.front.publisher import Publisher
from sensorium.front.realtime.connection import Connection
from sensorium.front.realtime.server_events import ServerEvent
from sensorium.front.realtime.session import Session
from sensorium.front.realtime.settings import Settings
from sensorium.persona import Persona
from sensorium.wire.events import Cleared

pytestmark = pytest.mark.anyio


class Caller:
    """A client in the room; `events` are all that it was sent."""

    def __init__(self, inside: Inside, persona: Persona) -> None:
        self.served = Served(inside)
        self.served.prompt_format = inside.format  # type: ignore[attr-defined]
        self.session = Session(Settings(persona_id=persona.id))
        self.events: list[dict[str, Any]] = []
        self._messages: asyncio.Queue[str | None] = asyncio.Queue()
        self._connection = Connection(
            self.served, self.session, persona, inside.sam, self.session.receive, self._take  # type: ignore[arg-type]
        )  # fmt: skip

    def send(self, kind: str, **fields: Any) -> None:
        self._messages.put_nowait(json.dumps({"type": kind, **fields}))

    def says(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        self.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        self.send("response.create")

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    @asynccontextmanager
    async def there(self) -> AsyncIterator[None]:
        running = asyncio.create_task(self._connection.run(self._sent()))
        try:
            await asyncio.sleep(0)
            yield
        finally:
            self._messages.put_nowait(None)
            await running

    async def _sent(self) -> AsyncIterator[str]:
        while (message := await self._messages.get()) is not None:
            yield message

    def _take(self, event: ServerEvent) -> None:
        self.events.append(strictly_parsed(event))


def calls(house: Inside, *replies: str) -> None:
    """What the personas say, one after the other."""
    lines = iter(replies)
    house.reply = lambda prompt: [f" {word}" for word in next(lines).split()]


@asynccontextmanager
async def somebody_asks(persona: Persona, caller: Caller, house: Inside) -> AsyncIterator[Publisher]:
    """On the page of the room, which leads; the persona has answered, and whom it called may follow up."""
    with caller.served.audience.listening(lambda piece: None) as page:
        led = caller.served.audience.led_by(page)
        text = f"{persona.name} hello"
        asking = asyncio.create_task(house.conversation.text_turn(text, house.sam, publisher=led))
        await played_on(caller.served, house, asking.done)
        yield led


def words_of(response: dict[str, Any]) -> str:
    return str(response["output"][0]["content"][0]["transcript"])


async def test_the_persona_answers_another_one_that_called_it(house: Inside) -> None:
    other = next(p for p in house.room.personas if p.id != "maya")
    caller = Caller(house, house.persona("maya"))
    calls(house, "maya and you", "i like pears")
    async with caller.there():
        # when somebody else asks another persona, which calls the session's own
        async with somebody_asks(other, caller, house) as led:
            following = asyncio.create_task(house.conversation.follow_up(led))
            await played_on(caller.served, house, following.done)

        # then that is a response, from its beginning to its end, with its sound
        (created,) = caller.all("response.created")
        (done,) = caller.all("response.done")
        assert done["response"]["id"] == created["response"]["id"]
        assert done["response"]["status"] == "completed" and words_of(done["response"]) == "i like pears"
        sound = b"".join(base64.b64decode(e["delta"]) for e in caller.all("response.output_audio.delta"))
        report = house.conversation.last_report
        assert report is not None and report.persona == "maya"
        assert len(sound) // 2 == pytest.approx(len(report.pcm) // 2 * 24_000 / report.sample_rate_hz, abs=2)
        assert done["response"]["usage"]["input_tokens"] == report.prompt_tokens


async def test_whom_the_reply_calls_answers_in_the_room_and_the_client_hears_its_own_persona(
    house: Inside,
) -> None:
    other = next(p for p in house.room.personas if p.id != "maya")
    caller = Caller(house, house.persona("maya"))
    calls(house, f"{other.name.lower()} and you", "i like plums")
    async with caller.there():
        caller.says("what do you like")

        await played_on(
            caller.served, house, lambda: any(e.text == "i like plums" for e in house.room.entries)
        )

        assert house.room.entries[-1].speaker_id == other.id
        (done,) = caller.all("response.done")
        assert words_of(done["response"]) == f"{other.name.lower()} and you"


async def test_a_client_has_one_response_at_a_time(house: Inside) -> None:
    """Given a response under way, when its persona is called, then that reply is heard in the room alone."""
    other = next(p for p in house.room.personas if p.id != "maya")
    caller = Caller(house, house.persona("maya"))
    calls(house, "maya and you", "i like pears", "it is late")
    async with caller.there():
        async with somebody_asks(other, caller, house) as led:
            caller.session.unasked()
            following = asyncio.create_task(house.conversation.follow_up(led))
            await played_on(caller.served, house, following.done)

        assert house.counters.get("replies_not_overheard_total") == 1
        caller.send("input_audio_buffer.clear")
        await played_on(caller.served, house, lambda: bool(caller.all("input_audio_buffer.cleared")))
        assert len(caller.all("response.created")) == 1 and not caller.all("response.done")


async def test_a_client_may_stop_what_it_overhears(house: Inside) -> None:
    other = next(p for p in house.room.personas if p.id != "maya")
    caller = Caller(house, house.persona("maya"))
    calls(house, "maya and you", "i like pears and plums and apples and bread and tea")
    async with caller.there():
        async with somebody_asks(other, caller, house) as led:
            following = asyncio.create_task(house.conversation.follow_up(led))
            await played_on(caller.served, house, lambda: bool(caller.all("response.output_audio.delta")))
            caller.send("response.cancel")
            await played_on(caller.served, house, following.done)

        assert following.cancelled()
        (done,) = caller.all("response.done")
        assert done["response"]["status"] == "cancelled"
        assert done["response"]["status_details"]["reason"] == "client_cancelled"


async def test_a_client_that_goes_stops_the_answer_to_its_persona_in_the_room(house: Inside) -> None:
    other = next(p for p in house.room.personas if p.id != "maya")
    caller = Caller(house, house.persona("maya"))
    calls(house, f"{other.name.lower()} and you", "i like pears and plums and apples and bread and tea")
    cleared: list[int] = []
    heard: list[int] = []
    with (
        house.happenings.told_to(lambda e: cleared.append(e.turn_id) if isinstance(e, Cleared) else None),
        caller.served.audience.listening(lambda piece: heard.append(piece.turn_id)),
    ):
        async with caller.there():
            caller.says("what do you like")
            await played_on(caller.served, house, lambda: 2 in heard)

    assert cleared == [2]
    report = house.conversation.last_report
    assert report is not None and (report.persona, report.outcome) == (other.id, "interrupted")
