"""`sensorium stats`: what the house holds and how well it reuses it."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from cyclopts import Parameter

from sensorium.cli.output import Home, Json, run
from sensorium.cli.running import opened, run_async
from sensorium.config import Config
from sensorium.front.house import House
from sensorium.store import personas, turns
from sensorium.store.database import Database

Row = tuple[str, Any]


def stats(
    *,
    room: Annotated[str, Parameter(show_default=False, help="The room; else the configured one.")] = "",
    json: Json = False,
    home: Home = None,
) -> None:
    """Opens the room, brings every persona's prompt into memory, and shows what that takes.

    Memory by process and by kind (weights, KV, adapters, GPU), cells and parked prefixes, and how much of the
    last turns' prompts was reused.

    Example: sensorium stats --json
    """
    with run("stats", json) as output:
        values = run_async(_measure(Config.load(home), room, quiet=json))
        output.result(values)
        for title, rows in tables(values):
            output.say(_table(title, rows))


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
