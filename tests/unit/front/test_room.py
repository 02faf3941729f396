"""A room as the front keeps it, against a real store."""

from __future__ import annotations

import asyncio

import pytest

from sensorium.clock import ManualClock
from sensorium.errors import NotFound
from sensorium.front.room import RoomState
from sensorium.store import messages
from sensorium.store.people import Person
from sensorium.store.store import Store

pytestmark = pytest.mark.anyio

SAM = Person(id="sam", name="Sam")


async def room_of(store: Store, clock: ManualClock, *, max_chars: int = 3_000) -> RoomState:
    return await RoomState.open(store, "living-room", clock, max_chars=max_chars)


async def test_names_are_found_whatever_their_case(store: Store, clock: ManualClock) -> None:
    room = await room_of(store, clock)

    assert room.persona("MAYA").id == room.persona("maya").id == "maya"
    assert room.person("Sam") == SAM
    with pytest.raises(NotFound, match="no persona in living-room called 'maja'") as caught:
        room.persona("maja")
    assert "maya" in caught.value.remedy


async def test_who_spoke_last_and_how_long_ago(store: Store, clock: ManualClock) -> None:
    room = await room_of(store, clock)
    assert room.now().last_persona_id == ""
    await room.heard(SAM, "maya hello", 1)
    await room.said(room.persona("maya"), "hello sam", 1)
    clock.advance(30.0)
    await room.heard(SAM, "and you", 2)

    now = room.now()
    assert (now.last_persona_id, now.last_spoke_s_ago, now.replied_ids) == ("maya", 30.0, ())
    assert [s.persona_id for s in now.seats] == [p.id for p in room.personas]


async def test_the_conversation_is_found_again_after_a_restart(store: Store, clock: ManualClock) -> None:
    first = await room_of(store, clock)
    await first.heard(SAM, "maya hello", 1)
    await first.said(first.persona("maya"), "hello sam", 1)

    again = await room_of(store, clock)

    assert again.history() == first.history()
    assert again.now() == first.now()


async def test_the_newest_message_is_not_part_of_its_own_history(store: Store, clock: ManualClock) -> None:
    room = await room_of(store, clock)
    await room.heard(SAM, "maya hello", 1)
    settled = room.history()
    newest = await room.heard(SAM, "are you there", 2)
    view = room.view(room.persona("maya"), newest=newest)

    assert view.history == settled
    assert view.newest == newest
    assert view.people_here == ("Sam",) and "Maya" in view.personas_here


async def test_a_long_conversation_is_shown_from_a_point_that_seldom_moves(
    store: Store, clock: ManualClock
) -> None:
    room = await room_of(store, clock, max_chars=1_000)
    starts = []
    for i in range(120):
        await room.heard(SAM, f"message number {i}", i)
        starts.append(room.history()[0].id)

    assert starts == sorted(starts)
    assert 1 < len(set(starts)) <= 12
    assert room.history()[-1].text == "message number 119"


async def test_what_was_only_heard_in_part_is_stored_so(store: Store, clock: ManualClock) -> None:
    room = await room_of(store, clock)
    await room.said(room.persona("maya"), "i like", 3, spoken="i like apples", heard_samples=17)
    kept = (await asyncio.wrap_future(store.read(messages.tail, "living-room", 1)))[0]

    assert (kept.entry.text, kept.spoken, kept.heard_samples, kept.turn_id) == (
        "i like",
        "i like apples",
        17,
        3,
    )


async def test_leaving_and_coming_back_are_entries(store: Store, clock: ManualClock) -> None:
    room = await room_of(store, clock)
    await room.leave("maya")
    assert all(p.id != "maya" for p in room.personas)
    await room.join("maya")

    assert [e.kind for e in room.history()] == ["event", "event"]
    assert room.personas[-1].id == "maya"
    with pytest.raises(NotFound):
        await room.leave("nobody")


async def test_a_persona_tells_the_time_of_this_place(store: Store) -> None:
    room = await room_of(store, ManualClock(utc_offset_s=7_200))
    assert room.view(room.persona("maya")).utc_offset_s == 7_200
