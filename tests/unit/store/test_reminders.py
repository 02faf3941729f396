"""What tools want said later: kept in order, given to one, forgotten by tool, gone with the room."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensorium.errors import BadInput
from sensorium.store import reminders, rooms
from sensorium.store.reminders import MAX_OF_ROOM
from sensorium.store.store import Store

ROOM = "living-room"


@pytest.fixture
def opened(tmp_path: Path):
    with Store.open(tmp_path / "s.db") as store:
        yield store


def change(store: Store, *added: tuple[float, str], tool: str = "timer", forget: bool = False) -> None:
    store.submit(reminders.change, ROOM, "maya", tool, added, forget=forget).result()


def waiting(store: Store) -> list[tuple[str, str]]:
    return [(r.tool, r.text) for r in store.read(reminders.pending, ROOM).result()]


def test_they_wait_in_the_order_of_their_time_also_in_the_next_process(tmp_path: Path) -> None:
    with Store.open(tmp_path / "s.db") as store:
        change(store, (20.0, "later"), (10.0, "soon"))
    with Store.open(tmp_path / "s.db") as store:
        assert waiting(store) == [("timer", "soon"), ("timer", "later")]


def test_each_is_given_to_one(opened: Store) -> None:
    change(opened, (10.0, "soon"))
    reminder = opened.read(reminders.pending, ROOM).result()[0]
    claims = [opened.submit(reminders.claim, reminder.id) for _ in range(3)]
    assert sorted(claim.result() for claim in claims) == [False, False, True]
    assert waiting(opened) == []


def test_a_tool_forgets_only_its_own(opened: Store) -> None:
    change(opened, (1.0, "a"))
    change(opened, (2.0, "b"), tool="other")
    change(opened, (3.0, "c"), forget=True)
    assert waiting(opened) == [("other", "b"), ("timer", "c")]


def test_too_many_are_refused_and_none_is_added(opened: Store) -> None:
    change(opened, *((float(i), "x") for i in range(MAX_OF_ROOM)))
    with pytest.raises(BadInput, match="wait to be said"):
        change(opened, (1.0, "one more"))
    assert len(waiting(opened)) == MAX_OF_ROOM


def test_they_go_with_their_room(opened: Store) -> None:
    change(opened, (1.0, "a"))
    opened.submit(rooms.remove, ROOM).result()
    assert waiting(opened) == []
