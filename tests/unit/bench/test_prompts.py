"""The evening that benches ask: sizes to the token, the same for every variant, in tiers."""

from __future__ import annotations

import pytest

from sensorium.bench.prompts import Load, Turn, evening, tokenized

LOAD = Load(personas=4, prompt_tokens=1000, shared_tokens=300, turns=3)


@pytest.fixture(scope="module")
def turns() -> list[Turn]:
    return list(evening(LOAD))


def test_everybody_is_asked_once_before_anybody_twice(turns: list[Turn]) -> None:
    first = turns[: LOAD.personas]

    assert {t.persona_id for t in first} == set(LOAD.persona_ids)
    assert [t.is_first for t in turns] == [True] * LOAD.personas + [False] * LOAD.personas * (LOAD.turns - 1)


def test_every_first_prompt_has_the_size_that_was_asked_for(turns: list[Turn]) -> None:
    sizes = {len(tokenized(t.prompt).ids) for t in turns if t.is_first}

    assert sizes == {LOAD.prompt_tokens}


def test_no_prompt_is_longer_than_the_load_says(turns: list[Turn]) -> None:
    longest = max(len(tokenized(t.prompt).ids) for t in turns)

    assert LOAD.prompt_tokens < longest <= LOAD.longest_prompt


def test_prompts_share_the_head_and_nothing_behind_it(turns: list[Turn]) -> None:
    one, other = (list(tokenized(t.prompt).ids) for t in turns[:2])
    shared = next(i for i, (a, b) in enumerate(zip(one, other, strict=True)) if a != b)

    assert LOAD.shared_tokens <= shared < LOAD.shared_tokens + 10


def test_what_was_settled_is_the_beginning_of_the_next_prompt(turns: list[Turn]) -> None:
    settled: dict[str, list[int]] = {}

    for turn in turns:
        ids = list(tokenized(turn.prompt).ids)
        if not turn.is_first:
            before = settled[turn.persona_id]
            assert ids[: len(before)] == before
            assert len(ids) - len(before) == LOAD.volatile_tokens
        settled = {p.persona_id: list(tokenized(p).ids) for p in turn.settles}


def test_only_those_who_were_asked_are_settled(turns: list[Turn]) -> None:
    """A first turn must pay for itself, or the count of first turns would be a lie."""
    asked: set[str] = set()

    for turn in turns:
        asked.add(turn.persona_id)
        assert {p.persona_id for p in turn.settles} == asked


def test_the_same_seed_is_the_same_evening(turns: list[Turn]) -> None:
    assert list(evening(LOAD)) == turns
    assert list(evening(LOAD._replace(seed=2))) != turns
