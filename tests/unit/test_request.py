"""What is written of a prompt is what it is known by: rows by their hash, each kind of part as itself."""

from __future__ import annotations

import msgspec

from sensorium.request import Block, Part, Prompt, Scope, Tier


def prompt(*parts: Part) -> Prompt:
    return Prompt("maya", (Block(Tier.VOLATILE, Scope.PERSONA, "newest", parts),))


def test_parts_of_another_kind_are_other_bytes() -> None:
    kinds = [prompt(Part("a")), prompt(Part("a", True)), prompt(Part("a", rows=2)), prompt(Part("b", rows=2))]
    assert len({p.tier_bytes(Tier.VOLATILE) for p in kinds}) == 4


def test_a_prompt_with_rows_travels_and_one_stored_before_there_were_rows_is_still_read() -> None:
    heard = prompt(Part("<|person|>", True), Part("ab12", rows=7))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(heard), type=Prompt) == heard
    old = b'["maya",[[2,1,"newest",[["hello",false],["<|end|>",true]]]]]'
    assert msgspec.json.decode(old, type=Prompt) == prompt(Part("hello"), Part("<|end|>", True))
