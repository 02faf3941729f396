"""`sensorium stats`: what the house holds, how well it reuses it, and whether it keeps its budgets."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from sensorium.cli.output import Home, Json, run
from sensorium.cli.running import opened, run_async
from sensorium.clock import SystemClock
from sensorium.config import Config
from sensorium.errors import BadInput, NotFound
from sensorium.front import live_file
from sensorium.front.house import House
from sensorium.front.prometheus import text
from sensorium.store import personas, turns
from sensorium.store.database import Database

if TYPE_CHECKING:
    from rich.table import Table

Row = tuple[str, Any]
LOOK_EVERY_S = 1.0


def stats(
    *,
    room: Annotated[str, Parameter(show_default=False, help="The room; else the configured one.")] = "",
    watch: Annotated[
        bool,
        Parameter(negative="", show_default=False, help="A live table of the house that is running."),
    ] = False,
    prometheus: Annotated[
        bool,
        Parameter(negative="", show_default=False, help="The running house's as Prometheus text, once."),
    ] = False,
    json: Json = False,
    home: Home = None,
) -> None:
    """Opens the room, brings every persona's prompt into memory, and shows what that takes.

    Memory by process and by kind (weights, KV, adapters, GPU), cells and parked prefixes, and how much of the
    last turns' prompts was reused. With --watch or --prometheus it opens nothing and shows how a house that
    runs in the same home folder (chat, ask, ...) keeps its budgets; --watch ends when the house does.

    Example: sensorium stats --json
    """
    with run("stats", json) as output:
        if watch or prometheus:
            if watch and (prometheus or json or room):
                raise BadInput("--watch is for people and for the house that runs: use it alone")
            config = Config.load(home)
            if watch:
                return _watch(config)
            values = live_file.read(Path(config.home), SystemClock().wall_s())
            output.result(values)
            return output.text(text(values).rstrip("\n"))
        values = run_async(_measure(Config.load(home), room, quiet=json))
        output.result(values)
        for title, rows in tables(values):
            output.say(_table(title, rows))


def _watch(config: Config) -> None:
    """Until the house has gone; then it says so as an error when there was none to begin with."""
    from rich.live import Live

    clock, home = SystemClock(), Path(config.home)
    values = live_file.read(home, clock.wall_s())
    with Live(budget_table(values), refresh_per_second=4) as screen:
        while True:
            time.sleep(LOOK_EVERY_S)
            try:
                values = live_file.read(home, clock.wall_s())
            except NotFound:
                return
            screen.update(budget_table(values))


def budget_table(values: dict[str, Any]) -> Table:
    """The stages against their budgets, the ladders and the memory of a running house."""
    from rich.table import Table

    table = Table(
        title=f"{len(values['personas'])} personas in {values['rss_mb']['total']:,.0f} MB; "
        + ", ".join(f"{name}: {state['rung']}" for name, state in values["ladders"].items()),
        title_justify="left",
    )
    table.add_column("stage")
    for column in ("budget ms", "p50", "p95", "p99", "max", "count", "missed"):
        table.add_column(column, justify="right")
    for stage, row in values["stages"].items():
        measured = [f"{row[at]:.1f}" if at in row else "" for at in ("p50", "p95", "p99", "max")]
        style = "bold red" if row.get("p99", 0.0) > row["budget"] else ""
        counts = (str(row["count"]), str(row["missed"]))
        table.add_row(stage, f"{row['budget']:g}", *measured, *counts, style=style)
    return table


async def _measure(config: Config, room: str, *, quiet: bool) -> dict[str, Any]:
    async with opened(House(config, room=room), quiet=quiet) as house:
        kept = await asyncio.wrap_future(house.store.read(_kept_turns))
        return {**await house.stats(), "kept_turns": kept}


def _kept_turns(db: Database) -> dict[str, Any]:
    """What the turns that the store still has cost: this process took none."""
    usages = [t.usage for p in personas.all_of(db) for t in turns.last(db, p.id, turns.KEPT_PER_PERSONA)]
    prompt_tokens = sum(u.prompt_tokens for u in usages)
    cached_tokens = sum(u.cached_tokens for u in usages)
    return {
        "turns": len(usages),
        "prompt_tokens": prompt_tokens,
        "cached_tokens": cached_tokens,
        "processed_tokens": sum(u.processed_tokens for u in usages),
        "hit_rate": cached_tokens / prompt_tokens if prompt_tokens else 0.0,
    }


def tables(values: dict[str, Any]) -> list[tuple[str, list[Row]]]:
    """For people: (title, rows); the JSON has more."""
    llm = values["workers"]["llm"]
    kinds = [(kind, f"{num_bytes / 1e6:,.1f}") for kind, num_bytes in llm["memory_bytes"].items()]
    kept = values["kept_turns"]
    prefixes: list[Row] = [
        ("model", llm["model"]),
        ("cells used", f"{llm['cells']['used']:,} of {llm['cells']['total']:,}"),
        ("sequences free", f"{llm['sequences']['free']:,} of {llm['sequences']['total']:,}"),
        *((f"parked at the end of {depth}", count) for depth, count in llm["parked"].items()),
        ("evictions", llm["evictions"]),
        (f"prompt tokens reused, last {kept['turns']} turns", f"{kept['hit_rate']:.1%}"),
        ("composition cache hits", f"{values['composition_cache']['hit_rate']:.1%}"),
    ]
    times = [(f"{name} {at}", f"{ms:.1f}") for name, found in _times(values) for at, ms in found.items()]
    late = [(name, f"{int(ms['count'])}, at most {ms['max']:.0f} ms") for name, ms in _late(values).items()]
    return [
        ("memory by process (MB)", [(name, f"{mb:,.1f}") for name, mb in values["memory"].items()]),
        ("memory by kind (MB)", kinds),
        ("prefixes", prefixes),
        ("times (ms)", times),
        *([("event loop late in", late)] if late else []),
    ]


def _late(values: dict[str, Any]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = values["loop_late_in_ms"]
    return found


def _times(values: dict[str, Any]) -> list[tuple[str, dict[str, float]]]:
    """Distributions that have something in them, by worker."""
    found = [
        (f"front.{n.removesuffix('_ms')}", v)
        for n, v in values.items()
        if n.endswith(("lag_ms", "gc_full_ms"))
    ]
    for worker, facts in values["workers"].items():
        found += [(f"{worker}.{n.removesuffix('_ms')}", v) for n, v in facts.items() if n.endswith("_ms")]
    return [
        (name, {at: value[at] for at in ("p50", "p99")})
        for name, value in found
        if isinstance(value, dict) and value.get("count")
    ]


def _table(title: str, rows: list[Row]) -> object:
    from rich.table import Table

    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column("name")
    table.add_column("value", justify="right")
    for name, value in rows:
        table.add_row(name, str(value))
    return table
