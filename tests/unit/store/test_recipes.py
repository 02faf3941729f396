"""Given recipes that ship and the user's own, when they are put, used and removed, then none is lost."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from sensorium.errors import BadInput, NotFound
from sensorium.recipe import Budgets, Recipe
from sensorium.request import Sampling
from sensorium.store import recipes, rooms
from sensorium.store.store import Store

QUIET = Recipe(
    name="quiet",
    text="Say little.",
    budgets=Budgets(max_reply_tokens=8),
    sampling=Sampling(temperature=0.5, seed=3),
)


def names(store: Store) -> list[str]:
    return [recipe.name for recipe in store.read(recipes.all_of).result()]


def test_a_recipe_comes_back_and_may_be_replaced(store: Store) -> None:
    store.submit(recipes.add, QUIET).result()
    assert store.read(recipes.get, "Quiet").result() == QUIET
    with pytest.raises(BadInput, match="already"):
        store.submit(recipes.add, Recipe(name="quiet")).result()
    store.submit(recipes.put, Recipe(name="quiet")).result()
    assert store.read(recipes.get, "quiet").result() == Recipe(name="quiet")
    assert names(store) == ["circle", "default", "quiet", "salon", "stand-up"]
    assert store.read(recipes.own).result() == ["quiet"]


def test_a_wrong_or_unknown_recipe_is_refused(store: Store) -> None:
    with pytest.raises(BadInput):
        store.submit(recipes.put, Recipe(name="Quiet!")).result()
    with pytest.raises(NotFound, match="recipe") as caught:
        store.read(recipes.get, "stand up").result()
    assert caught.value.remedy == "did you mean 'stand-up'?"


def test_what_ships_is_there_and_lies_in_no_store(store: Store) -> None:
    assert store.read(recipes.own).result() == []
    salon = recipes.shipped()["salon"]
    store.submit(rooms.set_recipe, "living-room", "Salon").result()
    assert store.read(rooms.get, "living-room").result().recipe == salon
    assert store.read(recipes.own).result() == []  # it is used as it ships
    with pytest.raises(BadInput, match="already"):
        store.submit(recipes.add, replace(salon, about="mine")).result()


def test_a_users_own_wins_and_what_ships_comes_back(store: Store) -> None:
    mine = replace(recipes.shipped()["salon"], about="mine")
    store.submit(rooms.set_recipe, "living-room", "salon").result()
    store.submit(recipes.put, mine).result()
    assert store.read(rooms.get, "living-room").result().recipe == mine
    # given anew it is still the user's
    store.submit(rooms.set_recipe, "living-room", "salon").result()
    assert store.read(rooms.get, "living-room").result().recipe == mine
    with pytest.raises(BadInput, match="living-room"):
        store.submit(recipes.remove, "salon").result()
    store.submit(rooms.set_recipe, "living-room", "default").result()
    store.submit(recipes.remove, "salon").result()
    assert store.read(recipes.get, "salon").result() == recipes.shipped()["salon"]
    with pytest.raises(BadInput, match="comes with sensorium"):
        store.submit(recipes.remove, "salon").result()


def test_a_recipe_is_removed_when_no_room_uses_it(store: Store) -> None:
    store.submit(recipes.put, QUIET).result()
    store.submit(rooms.create, "kitchen", at_s=1.0, recipe="quiet").result()
    assert store.read(recipes.used_by, "quiet").result() == ["kitchen"]
    with pytest.raises(BadInput, match="kitchen") as caught:
        store.submit(recipes.remove, "quiet").result()
    assert "sensorium room recipe kitchen default" in caught.value.remedy
    store.submit(rooms.remove, "kitchen").result()
    store.submit(recipes.remove, "QUIET").result()
    assert "quiet" not in names(store)


def test_a_room_of_an_unknown_recipe_keeps_its_own(store: Store) -> None:
    with pytest.raises(NotFound):
        store.submit(rooms.set_recipe, "living-room", "loud").result()
    with pytest.raises(NotFound):
        store.submit(rooms.set_recipe, "cellar", "salon").result()
    assert store.read(rooms.get, "living-room").result().recipe == Recipe()
