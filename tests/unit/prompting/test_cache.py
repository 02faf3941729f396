from __future__ import annotations

from msgspec.structs import replace
from tests.unit.prompting.views import CHATML, NANO, a_view, replied, said

from sensorium.clock import ManualClock
from sensorium.prompting.cache import TTL_S, CompositionCache
from sensorium.prompting.compose import compose
from sensorium.prompting.format import PromptFormat
from sensorium.prompting.sources import SOURCES
from sensorium.prompting.tiers import Parts, Source
from sensorium.prompting.view import View
from sensorium.request import Tier


class Counted:
    """All sources, counting the entries or calls that each really rendered."""

    def __init__(self) -> None:
        self.calls: dict[str, int] = {}
        self.entries = 0
        self.sources = tuple(s._replace(parts=self._counting(s)) for s in SOURCES)

    def _counting(self, source: Source):
        def parts(view: View, prompt_format: PromptFormat) -> list[Parts]:
            self.calls[source.name] = self.calls.get(source.name, 0) + 1
            if source.tier is Tier.SEMI_STABLE:
                self.entries += len(view.history)
            return list(source.parts(view, prompt_format))

        return parts


def _turns(view: View, count: int) -> list[View]:
    """Consecutive turns of one conversation: each adds the question and its answer to the history."""
    out = []
    for i in range(count):
        question = said(100 + 2 * i, "Joe", f"and {i}?")
        out.append(replace(view, newest=question, wall_s=view.wall_s + 10 * i, memories=(f"memory {i}",)))
        view = replace(
            view, history=(*view.history, question, replied(101 + 2 * i, view.persona.name, "Yes."))
        )
    return out


def test_consecutive_turns_hit_and_give_the_same_prompts() -> None:
    cache = CompositionCache(ManualClock())
    turns = _turns(a_view(), 20)
    for view in turns:
        assert cache.compose(view, NANO) == compose(view, NANO)
    assert cache.stats()["hits"] == 19
    assert cache.stats()["hit_rate"] > 0.8


def test_six_personas_in_turn_each_have_their_own() -> None:
    cache = CompositionCache(ManualClock())
    for i in range(8):
        for name in ("Maya", "Sam", "Zoe", "Ole", "Ida", "Kai"):
            cache.compose(_turns(a_view(name), i + 1)[-1], NANO)
    assert cache.stats()["hit_rate"] > 0.8


def test_a_hit_renders_only_what_is_new() -> None:
    counted = Counted()
    cache = CompositionCache(ManualClock(), sources=counted.sources)
    first, *others = _turns(a_view(), 10)
    cache.compose(first, NANO)
    before, entries_before = dict(counted.calls), counted.entries
    for view in others:
        cache.compose(view, NANO)
    for name in ("begin", "rules", "tools", "recipe", "identity"):
        assert counted.calls[name] == before[name]
    assert counted.entries - entries_before == 2 * len(others)
    assert counted.calls["time"] == before["time"] + len(others)


def test_a_composition_is_made_anew_after_five_minutes() -> None:
    clock = ManualClock()
    cache = CompositionCache(clock)
    cache.compose(a_view(), NANO)
    clock.advance(TTL_S - 1)
    cache.compose(a_view(), NANO)
    clock.advance(1)
    cache.compose(a_view(), NANO)
    assert (cache.stats()["hits"], cache.stats()["misses"], cache.stats()["expired"]) == (1, 2, 1)


def test_events_forget_what_they_name_and_nothing_else() -> None:
    cache = CompositionCache(ManualClock())
    views = [replace(a_view(name), room_id=room) for name in ("Maya", "Sam") for room in ("den", "hall")]
    for view in views:
        cache.compose(view, NANO)
    assert cache.forget(persona_id="maya") == 2
    assert cache.forget(room_id="den") == 1
    assert cache.forget(recipe="other") == 0
    assert cache.forget() == 0
    assert cache.forget(recipe="default") == 1
    assert cache.stats()["compositions"] == 0


def test_an_edited_persona_is_seen_even_if_nobody_said_so() -> None:
    cache = CompositionCache(ManualClock())
    cache.compose(a_view(), NANO)
    edited = replace(a_view(), persona=replace(a_view().persona, facts={"likes": "coffee"}))
    assert cache.compose(edited, NANO) == compose(edited, NANO)
    assert cache.stats()["stale"] == 1


def test_a_history_that_was_cut_or_rewritten_is_seen_even_if_nobody_said_so() -> None:
    cache = CompositionCache(ManualClock())
    view = a_view()
    for history in (view.history, view.history[:2], (*view.history[:1], said(2, "Joe", "hm"))):
        changed = replace(view, history=history)
        assert cache.compose(changed, NANO) == compose(changed, NANO)
    assert cache.stats()["stale"] == 2


def test_another_format_is_another_composition() -> None:
    cache = CompositionCache(ManualClock())
    cache.compose(a_view(), NANO)
    assert cache.compose(a_view(), CHATML) == compose(a_view(), CHATML)


def test_the_least_recently_used_is_dropped_when_full() -> None:
    cache = CompositionCache(ManualClock(), max_compositions=2)
    for name in ("Maya", "Sam", "Maya", "Zoe", "Maya", "Sam"):
        cache.compose(a_view(name), NANO)
    assert cache.stats()["compositions"] == 2
    assert cache.stats()["hits"] == 2
