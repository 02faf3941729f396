"""Given a prompt and an invocation, then the adapter acts from there on, and never in a stable tier."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.inference.activation import Activation, AdapterSet
from sensorium.inference.tokenizer import TokenizedPrompt
from sensorium.request import AdapterUse

BASE, VOICE = AdapterSet(), AdapterSet((AdapterUse("v"),), (("v@1", 1.0),))


def activation(ids: list[int], stable: int, *invocation: int) -> Activation:
    return Activation(BASE, VOICE, invocation, TokenizedPrompt(ids, (), 0, 0, stable))


@pytest.mark.parametrize(
    ("ids", "stable", "invocation", "start"),
    [
        ([1, 2, 3, 9], 2, (9,), 3),
        ([1, 2, 9, 3], 2, (9,), 2),
        ([1, 2, 9, 3, 9, 4], 2, (9,), 4),  # the last one counts, as in llama-server
        ([9, 9, 3, 4], 2, (9,), None),  # said long ago, in what all share
        ([1, 8, 9, 3], 1, (8, 9), 1),
        ([1, 8, 9, 3], 2, (8, 9), None),  # half of it is in what all share
        ([8, 9, 8, 8, 9], 0, (8, 9), 3),
        ([], 0, (9,), None),
        ([9], 0, (8, 9), None),
        ([9, 9], 0, (), None),
    ],
)
def test_it_starts_at_the_last_invocation_behind_the_stable_tiers(
    ids: list[int], stable: int, invocation: tuple[int, ...], start: int | None
) -> None:
    acts = activation(ids, stable, *invocation)
    assert acts.start == start
    for position in range(len(ids) + 3):
        assert acts.at(position) is (VOICE if start is not None and position >= start else BASE)


def test_it_starts_at_a_drawn_token_that_completes_the_invocation() -> None:
    acts = activation([1, 2, 8], 2, 8, 9)
    acts.drawn(9, 3)
    assert acts.start == 3
    acts = activation([1, 2, 3], 2, 8, 9)
    for position, token in enumerate([9, 8, 7, 8, 9, 8, 9], 3):
        acts.drawn(token, position)
    assert acts.start == 7  # the first; what was computed is not computed again


@settings(max_examples=200, deadline=None)
@given(
    ids=st.lists(st.integers(0, 2), max_size=12),
    cut=st.integers(0, 12),
    drawn=st.lists(st.integers(0, 2), max_size=6),
    invocation=st.lists(st.integers(0, 2), min_size=1, max_size=3),
)
def test_nothing_stable_is_ever_adapted_and_once_on_it_stays_on(
    ids: list[int], cut: int, drawn: list[int], invocation: list[int]
) -> None:
    stable = min(cut, len(ids))
    acts = activation(ids, stable, *invocation)
    for position, token in enumerate(drawn, len(ids)):
        acts.drawn(token, position)
    on = [acts.at(position) is VOICE for position in range(len(ids) + len(drawn))]
    assert on == sorted(on) and not any(on[:stable])
    tail = ids[stable:] + drawn
    size = len(invocation)
    assert any(on) == any(tail[i : i + size] == invocation for i in range(len(tail) - size + 1))
