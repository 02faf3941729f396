"""Given an empty store, when it is filled, then it holds the fourteen who ship."""

from __future__ import annotations

from sensorium.persona import VoiceRef, check, slot_hint
from sensorium.recipe import Recipe
from sensorium.store import personas, recipes, rooms, seed
from sensorium.store.store import Store


def test_fourteen_distinct_personas_ship_maya_first() -> None:
    shipped = seed.shipped_personas()
    assert len(shipped) == 14
    assert shipped[0].id == "maya"
    assert [check(p) for p in shipped] == shipped
    assert len({p.voice for p in shipped}) == 14
    assert len({p.description for p in shipped}) == 14
    assert all(len(p.facts) >= 3 for p in shipped)
    assert len({slot_hint(p.id) for p in shipped}) == 14
    assert all(p.voice_ref == VoiceRef(p.id) for p in shipped)


def test_a_new_store_holds_them_and_its_room_is_played_by_the_default_recipe(store: Store) -> None:
    kept = store.read(personas.all_of).result()
    assert kept == sorted(seed.shipped_personas(), key=lambda p: p.id)
    assert store.read(recipes.own).result() == []
    assert store.read(rooms.get, seed.ROOM).result().recipe == Recipe()
