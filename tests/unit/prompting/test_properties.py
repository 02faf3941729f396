from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.unit.prompting.views import (
    CHATML,
    FORMATS,
    a_view,
    all_bytes,
    batch_digest,
    parts_of,
    shared_bytes,
    specials,
    stable_bytes,
)

from sensorium.clock import ManualClock
from sensorium.history import Entry
from sensorium.persona import Persona
from sensorium.prompting.cache import CompositionCache
from sensorium.prompting.compose import compose
from sensorium.prompting.format import PromptFormat
from sensorium.prompting.view import Tool, View
from sensorium.recipe import Recipe
from sensorium.request import Tier

ROOT = Path(__file__).parents[3]
FEW = settings(max_examples=60, deadline=None)

# Lone surrogates included: what arrives as JSON may hold them.
words = st.text(min_size=1, max_size=20)
names = st.sampled_from(["Maya", "Sam", "Zoë", "Ana Lucía", "joe"])
formats = st.sampled_from(FORMATS)
entries = st.builds(
    Entry,
    id=st.integers(0, 999),
    kind=st.sampled_from(["person", "persona", "event"]),
    text=words,
    speaker_id=st.sampled_from(["maya", "sam", "joe"]),
    speaker_name=names,
)
texts = st.lists(words, max_size=3).map(tuple)
views = st.builds(
    View,
    persona=st.builds(
        Persona,
        id=st.sampled_from(["maya", "sam"]),
        name=names,
        description=words,
        facts=st.dictionaries(st.sampled_from(["likes", "home", "pet_name"]), words, max_size=3),
    ),
    recipe=st.builds(Recipe, text=st.one_of(st.just(""), words)),
    room_id=st.just("den"),
    tools=st.lists(st.builds(Tool, name=words, description=words), max_size=2).map(tuple),
    history=st.lists(entries, max_size=5).map(tuple),
    personas_here=st.lists(names, max_size=3).map(tuple),
    people_here=st.lists(names, max_size=2).map(tuple),
    memories=texts,
    percepts=texts,
    wall_s=st.floats(0, 4e9),
    newest=st.one_of(st.none(), entries),
)


@FEW
@given(views, views, formats)
def test_a_changed_moment_leaves_all_stable_bytes(
    view: View, other: View, prompt_format: PromptFormat
) -> None:
    moved = replace(other, persona=view.persona, recipe=view.recipe, tools=view.tools, history=view.history)
    assert stable_bytes(compose(moved, prompt_format)) == stable_bytes(compose(view, prompt_format))


@FEW
@given(views, views, formats)
def test_a_changed_conversation_leaves_the_invariant_bytes(
    view: View, other: View, prompt_format: PromptFormat
) -> None:
    moved = replace(other, persona=view.persona, recipe=view.recipe, tools=view.tools)
    one, two = compose(view, prompt_format), compose(moved, prompt_format)
    assert one.tier_bytes(Tier.INVARIANT) == two.tier_bytes(Tier.INVARIANT)
    assert one.invariant_sha256() == two.invariant_sha256()


@FEW
@given(views, views, formats)
def test_a_changed_persona_leaves_the_shared_bytes(
    view: View, other: View, prompt_format: PromptFormat
) -> None:
    moved = replace(other, recipe=view.recipe, tools=view.tools)
    head = shared_bytes(compose(view, prompt_format))
    assert shared_bytes(compose(moved, prompt_format)) == head
    assert all_bytes(compose(moved, prompt_format)).startswith(head)


@FEW
@given(views, st.lists(entries, min_size=1, max_size=3), formats)
def test_an_appended_entry_only_appends(view: View, added: list[Entry], prompt_format: PromptFormat) -> None:
    before = compose(view, prompt_format).stable().blocks
    after = compose(replace(view, history=(*view.history, *added)), prompt_format).stable().blocks
    assert after[: len(before)] == before
    assert [b.tier for b in after[len(before) :]] == [Tier.SEMI_STABLE] * len(added)


@FEW
@given(views, st.data(), formats)
def test_text_from_outside_never_becomes_a_special_token(
    view: View, data: st.DataObject, prompt_format: PromptFormat
) -> None:
    token = st.sampled_from(prompt_format.special_tokens)
    evil = data.draw(st.tuples(token, token)).__str__() + "a" + data.draw(token)
    attacked = replace(
        view,
        persona=replace(view.persona, name=evil, description=evil, facts={evil: evil, "likes": evil}),
        recipe=replace(view.recipe, text=evil),
        tools=(Tool(name=evil, description=evil, parameters={evil: evil}),),
        history=tuple(replace(e, text=evil, speaker_name=evil) for e in view.history),
        personas_here=(evil,),
        memories=(evil,),
        percepts=(evil,),
        newest=Entry(id=1, kind="person", text=evil, speaker_id="joe", speaker_name=evil),
    )
    harmless = replace(
        attacked,
        persona=view.persona,
        recipe=replace(view.recipe, text="a"),
        tools=(Tool(name="a"),),
        history=view.history,
        personas_here=("a",),
        memories=("a",),
        percepts=("a",),
        newest=Entry(id=1, kind="person", text="a", speaker_id="joe", speaker_name="a"),
    )
    prompt = compose(attacked, prompt_format)
    assert specials(prompt) == specials(compose(harmless, prompt_format))
    if prompt_format.text_form == "written":
        assert any(evil in p.text and not p.special for p in parts_of(prompt))


@FEW
@given(st.lists(views, min_size=1, max_size=4), formats)
def test_the_cache_gives_the_very_bytes_of_composing(seen: list[View], prompt_format: PromptFormat) -> None:
    cache = CompositionCache(ManualClock())
    for view in seen:
        for cut in range(len(view.history) + 1):
            shorter = replace(view, history=view.history[:cut])
            assert cache.compose(shorter, prompt_format) == compose(shorter, prompt_format)


def test_the_same_bytes_in_another_process_with_another_hash_seed() -> None:
    code = "from tests.unit.prompting.views import batch_digest; print(batch_digest())"
    env = {**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == batch_digest()


def test_the_invariant_bytes_are_those_they_always_were() -> None:
    """Another number here means that every kept prefix of every persona is void: mean it."""
    assert (
        compose(a_view(), CHATML).invariant_sha256()
        == "f1d813b715df7aadc18fd261180f1e3514ace257cc3d9ebe0d690ed4d0fc0f42"
    )
