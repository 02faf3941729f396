"""Given people who come and go, when their pages connect or vanish, then seats are kept and given up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from tests.unit.front.conftest import House as Inside
from tests.unit.front.test_conversation import until

from sensorium.errors import BadInput
from sensorium.front.audience import Audience
from sensorium.front.report import TurnReport
from sensorium.front.server.hall import Hall
from sensorium.front.server.logs import EventLog
from sensorium.front.server.outbox import Closed, Outbox
from sensorium.front.server.seat import MAX_WAITING_MESSAGES, Seat
from sensorium.store import people
from sensorium.store.people import Person
from sensorium.wire import page
from sensorium.wire.events import Cleared, Message, TurnBegan, TurnEnded

pytestmark = pytest.mark.anyio


class Served:
    """A house as the hall knows it: all real but the workers behind it."""

    def __init__(self, inside: Inside) -> None:
        self.room, self.conversation, self.counters = inside.room, inside.conversation, inside.counters
        self.happenings, self.store = inside.happenings, inside.store
        self.hearing, self.vision = inside.hearing, None
        self.audience = Audience(inside.clock, inside.turns, inside.happenings.tell)

    async def person_called(self, name: str) -> Person:
        return await asyncio.wrap_future(self.store.submit(people.called, name))

    async def come_in(self, person: Person) -> bool:
        if any(here.id == person.id for here in self.room.room.people):
            return False
        await self.room.join(person.id)
        return True

    async def leave(self, name: str) -> None:
        await self.room.leave(name)

    async def turn_text(self, text: str, *, person: str, to: str, publisher: Any) -> TurnReport:
        someone = self.room.person(person)
        return await self.conversation.text_turn(text, someone, to=to, publisher=publisher)

    async def follow_up(self, publisher: Any) -> TurnReport | None:
        return await self.conversation.follow_up(publisher)

    def measured(self) -> dict[str, Any]:
        return {}

    def here(self) -> list[str]:
        return [p.id for p in self.room.room.people]


@pytest.fixture
def served(house: Inside) -> Served:
    return Served(house)


@pytest.fixture
async def hall(served: Served) -> AsyncIterator[Hall]:
    async with Hall(served, EventLog(speech=False), kept_s=0.0) as opened:  # type: ignore[arg-type]
        yield opened


async def come(
    hall: Hall, served: Served, name: str, session: str = "", last: int = 0
) -> tuple[Seat, Outbox]:
    outbox = Outbox(served.counters)
    return await hall.join(page.Join(name, 1, session, last), outbox), outbox


async def played_on(served: Served, house: Inside, condition: Callable[[], bool]) -> None:
    """Lets time pass until it is so; the store writes in a thread of its own."""
    for _ in range(5_000):
        if condition():
            return
        house.clock.advance(0.5)
        served.audience._player._changed.set()
        await asyncio.sleep(0.001)
    raise AssertionError("it never happened")


async def sent(outbox: Outbox) -> list[Any]:
    """Everything that waits for the page; the box is closed by it."""
    outbox.close(Closed(1000, ""))
    decoder, found = page.Decoder(page.ToPage), []
    while (message := await outbox.next()) is not None:
        found.append(decoder.decode(message)[0])
    return found


async def test_a_guest_leaves_with_the_page_and_who_lives_here_stays(
    hall: Hall, served: Served, house: Inside
) -> None:
    for name in ("Alice", "Sam"):
        seat, outbox = await come(hall, served, name)
        assert seat.person.id in served.here()
        hall.lost(seat, outbox)
    await played_on(served, house, lambda: hall._seats == {} and served.here() == ["sam"])


async def test_guests_that_a_crash_left_behind_are_sent_home(served: Served) -> None:
    """Given a guest whose front died, when the room is opened again, then only who lives here is there."""
    gone = await served.person_called("Alice")
    await served.room.join(gone.id, guest=True)
    assert served.here() == ["sam", "alice"]

    async with Hall(served, EventLog(speech=False), kept_s=0.0):  # type: ignore[arg-type]
        assert served.here() == ["sam"]


async def test_a_seat_is_kept_for_a_while(served: Served) -> None:
    async with Hall(served, EventLog(speech=False), kept_s=60.0) as hall:  # type: ignore[arg-type]
        seat, outbox = await come(hall, served, "Alice")
        hall.lost(seat, outbox)
        assert hall.num_connected() == 0 and "alice" in served.here()
        same, _ = await come(hall, served, "whoever", seat.session)
        assert same is seat and hall.num_connected() == 1
        hall.lost(seat, outbox)  # the connection before: nothing to do with this one
        assert hall.num_connected() == 1
    assert served.here() == ["sam"]  # the hall has closed: no guest stays behind


async def test_by_name_a_seat_is_taken_up_only_when_nobody_sits_there(hall: Hall, served: Served) -> None:
    seat, _ = await come(hall, served, "Alice")
    with pytest.raises(BadInput, match="here already"):
        await come(hall, served, "ALICE")
    with pytest.raises(BadInput, match="persona"):
        await come(hall, served, "Maya")
    other, _ = await come(hall, served, "Bob", "no such session")
    assert other is not seat and other.session != seat.session


async def test_a_second_page_takes_the_seat_and_the_first_is_told(hall: Hall, served: Served) -> None:
    seat, first = await come(hall, served, "Alice")
    again, second = await come(hall, served, "Alice", seat.session)
    assert again is seat and first.closed is not None and first.closed.code == 1008
    welcome, *_, trouble = await sent(first)
    assert isinstance(welcome, page.Welcome) and trouble.code == "elsewhere" and trouble.fatal
    assert isinstance((await sent(second))[0], page.Welcome)


async def test_everybody_is_told_everything_in_order_and_history_fills_the_gap(
    hall: Hall, served: Served, house: Inside
) -> None:
    alice, hers = await come(hall, served, "Alice")
    bob, his = await come(hall, served, "Bob")
    alice.handle(page.Say("maya what do you like"), b"")
    await played_on(served, house, lambda: served.conversation.last_report is not None)
    to_alice, to_bob = await sent(hers), await sent(his)
    assert isinstance(to_bob[0], page.Welcome)
    told = [record for record in to_bob[1:] if not isinstance(record, page.Audio)]
    assert told == [record for record in to_alice if not isinstance(record, page.Audio)][-len(told) :]
    assert [type(r) for r in told if isinstance(r, TurnBegan | TurnEnded)] == [TurnBegan, TurnEnded]
    assert next(r for r in to_bob if isinstance(r, page.Audio)).first_sample == 0
    question = next(r for r in told if isinstance(r, Message))
    hall.lost(bob, his)
    _, later = await come(hall, served, "Bob", bob.session, question.entry_id)
    (welcome,) = await sent(later)
    assert [(m.kind, m.text) for m in welcome.history] == [("persona", "i like apples")]


async def test_sound_that_waits_is_dropped_when_the_reply_is_cut_off(hall: Hall, served: Served) -> None:
    _, outbox = await come(hall, served, "Alice")
    turn = 7
    await served.audience.send(turn, bytes(640), 16_000)
    await served.audience.clear(turn)
    kinds = [type(record) for record in await sent(outbox)]
    assert page.Audio not in kinds and kinds[-1] is Cleared


async def test_so_many_messages_wait_and_no_more(hall: Hall, served: Served, house: Inside) -> None:
    seat, outbox = await come(hall, served, "Alice")
    async with served.conversation._one_at_a_time:
        for _ in range(MAX_WAITING_MESSAGES):
            seat.handle(page.Say("maya hello"), b"")
        with pytest.raises(BadInput, match="wait for their answer"):
            seat.handle(page.Say("maya hello"), b"")
        hall.lost(seat, outbox)  # what was said is answered all the same

    def answered() -> bool:
        return sum(entry.kind == "persona" for entry in served.room.entries) == MAX_WAITING_MESSAGES

    await played_on(served, house, answered)


async def test_what_goes_wrong_in_a_turn_is_told_to_who_asked(hall: Hall, served: Served) -> None:
    seat, outbox = await come(hall, served, "Alice")
    for refused in (page.Say("  "), page.Say("hello", "nobody"), page.Frame(1)):
        with pytest.raises(BadInput):
            seat.handle(refused, b"")
    await served.room.leave("alice")
    seat.handle(page.Say("maya hello"), b"")
    await until(lambda: seat._num_waiting == 0)
    for _ in range(3):
        await asyncio.sleep(0)
    assert (await sent(outbox))[-1].code == "not_found"
