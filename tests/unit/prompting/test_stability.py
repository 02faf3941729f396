"""What breaks prefix reuse in practice (DESIGN 5), as far as a prompt can break it.

5 to 8 (slots, context size, adapters, hybrid models) are inference's, under tests/unit/inference.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from msgspec.structs import replace
from tests.unit.prompting.views import FORMATS, NANO, a_view, all_bytes, shared_bytes, stable_bytes

from sensorium.clock import ManualClock
from sensorium.errors import UnstableSource
from sensorium.prompting.cache import CompositionCache
from sensorium.prompting.compose import compose
from sensorium.prompting.sources import SOURCES
from sensorium.prompting.tiers import Parts, Source
from sensorium.prompting.view import Tool, View
from sensorium.request import Block, Part, Scope, Tier

_request_ids = itertools.count()


def _source(name: str, tier: Tier, text: Callable[[View], str]) -> Source:
    def parts(view: View, _format: object) -> list[Parts]:
        return [(Part(text(view)),)]

    return Source(name, tier, Scope.PERSONA, parts)


# -- 1. identity before the shared tool schemas ------------------------------------------------------------


@pytest.mark.parametrize("prompt_format", FORMATS)
def test_all_personas_share_rules_tools_and_recipe_up_to_their_names(prompt_format) -> None:
    tools = tuple(Tool(name=f"tool{i}", description="does something long " * 9) for i in range(50))
    prompts = [compose(replace(a_view(n), tools=tools), prompt_format) for n in ("Maya", "Sam", "Zoe", "Ole")]
    heads = {shared_bytes(p) for p in prompts}
    assert len(heads) == 1
    (head,) = heads
    assert len(head) > 5_000
    assert all(all_bytes(p).startswith(head) for p in prompts)
    assert len({p.invariant_sha256() for p in prompts}) == 4


# -- 2. a clock, a presence list or a request id inside a stable tier --------------------------------------

MOMENTS = {
    "clock": lambda view: f"it is {view.wall_s}",
    "presence": lambda view: f"here are {view.people_here}",
    "request_id": lambda view: f"request {next(_request_ids)}",
    "memory": lambda view: f"you remember {view.memories}",
    "percept": lambda view: f"you see {view.percepts}",
    "question": lambda view: f"asked {view.newest and view.newest.text}",
    "length": lambda view: f"{len(view.history)} entries so far",
}


@pytest.mark.parametrize("name", MOMENTS)
def test_the_guard_names_a_stable_source_that_carries_the_moment(name: str) -> None:
    source = _source(name, Tier.INVARIANT, MOMENTS[name])
    with pytest.raises(UnstableSource, match=f"source '{name}' declares INVARIANT"):
        compose(a_view(), NANO, (*SOURCES, source))


@pytest.mark.parametrize("name", MOMENTS)
def test_the_same_source_is_welcome_in_the_volatile_tier(name: str) -> None:
    prompt = compose(a_view(), NANO, (*SOURCES, _source(name, Tier.VOLATILE, MOMENTS[name])))
    assert prompt.blocks[-1].source == name
    assert stable_bytes(prompt) == stable_bytes(compose(a_view(), NANO))


def test_the_cache_refuses_it_as_well() -> None:
    cache = CompositionCache(
        ManualClock(), sources=(*SOURCES, _source("clock", Tier.INVARIANT, MOMENTS["clock"]))
    )
    for _ in range(2):
        with pytest.raises(UnstableSource, match="'clock'"):
            cache.compose(a_view(), NANO)


# -- 3. memories re-scored inside the stable head ----------------------------------------------------------


@pytest.mark.parametrize("prompt_format", FORMATS)
def test_memories_in_another_order_leave_the_stable_tiers_alone(prompt_format) -> None:
    view = replace(a_view(), memories=("rex is a dog", "joe likes tea", "it rained"))
    before = compose(view, prompt_format)
    after = compose(replace(view, memories=view.memories[::-1]), prompt_format)
    assert stable_bytes(before) == stable_bytes(after)
    assert before.tier_bytes(Tier.VOLATILE) != after.tier_bytes(Tier.VOLATILE)


def test_memories_inside_the_growing_tier_are_refused() -> None:
    def remembered(view: View, _format: object) -> list[Parts]:
        return [(Part(e.text),) for e in view.history] + [(Part(m),) for m in sorted(view.memories)]

    sources = [s for s in SOURCES if s.name != "conversation"]
    with pytest.raises(UnstableSource, match="'remembered' declares SEMI_STABLE"):
        compose(a_view(), NANO, (*sources, Source("remembered", Tier.SEMI_STABLE, Scope.PERSONA, remembered)))


# -- 4. stable and volatile text glued into one message ----------------------------------------------------


@pytest.mark.parametrize("prompt_format", FORMATS)
def test_the_stable_tiers_are_a_byte_prefix_and_end_at_a_boundary_of_their_own(prompt_format) -> None:
    prompt = compose(a_view(), prompt_format)
    assert all_bytes(prompt) == stable_bytes(prompt) + prompt.tier_bytes(Tier.VOLATILE)
    last_stable = prompt.stable().blocks[-1]
    assert last_stable.parts[-len(prompt_format.event.close) :] == prompt_format.parts(
        prompt_format.event.close
    )


@pytest.mark.parametrize("prompt_format", FORMATS)
def test_a_text_that_moves_never_shares_a_part_with_one_that_stays(prompt_format) -> None:
    view = a_view()
    later = replace(view, wall_s=view.wall_s + 60, memories=("other",), percepts=(), newest=None)
    one, two = compose(view, prompt_format), compose(later, prompt_format)
    assert one.stable() == two.stable()
    assert all(block.tier is not Tier.VOLATILE for block in one.stable().blocks)


def test_a_source_that_glues_the_newest_message_to_the_last_entry_is_refused() -> None:
    def glued(view: View, _format: object) -> list[Parts]:
        lines = [e.text for e in (*view.history, *((view.newest,) if view.newest else ()))]
        return [(Part("\n".join(lines)),)]

    sources = [s for s in SOURCES if s.name not in ("conversation", "newest")]
    with pytest.raises(UnstableSource, match="'glued'"):
        compose(a_view(), NANO, (*sources, Source("glued", Tier.SEMI_STABLE, Scope.PERSONA, glued)))


def test_a_source_cannot_lie_about_the_tier_of_its_blocks() -> None:
    def parts(_view: View, _format: object) -> list[Parts]:
        return [(Part("x"),)]

    (block,) = Source("odd", Tier.VOLATILE, Scope.SHARED, parts).render(a_view(), NANO)
    assert block == Block(Tier.VOLATILE, Scope.SHARED, "odd", (Part("x"),))
