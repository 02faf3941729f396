"""`sensorium explain`: why a persona's last two prompts differ, and what that cost."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sensorium.cli.output import Home, Json, run
from sensorium.clock import SystemClock
from sensorium.config import Config
from sensorium.errors import BadInput
from sensorium.prompting.explain import Explanation, SourceRow, TierRow, as_dict
from sensorium.prompting.explain import explain as explain_turns
from sensorium.store import personas, turns
from sensorium.store.database import Database
from sensorium.store.store import Store
from sensorium.store.turns import KeptTurn

_STYLE = {"identical": "green", "first": "dim", "grew": "cyan", "changed": "yellow"}


def explain(
    name: Annotated[str, Parameter(name="persona", help="Id or spoken name, whatever its case.")],
    /,
    *,
    json: Json = False,
    home: Home = None,
) -> None:
    """For the last two turns of a persona: each tier's bytes, the first byte that differs, the source that
    wrote it, and the tokens it cost.

    Example: sensorium explain maya
    """
    with run("explain", json) as output:
        with Store.open(Config.load(home).store_path, clock=SystemClock()) as store:
            kept = store.read(_last_two, name).result()
        if not kept:
            raise BadInput(
                f"{name} has had no turn yet", remedy=f"sensorium ask --persona {name} --text hello"
            )
        explanation = explain_turns(kept[-1], kept[0] if len(kept) > 1 else None)
        in_view = kept[-1].in_view
        output.result({**as_dict(explanation), "in_view": in_view})
        output.say(render(explanation))
        if in_view:
            output.text(f"in view: {', '.join(in_view)}")


def _last_two(db: Database, name: str) -> list[KeptTurn]:
    return turns.last(db, personas.get(db, name).id, 2)


def render(explanation: Explanation) -> RenderableType:
    """Two tables, by tier and by source, and the verdict under them."""
    return Group(_tier_table(explanation), _source_table(explanation), _verdict(explanation))


def _tier_table(explanation: Explanation) -> Table:
    before = (
        f" against turn {explanation.previous_turn_id}" if explanation.previous_turn_id is not None else ""
    )
    table = _compact(f"{explanation.persona_id}: turn {explanation.turn_id}{before}")
    for name in ("tier", "change", "written by"):
        table.add_column(name)
    for name in ("from byte", "bytes", "tokens", "processed"):
        table.add_column(name, justify="right")
    table.add_column("sha256", overflow="fold")
    for row in explanation.tiers:
        table.add_row(*_tier_cells(row))
    return table


def _compact(title: str) -> Table:
    """Without frames: all columns must fit beside one another in a window of 80."""
    return Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0))


def _tier_cells(row: TierRow) -> tuple[str | Text, ...]:
    style = _STYLE[row.change]
    if row.change == "changed" and row.tier == "INVARIANT":
        style = "bold red"
    return (
        row.tier,
        Text(row.change, style=style),
        row.written_by or "",
        "" if row.first_difference is None else f"{row.first_difference:,}",
        f"{row.num_bytes:,}",
        _count(row.tokens),
        _count(row.processed_tokens),
        row.sha256[:8],
    )


def _source_table(explanation: Explanation) -> Table:
    table = _compact("by source")
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
