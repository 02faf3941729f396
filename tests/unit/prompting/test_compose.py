from __future__ import annotations

import weakref
from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.prompting.views import CHATML, FORMATS, NANO, a_view

from sensorium.errors import UnstableSource
from sensorium.prompting.compose import Guard, compose, lay_out
from sensorium.prompting.sources import SOURCES
from sensorium.prompting.tiers import Parts, Source
from sensorium.prompting.view import View
from sensorium.request import Part, Scope, Tier


def test_blocks_come_in_the_documented_order() -> None:
    prompt = compose(a_view(), NANO)
    assert [b.source for b in prompt.blocks] == [
        "begin", "rules", "tools", "recipe", "identity",
        "conversation", "conversation", "conversation", "conversation",
        "memories", "percepts", "percepts", "time", "newest", "reply",
    ]  # fmt: skip
    order = [(b.tier, b.scope) for b in prompt.blocks]
    assert order == sorted(order)


@pytest.mark.parametrize("prompt_format", FORMATS)
def test_laying_out_without_the_guard_gives_the_same_prompt(prompt_format) -> None:
    assert lay_out(a_view(), prompt_format) == compose(a_view(), prompt_format)


def test_a_bare_view_still_ends_with_the_opening_of_the_reply() -> None:
    bare = replace(a_view(), tools=(), history=(), memories=(), percepts=(), newest=None)
    prompt = compose(replace(bare, personas_here=(), people_here=()), NANO)
    assert [b.source for b in prompt.blocks] == ["begin", "rules", "recipe", "identity", "time", "reply"]
    assert prompt.blocks[-1].parts == NANO.reply_open()


def test_what_was_said_becomes_history_in_the_same_bytes() -> None:
    """So that a settled turn is found again by the next one."""
    view = a_view()
    newest = next(b for b in compose(view, NANO).blocks if b.source == "newest")
    later = compose(replace(view, history=(*view.history, view.newest), newest=None), NANO)
    assert [b for b in later.blocks if b.source == "conversation"][-1].to_bytes() == newest.to_bytes()


def test_the_guard_looks_once_at_each_text() -> None:
    calls = 0

    def counted(_view: View, _format: object) -> list[Parts]:
        nonlocal calls
        calls += 1
        return [(Part("always the same"),)]

    guard = Guard()
    source = Source("counted", Tier.INVARIANT, Scope.SHARED, counted)
    for _ in range(5):
        guard.render(source, a_view(), NANO)
    assert calls == 5 + 1


def test_the_guard_forgets_the_oldest_text_first() -> None:
    guard = Guard(max_remembered=1)
    for name in ("Maya", "Sam", "Maya"):
        guard.render(SOURCES[4], a_view(name), CHATML)
    assert len(guard._found_stable) == 1


def test_the_guard_keeps_no_text_alive() -> None:
    """Given a text rendered by the guard, when nobody else has it any more, then it is gone."""
    kept: list[weakref.ref[Any]] = []

    class Text(str):
        pass

    def fresh(_view: View, _format: object) -> list[Parts]:
        text = Text("a long conversation")
        kept.append(weakref.ref(text))
        return [(Part(text),)]

    guard = Guard()
    guard.render(Source("fresh", Tier.INVARIANT, Scope.SHARED, fresh), a_view(), NANO)
    assert len(kept) == 2 and not any(text() for text in kept)


def test_an_entry_rendered_by_its_neighbours_is_refused() -> None:
    def numbered(view: View, _format: object) -> list[Parts]:
        return [(Part(f"{i} of {len(view.history)}: {e.text}"),) for i, e in enumerate(view.history)]

    sources = [s for s in SOURCES if s.name != "conversation"]
    with pytest.raises(UnstableSource, match="'numbered'"):
        compose(a_view(), NANO, (*sources, Source("numbered", Tier.SEMI_STABLE, Scope.PERSONA, numbered)))
