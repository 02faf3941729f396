"""Given a house, when members come and go, then the room knows who is in it and its conversation says so."""

from __future__ import annotations

import pytest

from sensorium.errors import BadInput, NotFound
from sensorium.persona import Persona
from sensorium.store import messages, people, personas, rooms
from sensorium.store.people import Person
from sensorium.store.rooms import Room
from sensorium.store.store import Store

ROOM = "living-room"


def _members(room: Room) -> list[str]:
    return [p.id for p in room.personas] + [p.id for p in room.people]


def _said(store: Store, room: str = ROOM) -> list[str]:
    return [entry.text for entry in store.read(messages.entries, room, 99).result()]


def test_the_first_room_has_maya_first_five_more_and_sam_and_nothing_was_said(store: Store) -> None:
    room = store.read(rooms.get, "Living-Room").result()
    assert room.personas[0].id == "maya"
    assert len(room.personas) == 6
    assert room.people == (Person(id="sam", name="Sam"),)
    assert _said(store) == []


def test_coming_and_going_are_entries_of_the_conversation(store: Store) -> None:
    joined = store.submit(rooms.join, ROOM, "NORA", at_s=1.0).result()
    assert _members(joined)[6] == "nora"
    left = store.submit(rooms.leave, ROOM, "Nora", at_s=2.0).result()
    assert "nora" not in _members(left)
    assert _said(store) == ["Nora comes in", "Nora leaves"]


def test_a_person_joins_like_a_persona(store: Store) -> None:
    store.submit(people.put, Person(id="joe", name="Joe")).result()
    assert [p.id for p in store.submit(rooms.join, ROOM, "joe", at_s=1.0).result().people] == ["sam", "joe"]
    assert [p.id for p in store.submit(rooms.leave, ROOM, "sam", at_s=1.0).result().people] == ["joe"]


def test_a_guest_is_known_as_one_until_they_leave(store: Store) -> None:
    store.submit(people.put, Person(id="joe", name="Joe")).result()
    store.submit(rooms.join, ROOM, "joe", at_s=1.0, guest=True).result()
    assert store.read(rooms.guests, ROOM).result() == ["joe"]
    store.submit(rooms.leave, ROOM, "joe", at_s=2.0).result()
    # and whoever comes to stay is none
    store.submit(rooms.join, ROOM, "joe", at_s=3.0).result()
    assert store.read(rooms.guests, ROOM).result() == []


def test_who_is_there_cannot_come_again_and_who_is_not_cannot_go(store: Store) -> None:
    with pytest.raises(BadInput, match="already"):
        store.submit(rooms.join, ROOM, "maya", at_s=1.0).result()
    with pytest.raises(NotFound, match="member of living-room"):
        store.submit(rooms.leave, ROOM, "nora", at_s=1.0).result()
    with pytest.raises(NotFound) as caught:
        store.submit(rooms.join, ROOM, "norra", at_s=1.0).result()
    assert "nora" in caught.value.remedy
    assert _said(store) == []


def test_a_room_holds_fourteen_personas(store: Store) -> None:
    here = _members(store.read(rooms.get, ROOM).result())
    for persona in store.read(personas.all_of).result():
        if persona.id not in here:
            store.submit(rooms.join, ROOM, persona.id, at_s=1.0).result()
    store.submit(personas.add, Persona(id="fifteenth", name="Fifteenth")).result()
    with pytest.raises(BadInput, match="full"):
        store.submit(rooms.join, ROOM, "fifteenth", at_s=1.0).result()


def test_a_room_is_created_listed_and_removed_with_its_conversation(store: Store) -> None:
    store.submit(rooms.create, "kitchen", at_s=3.0).result()
    store.submit(rooms.join, "kitchen", "maya", at_s=4.0).result()
    assert [room.id for room in store.read(rooms.all_of).result()] == ["kitchen", ROOM]
    assert store.read(rooms.of_persona, "maya").result() == ["kitchen", ROOM]
    store.submit(rooms.remove, "Kitchen").result()
    assert _said(store, "kitchen") == []
    assert store.read(rooms.of_persona, "maya").result() == [ROOM]


def test_a_room_like_another_has_its_personas_first_and_then_others(store: Store) -> None:
    first = [p.id for p in store.read(rooms.get, ROOM).result().personas]
    small = store.submit(rooms.create_like, ROOM, "small", "sam", 3, at_s=1.0).result()
    large = store.submit(rooms.create_like, ROOM, "large", "sam", 14, at_s=1.0).result()
    assert _members(small) == [*first[:3], "sam"]
    assert _members(large)[:6] == first and len(set(_members(large))) == 15


@pytest.mark.parametrize(("room_id", "named"), [("Kitchen!", "usable"), ("", "usable"), (ROOM, "already")])
def test_an_unusable_or_taken_room_id_is_refused(store: Store, room_id: str, named: str) -> None:
    with pytest.raises(BadInput, match=named):
        store.submit(rooms.create, room_id, at_s=1.0).result()


def test_a_room_of_an_unknown_recipe_or_name_is_refused(store: Store) -> None:
    with pytest.raises(NotFound, match="recipe"):
        store.submit(rooms.create, "kitchen", at_s=1.0, recipe="defualt").result()
    with pytest.raises(BadInput, match="80"):
        store.submit(rooms.create, "kitchen", at_s=1.0, name="x" * 81).result()
    with pytest.raises(NotFound) as caught:
        store.read(rooms.get, "livin-room").result()
    assert ROOM in caught.value.remedy
