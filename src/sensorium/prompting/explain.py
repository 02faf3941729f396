"""Says what changed between a persona's last two prompts, who changed it and what it cost.

Pure: bytes come from the prompts, token counts from the engine; nothing is estimated. Shows nothing itself.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Literal, Protocol

import msgspec

from sensorium.request import Block, Prompt, Tier, Usage

Change = Literal["first", "identical", "grew", "changed"]


class TurnRecord(Protocol):
    """What must be known of a turn to explain it; the store's kept turns are such.

    `block_tokens` counts each block of `prompt`; empty when the engine did not tell (a remote server).
    """

    @property
    def turn_id(self) -> int: ...
    @property
    def prompt(self) -> Prompt: ...
    @property
    def usage(self) -> Usage: ...
    @property
    def block_tokens(self) -> tuple[int, ...]: ...


class TierRow(msgspec.Struct, frozen=True, kw_only=True):
    """One tier of the last turn against the turn before.

    `first_difference` is a byte offset inside the tier, `written_by` the source of that byte; both None when
    nothing differs. Token counts are None when the engine did not tell.
    """

    tier: str
    num_blocks: int
    num_bytes: int
    sha256: str
    change: Change
    first_difference: int | None
    written_by: str | None
    tokens: int | None
    processed_tokens: int | None


class SourceRow(msgspec.Struct, frozen=True, kw_only=True):
    source: str
    tier: str
    num_blocks: int
    tokens: int | None
    processed_tokens: int | None


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """`lost_tokens`: the engine had processed them for an identical stable prefix and did them again."""

    persona_id: str
    turn_id: int
    previous_turn_id: int | None
    verdict: str
    usage: Usage
    lost_tokens: int | None
    tiers: tuple[TierRow, ...]
    sources: tuple[SourceRow, ...]


def explain(last: TurnRecord, previous: TurnRecord | None = None) -> Explanation:
    """The last turn against the one before it; against nothing, when there was none."""
    tokens = _tokens(last)
    processed = _processed(tokens, last.usage.cached_tokens) if tokens is not None else None
    before = previous.prompt if previous else None
    rows = tuple(_tier_row(tier, last.prompt, before, tokens, processed) for tier in Tier)
    sources = _source_rows(last.prompt.blocks, tokens, processed)
    lost = _lost_tokens(last, previous, tokens)
    return Explanation(
        persona_id=last.prompt.persona_id,
        turn_id=last.turn_id,
        previous_turn_id=previous.turn_id if previous else None,
        verdict=_verdict(last, previous, rows, sources, lost),
        usage=last.usage,
        lost_tokens=lost,
        tiers=rows,
        sources=sources,
    )


def as_dict(explanation: Explanation) -> dict[str, Any]:
    """For --json: the same fields, plain."""
    plain: dict[str, Any] = msgspec.to_builtins(explanation)
    return plain


def _tokens(record: TurnRecord) -> tuple[int, ...] | None:
    return record.block_tokens if len(record.block_tokens) == len(record.prompt.blocks) else None


def _processed(tokens: Sequence[int], cached_tokens: int) -> tuple[int, ...]:
    """Of each block's tokens, those behind the cached prefix."""
    ends = accumulate(tokens)
    return tuple(min(count, max(0, end - cached_tokens)) for count, end in zip(tokens, ends, strict=True))


def _tier_row(
    tier: Tier,
    prompt: Prompt,
    before: Prompt | None,
    tokens: Sequence[int] | None,
    processed: Sequence[int] | None,
) -> TierRow:
    data = prompt.tier_bytes(tier)
    inside = [i for i, block in enumerate(prompt.blocks) if block.tier is tier]
    change: Change = "first"
    offset = source = None
    if before is not None:
        old = before.tier_bytes(tier)
        offset = _first_difference(old, data)
        change = "identical" if offset is None else "grew" if data.startswith(old) else "changed"
    if before is not None and offset is not None:
        source = _writer(prompt, tier, offset) or _writer(before, tier, offset)
    return TierRow(
        tier=tier.name,
        num_blocks=len(inside),
        num_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        change=change,
        first_difference=offset,
        written_by=source,
        tokens=sum(tokens[i] for i in inside) if tokens is not None else None,
        processed_tokens=sum(processed[i] for i in inside) if processed is not None else None,
    )


def _first_difference(old: bytes, new: bytes) -> int | None:
    return None if old == new else _num_equal(old, new)


def _num_equal(old: Sequence[object], new: Sequence[object]) -> int:
    """How many items from the start are the same."""
    pairs = zip(old, new, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(old), len(new)))


def _writer(prompt: Prompt, tier: Tier, offset: int) -> str | None:
    """The source of the tier's byte at `offset`; None behind its end."""
    end = 0
    for block in prompt.blocks:
        if block.tier is tier:
            end += len(block.to_bytes())
            if offset < end:
                return block.source
    return None


def _source_rows(
    blocks: Sequence[Block], tokens: Sequence[int] | None, processed: Sequence[int] | None
) -> tuple[SourceRow, ...]:
    places: dict[tuple[str, Tier], list[int]] = {}
    for i, block in enumerate(blocks):
        places.setdefault((block.source, block.tier), []).append(i)
    return tuple(
        SourceRow(
            source=source,
            tier=tier.name,
            num_blocks=len(inside),
            tokens=sum(tokens[i] for i in inside) if tokens is not None else None,
            processed_tokens=sum(processed[i] for i in inside) if processed is not None else None,
        )
        for (source, tier), inside in places.items()
    )


def _lost_tokens(last: TurnRecord, previous: TurnRecord | None, tokens: Sequence[int] | None) -> int | None:
    if tokens is None:
        return None
    if previous is None:
        return 0
    old, new = previous.prompt.stable().blocks, last.prompt.stable().blocks
    return max(0, sum(tokens[: _num_equal(old, new)]) - last.usage.cached_tokens)


def _verdict(
    last: TurnRecord,
    previous: TurnRecord | None,
    tiers: Sequence[TierRow],
    sources: Sequence[SourceRow],
    lost_tokens: int | None,
) -> str:
    cost = f"{last.usage.processed_tokens:,} of {last.usage.prompt_tokens:,} tokens processed"
    by_source = Counter({s.source: s.processed_tokens for s in sources if s.processed_tokens})
    if by_source:
        cost += ": " + ", ".join(f"{source} {count:,}" for source, count in by_source.most_common())
    if lost_tokens:
        cost += f"; {lost_tokens:,} of them were an identical prefix that was no longer in memory"
    return f"{_prefix(previous, tiers)}, {cost}"


def _prefix(previous: TurnRecord | None, tiers: Sequence[TierRow]) -> str:
    if previous is None:
        return "first turn"
    passed_bytes = 0
    for row in tiers:
        if row.first_difference is not None:
            at = passed_bytes + row.first_difference
            if row.change == "grew" and row.tier != Tier.VOLATILE.name:
                return f"prefix identical up to byte {at:,}, where {row.written_by} went on"
            return f"prefix identical up to byte {at:,} ({row.tier}, written by {row.written_by})"
        passed_bytes += row.num_bytes
    return "prompt identical"
