from __future__ import annotations

import random

import pytest

from sensorium.prompting.sources import SOURCES
from sensorium.prompting.tiers import ORDER, Source, arranged
from sensorium.request import Scope, Tier


def _nothing(*_: object) -> tuple[()]:
    return ()


def test_every_source_is_in_the_table_and_comes_in_its_order() -> None:
    assert tuple(s.name for s in SOURCES) == ORDER


def test_order_does_not_depend_on_who_registered_first() -> None:
    shuffled = list(SOURCES)
    random.Random(7).shuffle(shuffled)
    assert arranged(shuffled) == SOURCES


def test_shared_sources_come_before_a_persona_s_own() -> None:
    invariant = [s.scope for s in SOURCES if s.tier is Tier.INVARIANT]
    assert invariant == sorted(invariant)
    assert Scope.SHARED in invariant and Scope.PERSONA in invariant


def test_an_unknown_source_comes_after_the_known_ones_of_its_tier() -> None:
    extra = Source("aaa", Tier.INVARIANT, Scope.SHARED, _nothing)
    names = [s.name for s in arranged((extra, *SOURCES))]
    assert names.index("aaa") == names.index("recipe") + 1


def test_two_sources_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="one name"):
        arranged((*SOURCES, SOURCES[0]))


def test_only_the_conversation_may_grow() -> None:
    with pytest.raises(ValueError, match="only one source can grow"):
        arranged((*SOURCES, Source("diary", Tier.SEMI_STABLE, Scope.PERSONA, _nothing)))
