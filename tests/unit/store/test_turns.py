"""Given turns of several personas, when they are kept, then the last of each come back whole."""

from __future__ import annotations

import pytest

from sensorium.errors import StoreError
from sensorium.request import Block, Part, Prompt, Scope, Tier, Usage
from sensorium.store import turns
from sensorium.store.store import Store
from sensorium.store.turns import KEPT_PER_PERSONA, KeptTurn


def _turn(turn_id: int, persona_id: str = "maya") -> KeptTurn:
    block = Block(
        Tier.VOLATILE, Scope.PERSONA, "message", (Part("<|person|>", True), Part(f"turn {turn_id}"))
    )
    return KeptTurn(
        turn_id=turn_id,
        persona_id=persona_id,
        room_id="living-room",
        at=float(turn_id),
        prompt=Prompt(persona_id, (block,)),
        usage=Usage(prompt_tokens=10, cached_tokens=7, processed_tokens=3, settled_tokens=1, reply_tokens=4),
        block_tokens=(10,),
        stages=(("llm", "prefill", 1.5), ("speech", "first phrase", 30.0)),
        said="hello",
    )


def test_the_last_turns_come_back_whole_oldest_first(store: Store) -> None:
    for i in range(4):
        store.submit(turns.keep, _turn(i)).result()
    assert store.read(turns.last, "maya").result() == [_turn(2), _turn(3)]
    assert store.read(turns.last, "ada").result() == []


def test_each_persona_keeps_its_last_twenty(store: Store) -> None:
    store.submit(turns.keep, _turn(0, "ada")).result()
    for i in range(KEPT_PER_PERSONA + 5):
        store.submit(turns.keep, _turn(i)).result()
    kept = store.read(turns.last, "maya", 100).result()
    assert [turn.turn_id for turn in kept] == list(range(5, KEPT_PER_PERSONA + 5))
    assert len(store.read(turns.last, "ada", 100).result()) == 1


def test_a_turn_of_a_persona_that_is_gone_is_refused_in_words(store: Store) -> None:
    with pytest.raises(StoreError, match="refused"):
        store.submit(turns.keep, _turn(1, "nobody")).result()
