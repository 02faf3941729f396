"""`sensorium stats`: what the house holds and how well it reuses it."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from sensorium.cli.output import Home, Json, run
from sensorium.cli.running import progress, run_async
from sensorium.config import Config
from sensorium.front.house import House


def stats(
    *,
    room: Annotated[str, Parameter(show_default=False, help="The room; else the configured one.")] = "",
    json: Json = False,
    home: Home = None,
) -> None:
    """Opens the room, brings every persona's prompt into memory, and shows what that takes.

    Memory by process and by kind (weights, KV, adapters), cells and parked prefixes, hit rates.

    Example: sensorium stats --json
    """
    with run("stats", json) as output:
        values = run_async(_measure(Config.load(home), room, quiet=json))
        output.result(values)
        for title, rows in _tables(values):
            output.say(_table(title, rows))


async def _measure(config: Config, room: str, *, quiet: bool) -> dict[str, Any]:
    with progress("opening the room", quiet=quiet):
        async with House(config, room=room) as house:
            await house.warm()
            return await house.stats()


def _tables(values: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """One table for each group of numbers; nested groups become rows "group.name"."""
    tables = [("memory by process (MB)", values["memory"])]
    tables += [(f"{name} worker", _flat(facts)) for name, facts in values["workers"].items()]
    tables.append(("composition cache", values["composition_cache"]))
    tables.append(("front event loop lag (ms)", values["loop_lag_ms"]))
    tables.append(("counters of the front", values["counters"]))
    return [(title, rows) for title, rows in tables if rows]


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _table(title: str, rows: dict[str, Any]) -> object:
    from rich.table import Table

    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column("name")
    table.add_column("value", justify="right")
    for name, value in rows.items():
        table.add_row(name, _shown(name, value))
    return table


def _shown(name: str, value: Any) -> str:
    if isinstance(value, int) and name.endswith("bytes"):
        return f"{value / 1e6:,.1f} MB"
    if isinstance(value, float):
        return f"{value:,.3f}".rstrip("0").rstrip(".")
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)
