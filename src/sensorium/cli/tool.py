"""`sensorium tool`: what personas can do beside talking, and how it is tried without any of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter

from sensorium.budgets import Meter
from sensorium.cli.output import Home, Json, Output, run
from sensorium.cli.running import run_async
from sensorium.clock import SystemClock
from sensorium.config import Config
from sensorium.errors import BadInput
from sensorium.front.background import Background
from sensorium.front.happenings import to_nobody
from sensorium.front.reminding import Reminders
from sensorium.front.staff import Staff
from sensorium.front.tool_link import ToolLink
from sensorium.metrics import Counters
from sensorium.store import personas, rooms
from sensorium.store.store import Store
from sensorium.trace import Trace
from sensorium.wire.records import CallTool, Offered, ToolAnswer, ToolCard

app = App(
    name="tool",
    help="The tools: list, show, call.\n\n"
    "A tool is a Python function of an installed package, or comes from an MCP server that config.toml "
    "names. A room's recipe says which of them its personas may use. See docs/tools.md.",
)

# What MCP servers may take to start, when somebody waits only for them.
SERVERS_S = 30.0

Name = Annotated[str, Parameter(name="tool", help="Its name, as `sensorium tool list` shows it.")]


@app.command(name="list")
def list_(*, json: Json = False, home: Home = None) -> None:
    """Every tool that there is on this machine, and what keeps others from being there.

    Starts the MCP servers of config.toml and waits for them, half a minute at most.

    Example: sensorium tool list
    """
    with run("tool list", json) as output:
        offered = run_async(offered_by(Config.load(home)))
        output.result(
            {
                "tools": [_fields(card) for card in offered.tools],
                "problems": [{"name": p.name, "message": p.message} for p in offered.problems],
                "starting": offered.starting,
            }
        )
        for card in offered.tools:
            output.text(f"{card.name:<20} {card.source:<14} {card.description}")
        for problem in offered.problems:
            output.text(f"not there: {problem.name}: {problem.message}")
        for name in offered.starting:
            output.text(f"not there yet: {name} has not said what it offers")


@app.command
def show(name: Name, /, *, json: Json = False, home: Home = None) -> None:
    """One tool: how people ask for it, and the arguments that it takes.

    Example: sensorium tool show timer
    """
    with run("tool show", json) as output:
        card = run_async(_shown(Config.load(home), name))
        output.result(_fields(card))
        output.text(
            f"{card.name}: {card.description}\nfrom {card.source}; a call may take {card.limit_s:g} s"
        )
        if card.phrases:
            output.text("\nPeople say, to a persona by name:")
        for by in card.phrases:
            output.text(f"  {by.phrase}")
        output.text(f"\nArguments: {msgspec.json.encode(card.parameters).decode()}")


@app.command
def call(
    name: Name,
    /,
    *arguments: Annotated[str, Parameter(help="key=value, for each argument.")],
    room: Annotated[
        str, Parameter(show_default=False, help="As if asked there; else the configured one.")
    ] = "",
    json: Json = False,
    home: Home = None,
) -> None:
    """Calls a tool as a persona of a room would, and prints what it says.

    What it wants said later is kept for the room, and said there when the room is open.

    Example: sensorium tool call notes action=add text="buy milk"
    """
    with run("tool call", json) as output:
        try:
            given, answer = run_async(_called(Config.load(home), name, _pairs(arguments), room))
        except BadInput as e:
            remedy = e.remedy or f"what it takes: sensorium tool show {name}"
            raise type(e)(e.message, remedy=remedy) from e
        later = [{"after_s": later.after_s, "text": later.text} for later in answer.later]
        output.result({"tool": name, "arguments": given, "text": answer.text, "later": later})
        output.text(answer.text or "(it said nothing)")
        _show_later(output, answer)


def _show_later(output: Output, answer: ToolAnswer) -> None:
    for later in answer.later:
        output.text(f"In {later.after_s:g} s it will be said in the room: {later.text}")


@asynccontextmanager
async def tools_only(
    config: Config, *, wait_s: float = SERVERS_S, logs: Path | None = None
) -> AsyncIterator[ToolLink]:
    """The tools worker alone, with what its MCP servers offer after so long. Raises what it reports."""
    clock, counters = SystemClock(), Counters()
    staff = Staff(
        config, clock, counters, Trace("front", clock), to_nobody, Meter("front", counters),
        thinks=False, hears=False, speaks=False, sees=False, tools=True, logs=logs, stress=(1.0, 0.0),
    )  # fmt: skip
    assert staff.tools is not None
    try:
        async with Background() as background:
            await staff.start(background, lambda: None, tools_s=wait_s)
            await staff.tools.line.channel()
            yield staff.tools
    finally:
        await staff.stop()


async def offered_by(config: Config, wait_s: float = SERVERS_S, logs: Path | None = None) -> Offered:
    """All that there is after so long."""
    async with tools_only(config, wait_s=wait_s, logs=logs) as link:
        return link.offered


async def _shown(config: Config, name: str) -> ToolCard:
    async with tools_only(config) as link:
        return link.card(name)


async def _called(
    config: Config, name: str, pairs: dict[str, str], room: str
) -> tuple[dict[str, Any], ToolAnswer]:
    async with tools_only(config) as link:
        properties = link.card(name).parameters.get("properties", {})
        arguments = {key: _value(value, properties.get(key)) for key, value in pairs.items()}
        store = await asyncio.to_thread(Store.open, config.store_path)
        try:
            found = await asyncio.wrap_future(store.read(rooms.get, room or config.room))
            persona_id = found.personas[0].id if found.personas else ""
            if not persona_id:
                everybody = await asyncio.wrap_future(store.read(personas.all_of))
                persona_id = everybody[0].id
            reminders = Reminders(store, found.id, SystemClock())
            pending = await reminders.pending(name)
            encoded = msgspec.json.encode(arguments).decode()
            begun = await link.begin(
                CallTool(link.next_call_id(), name, encoded, found.id, persona_id, pending)
            )
            answer = await begun.answer()
            assert answer is not None
            await reminders.change(name, persona_id, answer)
            return arguments, answer
        finally:
            await asyncio.to_thread(store.close)


def _pairs(arguments: tuple[str, ...]) -> dict[str, str]:
    given: dict[str, str] = {}
    for pair in arguments:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise BadInput(f"{pair!r} is not key=value", remedy="see: sensorium tool call --help")
        if key in given:
            raise BadInput(f"{key!r} is given twice")
        given[key] = value
    return given


def _value(text: str, schema: object) -> Any:
    """Text where the tool wants text; else JSON, if it is such."""
    if isinstance(schema, dict) and schema.get("type") == "string":
        return text
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text


def _fields(card: ToolCard) -> dict[str, Any]:
    return {
        "name": card.name,
        "description": card.description,
        "source": card.source,
        "phrases": [by.phrase for by in card.phrases],
        "parameters": card.parameters,
        "limit_s": card.limit_s,
    }
