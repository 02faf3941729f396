from __future__ import annotations

import hashlib
import json

import msgspec
import pytest
from msgspec.structs import replace
from tests.unit.prompting.views import NANO, a_view, replied

from sensorium.prompting.compose import compose
from sensorium.prompting.explain import as_dict, explain
from sensorium.prompting.view import View
from sensorium.request import Prompt, Tier, Usage


class Kept(msgspec.Struct, frozen=True):
    turn_id: int
    prompt: Prompt
    usage: Usage
    block_tokens: tuple[int, ...] = ()


def _count(prompt: Prompt) -> tuple[int, ...]:
    """One token for each special part and each word, as nano has it."""
    return tuple(sum(1 if p.special else len(p.text.split()) for p in b.parts) for b in prompt.blocks)


def _kept(turn_id: int, view: View, cached: int | None = None, *, counted: bool = True) -> Kept:
    """A turn of an engine that had `cached` tokens in memory; all stable ones unless said otherwise."""
    prompt = compose(view, NANO)
    tokens = _count(prompt)
    stable = sum(_count(prompt.stable()))
    cached = stable if cached is None else cached
    usage = Usage(prompt_tokens=sum(tokens), cached_tokens=cached, processed_tokens=sum(tokens) - cached)
    return Kept(turn_id, prompt, usage, tokens if counted else ())


def _next(view: View) -> View:
    return replace(
        view,
        history=(*view.history, view.newest, replied(6, "Maya", "I like green tea.")),
        wall_s=view.wall_s + 60,
    )


def test_a_healthy_turn_costs_its_volatile_tier_only() -> None:
    view = a_view()
    told = explain(_kept(2, _next(view)), _kept(1, view))
    invariant, conversation, volatile = told.tiers
    assert (invariant.change, invariant.first_difference, invariant.processed_tokens) == (
        "identical",
        None,
        0,
    )
    assert (conversation.change, conversation.written_by) == ("grew", "conversation")
    assert conversation.first_difference == len(compose(view, NANO).tier_bytes(Tier.SEMI_STABLE))
    assert (volatile.change, volatile.written_by) == ("changed", "time")
    assert volatile.processed_tokens == volatile.tokens == told.usage.processed_tokens
    assert told.lost_tokens == 0
    assert "where conversation went on" in told.verdict
    assert f"{told.usage.processed_tokens} of {told.usage.prompt_tokens} tokens processed" in told.verdict
    assert "newest 9" in told.verdict and "time 9" in told.verdict


def test_each_tier_has_its_bytes_and_their_hash() -> None:
    kept = _kept(1, a_view())
    for tier, row in zip(Tier, explain(kept).tiers, strict=True):
        data = kept.prompt.tier_bytes(tier)
        assert (row.tier, row.num_bytes) == (tier.name, len(data))
        assert row.sha256 == hashlib.sha256(data).hexdigest()
    assert explain(kept).tiers[0].sha256 == kept.prompt.invariant_sha256()


def test_tokens_add_up() -> None:
    view = a_view()
    told = explain(_kept(2, _next(view), cached=33), _kept(1, view))
    for rows in (told.tiers, told.sources):
        assert sum(row.tokens or 0 for row in rows) == told.usage.prompt_tokens
        assert sum(row.processed_tokens or 0 for row in rows) == told.usage.processed_tokens


@pytest.mark.parametrize(
    ("source", "change"),
    [
        ("tools", {"tools": ()}),
        ("identity", {"persona": replace(a_view().persona, facts={"age": "31"})}),
    ],
)
def test_who_broke_the_invariant_is_named_at_the_byte(source: str, change: dict[str, object]) -> None:
    view = a_view()
    before, after = _kept(1, view), _kept(2, replace(view, **change), cached=0)
    row = explain(after, before).tiers[0]
    assert row.change == "changed"
    old, new = before.prompt.tier_bytes(Tier.INVARIANT), after.prompt.tier_bytes(Tier.INVARIANT)
    at = row.first_difference
    assert at is not None and old[:at] == new[:at] and old[at] != new[at]
    assert source != "identity" or row.written_by == "identity"
    assert f"byte {at:,} (INVARIANT, written by {row.written_by})" in explain(after, before).verdict


def test_a_conversation_that_was_cut_names_its_writer() -> None:
    view = a_view()
    row = explain(_kept(2, replace(view, history=view.history[:2])), _kept(1, view)).tiers[1]
    assert (row.change, row.written_by) == ("changed", "conversation")


def test_an_identical_prefix_that_was_processed_again_is_called_lost() -> None:
    view = a_view()
    told = explain(_kept(2, _next(view), cached=20), _kept(1, view))
    identical = sum(_count(compose(view, NANO).stable()))
    assert told.lost_tokens == identical - 20
    assert "no longer in memory" in told.verdict


def test_the_same_turn_twice_is_identical() -> None:
    told = explain(_kept(2, a_view()), _kept(1, a_view()))
    assert {row.change for row in told.tiers} == {"identical"}
    assert told.verdict.startswith("prompt identical")


def test_a_first_turn_has_nothing_to_differ_from() -> None:
    told = explain(_kept(1, a_view(), cached=0))
    assert told.previous_turn_id is None
    assert {row.change for row in told.tiers} == {"first"}
    assert told.verdict.startswith("first turn, ")


def test_without_token_counts_nothing_is_estimated() -> None:
    told = explain(_kept(2, _next(a_view()), counted=False), _kept(1, a_view(), counted=False))
    assert {row.tokens for row in told.tiers} == {None}
    assert told.lost_tokens is None
    assert told.verdict.endswith("tokens processed")


def test_the_plain_form_is_json() -> None:
    told = json.loads(json.dumps(as_dict(explain(_kept(2, _next(a_view())), _kept(1, a_view())))))
    assert [row["tier"] for row in told["tiers"]] == ["INVARIANT", "SEMI_STABLE", "VOLATILE"]
    assert told["verdict"] and told["turn_id"] == 2
