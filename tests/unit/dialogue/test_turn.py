"""A turn's states, and the two promises of a room's turns: ids only grow, one voice at a time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.dialogue.turn import Turns, TurnState

END_STATES = [TurnState.DONE, TurnState.SILENT, TurnState.INTERRUPTED, TurnState.FAILED]


def test_a_turn_speaks_and_is_done() -> None:
    turns = Turns()
    turn = turns.open("maya", "hello maya")

    turns.move(turn, TurnState.SPEAKING)
    assert turns.speaking is turn
    turns.move(turn, TurnState.DONE)

    assert turns.speaking is None
    assert turns.current is None
    assert not turn.is_open


def test_a_second_turn_waits_for_the_end_of_the_first() -> None:
    turns = Turns()
    turns.open("maya", "hello")

    with pytest.raises(ValueError, match="turn 1 is still thinking"):
        turns.open("theo", "hello")


@pytest.mark.parametrize("end", END_STATES)
def test_what_has_ended_never_moves_again(end: TurnState) -> None:
    turns = Turns()
    turn = turns.open("maya", "hello")
    turns.move(turn, end)

    for state in TurnState:
        with pytest.raises(ValueError, match="cannot go"):
            turns.move(turn, state)


def test_a_silent_turn_has_not_spoken() -> None:
    turns = Turns()
    turn = turns.open("maya", "hello")
    turns.move(turn, TurnState.SPEAKING)

    with pytest.raises(ValueError, match="from speaking to silent"):
        turns.move(turn, TurnState.SILENT)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["open", *TurnState]), max_size=40), st.integers(0, 10**9))
def test_ids_only_grow_and_at_most_one_turn_speaks(steps: list[str], first_id: int) -> None:
    turns, seen = Turns(first_id), []
    for step in steps:
        try:
            if step == "open":
                seen.append(turns.open("maya", "hello"))
            elif seen:
                turns.move(seen[-1], TurnState(step))
        except ValueError:
            pass  # a refused step is the promise kept
        assert sum(turn.state is TurnState.SPEAKING for turn in seen) <= 1
        assert turns.speaking is next((t for t in seen if t.state is TurnState.SPEAKING), None)

    ids = [turn.turn_id for turn in seen]
    assert ids == sorted(set(ids))
