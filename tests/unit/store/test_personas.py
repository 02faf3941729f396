"""Given personas in the store, when they are looked up, then case does not matter and ids are unique."""

from __future__ import annotations

import pytest

from sensorium.errors import BadInput, NotFound
from sensorium.persona import Persona, Voice
from sensorium.store import people, personas, rooms
from sensorium.store.people import Person
from sensorium.store.store import Store

ZOE = Persona(
    id="zoe",
    name="Zoé",
    description="Hums.",
    facts={"likes": "bells"},
    voice=Voice(pitch=3),
    voice_adapter_id=f"warm@{'ab' * 32}",
)


def test_a_persona_comes_back_as_it_was_added_by_id_and_by_name(store: Store) -> None:
    store.submit(personas.add, ZOE).result()
    assert store.read(personas.get, "ZOE").result() == ZOE
    assert store.read(personas.get, " zoé ").result() == ZOE


def test_a_name_that_two_have_is_no_address(store: Store) -> None:
    for persona_id in ("ann-a", "ann-b"):
        store.submit(personas.add, Persona(id=persona_id, name="Ann")).result()
    with pytest.raises(NotFound):
        store.read(personas.get, "ann").result()


def test_an_unknown_persona_suggests_the_nearest(store: Store) -> None:
    with pytest.raises(NotFound) as caught:
        store.read(personas.get, "mya").result()
    assert caught.value.remedy == "did you mean 'maya'?"


def test_an_id_is_taken_once_by_personas_and_people_together(store: Store) -> None:
    with pytest.raises(BadInput, match="already"):
        store.submit(personas.add, Persona(id="maya", name="Maya")).result()
    with pytest.raises(BadInput, match="person's id"):
        store.submit(personas.add, Persona(id="sam", name="Sam")).result()
    with pytest.raises(BadInput, match="persona's id"):
        store.submit(people.put, Person(id="maya", name="Maya")).result()


def test_what_a_room_could_not_hold_is_refused(store: Store) -> None:
    with pytest.raises(BadInput, match="id"):
        store.submit(personas.put, Persona(id="Bad Id", name="x")).result()


def test_a_persona_in_a_room_is_not_removed(store: Store) -> None:
    with pytest.raises(BadInput, match="living-room"):
        store.submit(personas.remove, "maya").result()
    store.submit(rooms.leave, "living-room", "maya", at_s=1.0).result()
    assert store.submit(personas.remove, "Maya").result().id == "maya"


def test_people_are_put_renamed_and_refused(store: Store) -> None:
    store.submit(people.put, Person(id="joe", name="Joe")).result()
    store.submit(people.put, Person(id="joe", name="Joseph")).result()
    assert store.read(people.get, "JOE").result() == Person(id="joe", name="Joseph")
    assert [p.id for p in store.read(people.all_of).result()] == ["joe", "sam"]
    for wrong in (Person(id="", name="x"), Person(id="x", name=" "), Person(id="x", name="n" * 41)):
        with pytest.raises(BadInput):
            store.submit(people.put, wrong).result()
    with pytest.raises(NotFound):
        store.read(people.get, "jo").result()
