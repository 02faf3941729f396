"""Given a recipe, when it goes through its file, then it is the same, and a wrong one is refused by name."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from sensorium.errors import BadInput
from sensorium.recipe import (
    SAMPLING_BOUNDS,
    Budgets,
    FloorRules,
    Recipe,
    Senses,
    check,
    from_toml,
    to_toml,
)
from sensorium.request import Sampling
from sensorium.store.recipes import shipped

DOCS = Path(__file__).parents[2] / "docs" / "recipes.md"
FULL = Recipe(
    name="quiz",
    about="Questions, quick answers.",
    text='Say "yes".\nOr \x7f no.',
    floor=FloorRules(policy="round_robin", follow="chain", max_persona_replies=5, exchange_s=1.5),
    senses=Senses(vision=False),
    budgets=Budgets(max_reply_tokens=12, max_reply_s=2.5),
    sampling=Sampling(temperature=0.7, top_k=40, seed=3, grammar='root ::= "a"'),
)

SECONDS = st.floats(1.0, 600.0)
RECIPES = st.builds(
    Recipe,
    name=st.from_regex(r"[a-z][a-z0-9_-]{0,31}", fullmatch=True),
    about=st.text(max_size=120).filter(str.isprintable),
    text=st.text(max_size=200),
    floor=st.builds(
        FloorRules,
        policy=st.sampled_from(["addressed", "last_speaker", "round_robin"]),
        follow=st.sampled_from(["called", "round", "chain"]),
        max_persona_replies=st.integers(1, 64),
        exchange_s=st.floats(0.0, 3600.0),
    ),
    senses=st.builds(Senses, hearing=st.booleans(), vision=st.booleans(), touch=st.booleans()),
    budgets=st.builds(Budgets, max_reply_tokens=st.integers(1, 2048), max_reply_s=SECONDS),
    sampling=st.builds(
        Sampling,
        **{
            name: st.floats(*bounds) if isinstance(bounds[0], float) else st.integers(*bounds)  # type: ignore[arg-type]
            for name, bounds in SAMPLING_BOUNDS.items()
        },
        grammar=st.text(max_size=50),
    ),
)


@settings(max_examples=100, deadline=None)
@given(RECIPES)
def test_a_recipe_survives_its_file(recipe: Recipe) -> None:
    assert check(recipe) == recipe
    assert from_toml(to_toml(recipe), where="x.toml") == recipe


@pytest.mark.parametrize("recipe", [Recipe(), FULL, *shipped().values()], ids=lambda r: r.name)
def test_so_do_those_that_ship(recipe: Recipe) -> None:
    assert from_toml(to_toml(recipe), where="x.toml") == recipe


def test_what_a_file_leaves_out_is_as_it_always_was() -> None:
    recipe = from_toml(b'name = "a"', where="x.toml")
    assert recipe == Recipe(name="a")
    assert recipe.floor == FloorRules(
        policy="addressed", follow="called", max_persona_replies=2, exchange_s=120
    )
    assert recipe.senses == Senses(hearing=True, vision=True, touch=True)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "Bad Name"}, "name"),
        ({"about": "two\nlines"}, "about"),
        ({"about": "x" * 121}, "about"),
        ({"text": "x" * 4_001}, "text"),
        ({"floor": FloorRules(policy="loudest")}, "floor.policy"),  # type: ignore[arg-type]
        ({"floor": FloorRules(follow="all")}, "floor.follow"),  # type: ignore[arg-type]
        ({"floor": FloorRules(max_persona_replies=0)}, "floor.max_persona_replies"),
        ({"floor": FloorRules(exchange_s=-1.0)}, "floor.exchange_s"),
        ({"floor": FloorRules(exchange_s=float("nan"))}, "floor.exchange_s"),
        ({"budgets": Budgets(max_reply_tokens=0)}, "budgets.max_reply_tokens"),
        ({"budgets": Budgets(max_reply_tokens=3_000)}, "budgets.max_reply_tokens"),
        ({"budgets": Budgets(max_reply_s=float("inf"))}, "budgets.max_reply_s"),
        ({"sampling": Sampling(temperature=-1.0)}, "sampling.temperature"),
        ({"sampling": Sampling(temperature=float("nan"))}, "sampling.temperature"),
        ({"sampling": Sampling(top_p=1.5)}, "sampling.top_p"),
        ({"sampling": Sampling(seed=-1)}, "sampling.seed"),
        ({"sampling": Sampling(grammar="x" * 70_000)}, "sampling.grammar"),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_refused_by_field(change: dict[str, object], field: str) -> None:
    with pytest.raises(BadInput) as caught:
        check(replace(FULL, **change))
    assert caught.value.message.startswith(f"{field}: ")


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"name = ", ""),
        (b"\xff\xfe", ""),
        (b'about = "no name"', "name"),
        (b"name = 3", "name"),
        (b'name = "a"\nlanguage = "en"', "language"),
        (b'name = "a"\nmax_reply_tokens = 8', "max_reply_tokens"),
        (b'name = "a"\nfloor = "addressed"', "floor"),
        (b'name = "a"\n[floor]\npolicy = "loudest"', "floor.policy"),
        (b'name = "a"\n[floor]\npolicy = "addressed"\nmax_replies = 2', "floor.max_replies"),
        (b'name = "a"\n[floor]\nmax_persona_replies = 2.5', "floor.max_persona_replies"),
        (b'name = "a"\n[floor]\nexchange_s = nan', "floor.exchange_s"),
        (b'name = "a"\n[senses]\nhearing = 1', "senses.hearing"),
        (b'name = "a"\n[senses]\nsmell = true', "senses.smell"),
        (b'name = "a"\n[budgets]\nmax_reply_s = "long"', "budgets.max_reply_s"),
        (b'name = "a"\n[sampling]\ntemprature = 1.0', "sampling.temprature"),
        (b'name = "a"\nsampling = 3', "sampling"),
        (b"#" * 65_000, ""),
    ],
)
def test_a_broken_file_is_refused_by_file_and_field(data: bytes, field: str) -> None:
    with pytest.raises(BadInput) as caught:
        from_toml(data, where="x.toml")
    assert caught.value.message.startswith(f"x.toml: {field}")
    assert "\n" not in caught.value.one_line()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 400), st.integers(0, 8))
def test_any_file_is_a_recipe_or_refused_in_one_line(noise: bytes, at: int, cut: int) -> None:
    file = to_toml(FULL)
    for data in (noise, file[:at] + noise + file[at + cut :], b"name = 'a'\nx = " + b"[" * 10_000):
        try:
            check(from_toml(data, where="x.toml"))
        except BadInput as e:
            assert e.message.startswith("x.toml: ") and "\n" not in e.one_line()


def test_a_mistyped_field_suggests_the_nearest() -> None:
    with pytest.raises(BadInput) as caught:
        from_toml(b'name = "a"\n[floor]\npolcy = "addressed"', where="x.toml")
    assert caught.value.remedy == "did you mean 'policy'?"


def test_three_ship_beside_the_default_and_differ() -> None:
    assert sorted(shipped()) == ["circle", "default", "salon", "stand-up"]
    three = [recipe for name, recipe in shipped().items() if name != "default"]
    assert all(recipe.about and recipe.text for recipe in three)
    assert len({(r.floor.policy, r.floor.follow) for r in shipped().values()}) == 4
    files = [e.name for e in (resources.files("sensorium") / "recipes").iterdir()]
    assert sorted(files) == ["circle.toml", "salon.toml", "stand-up.toml"]


def test_the_documented_table_is_what_the_code_has() -> None:
    lines = [line for line in DOCS.read_text().splitlines() if line.startswith("| `")]
    assert lines == _rows()


def test_the_documented_example_is_a_recipe() -> None:
    _, _, rest = DOCS.read_text().partition("```toml\n")
    recipe = from_toml(rest.partition("```")[0].encode(), where="docs/recipes.md")
    assert recipe.name == "quiz" and recipe.text and recipe.floor != FloorRules()


def _rows() -> list[str]:
    schemas = msgspec.json.schema(Recipe)["$defs"]
    found = []
    for name, field in schemas["Recipe"]["properties"].items():
        inner = getattr(Recipe(), name)
        if not isinstance(inner, msgspec.Struct):
            found.append(_row(name, field))
        elif name != "sampling":
            fields = schemas[type(inner).__name__]["properties"]
            found += [_row(f"{name}.{key}", of) for key, of in fields.items()]
    for name, (low, high) in SAMPLING_BOUNDS.items():
        default = msgspec.json.encode(getattr(Sampling(), name)).decode()
        found.append(f"| `sampling.{name}` | `{default}` | {low} to {high} | as llama.cpp has it |")
    return [*found, '| `sampling.grammar` | `""` | text | GBNF with the root rule `root` |']


def _row(name: str, field: dict[str, object]) -> str:
    allowed = {"boolean": "`true`, `false`", "string": "text", "array": "names"}.get(
        str(field.get("type")), ""
    )
    if "minimum" in field:
        allowed = f"{field['minimum']:g} to {field['maximum']:g}"
    elif "enum" in field:
        allowed = ", ".join(f"`{value}`" for value in field["enum"])  # type: ignore[attr-defined]
    elif "maxLength" in field:
        allowed = f"text, at most {field['maxLength']}"
    default = msgspec.json.encode(field["default"]).decode()
    return f"| `{name}` | `{default}` | {allowed} | {field['description']} |"
