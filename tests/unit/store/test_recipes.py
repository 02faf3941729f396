"""Given recipes, when they are put, then they come back, and a wrong one does not."""

from __future__ import annotations

import pytest

from sensorium.errors import BadInput, NotFound
from sensorium.recipe import Recipe
from sensorium.request import Sampling
from sensorium.store import recipes
from sensorium.store.store import Store


def test_a_recipe_comes_back_and_may_be_replaced(store: Store) -> None:
    quiet = Recipe(
        name="quiet", text="say little .", max_reply_tokens=8, sampling=Sampling(temperature=0.5, seed=3)
    )
    store.submit(recipes.put, quiet).result()
    assert store.read(recipes.get, "Quiet").result() == quiet
    store.submit(recipes.put, Recipe(name="quiet")).result()
    assert store.read(recipes.all_of).result() == [Recipe(), Recipe(name="quiet")]


def test_a_wrong_or_unknown_recipe_is_refused(store: Store) -> None:
    with pytest.raises(BadInput):
        store.submit(recipes.put, Recipe(name="Quiet!")).result()
    with pytest.raises(NotFound, match="recipe"):
        store.read(recipes.get, "loud").result()
