"""Shows an explanation to people. Pure: the command that fetches the turns is wired elsewhere."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sensorium.prompting.explain import Explanation, SourceRow, TierRow

_STYLE = {"identical": "green", "first": "dim", "grew": "cyan", "changed": "yellow"}


def render(explanation: Explanation) -> RenderableType:
    """Two tables, by tier and by source, and the verdict under them."""
    return Group(_tier_table(explanation), _source_table(explanation), _verdict(explanation))


def _tier_table(explanation: Explanation) -> Table:
    before = (
        f" against turn {explanation.previous_turn_id}" if explanation.previous_turn_id is not None else ""
    )
    table = Table(title=f"{explanation.persona_id}: turn {explanation.turn_id}{before}", title_justify="left")
    for name in ("tier", "change", "written by"):
        table.add_column(name)
    for name in ("first difference", "blocks", "bytes", "tokens", "processed"):
        table.add_column(name, justify="right")
    table.add_column("sha256")
    for row in explanation.tiers:
        table.add_row(*_tier_cells(row))
    return table


def _tier_cells(row: TierRow) -> tuple[str | Text, ...]:
    style = _STYLE[row.change]
    if row.change == "changed" and row.tier == "INVARIANT":
        style = "bold red"
    return (
        row.tier,
        Text(row.change, style=style),
        row.written_by or "",
        "" if row.first_difference is None else f"byte {row.first_difference:,}",
        f"{row.num_blocks:,}",
        f"{row.num_bytes:,}",
        _count(row.tokens),
        _count(row.processed_tokens),
        row.sha256[:12],
    )


def _source_table(explanation: Explanation) -> Table:
    table = Table(title="by source", title_justify="left")
    for name in ("source", "tier"):
        table.add_column(name)
    for name in ("blocks", "tokens", "processed"):
        table.add_column(name, justify="right")
    for row in explanation.sources:
        table.add_row(*_source_cells(row))
    return table


def _source_cells(row: SourceRow) -> tuple[str, ...]:
    return row.source, row.tier, f"{row.num_blocks:,}", _count(row.tokens), _count(row.processed_tokens)


def _verdict(explanation: Explanation) -> Text:
    return Text(explanation.verdict, style="bold red" if explanation.lost_tokens else "bold")


def _count(tokens: int | None) -> str:
    return "?" if tokens is None else f"{tokens:,}"
