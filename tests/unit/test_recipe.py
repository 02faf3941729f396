from __future__ import annotations

import pytest
from msgspec.structs import replace

from sensorium.errors import BadInput
from sensorium.recipe import Recipe, check, from_toml, to_toml
from sensorium.request import Sampling

FULL = Recipe(
    name="quiz",
    text='Say "yes".\nOr \x7f no.',
    floor="round_robin",
    max_reply_tokens=12,
    sampling=Sampling(temperature=0.7, top_k=40, seed=3, grammar='root ::= "a"'),
)


@pytest.mark.parametrize("recipe", [Recipe(), FULL])
def test_a_recipe_survives_its_file(recipe: Recipe) -> None:
    assert from_toml(to_toml(recipe), where="x.toml") == recipe


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Bad Name"},
        {"text": "x" * 4_001},
        {"floor": "loudest"},
        {"max_reply_tokens": 0},
        {"max_reply_tokens": 3_000},
        {"sampling": Sampling(temperature=-1.0)},
        {"sampling": Sampling(temperature=float("nan"))},
        {"sampling": Sampling(top_p=1.5)},
        {"sampling": Sampling(seed=-1)},
        {"sampling": Sampling(grammar="x" * 70_000)},
    ],
)
def test_a_recipe_that_cannot_be_followed_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        check(replace(FULL, **change))


@pytest.mark.parametrize(
    "data",
    [
        b"name = ",
        b"\xff\xfe",
        b'name = "a"\nlanguage = "en"',
        b'name = "a"\nfloor = "loudest"',
        b'name = "a"\n[sampling]\ntemprature = 1.0',
        b'name = "a"\nsampling = 3',
        b"#" * 65_000,
    ],
)
def test_a_broken_file_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(BadInput, match=r"x\.toml"):
        from_toml(data, where="x.toml")
