"""`sensorium chat`: a conversation in the terminal."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

from cyclopts import Parameter

from sensorium.cli.output import Home, Json, Output, run
from sensorium.cli.running import cost, progress, run_async, said
from sensorium.config import Config
from sensorium.errors import BadInput
from sensorium.front.house import House

_HELP = "Say a name to address somebody (maya what do you like). /who lists them, /quit or Ctrl-D ends."


def chat(
    *,
    persona: Annotated[
        str, Parameter(show_default=False, help="Talk with this one only; else whom you address answers.")
    ] = "",
    room: Annotated[str, Parameter(show_default=False, help="The room; else the configured one.")] = "",
    json: Json = False,
    home: Home = None,
) -> None:
    """Talk with the personas of a room in the terminal, one line a turn.

    Lines may also come from a pipe. With --json the turns are printed as one object at the end.

    Example: echo "maya what do you like" | sensorium chat
    """
    with run("chat", json) as output:
        turns = run_async(_talk(Config.load(home), room, persona, output))
        output.result({"turns": turns})


async def _talk(config: Config, room: str, persona: str, output: Output) -> list[dict[str, object]]:
    turns: list[dict[str, object]] = []
    at_terminal = sys.stdin.isatty()
    async with House(config, room=room, hears=False, speaks=False) as house:
        to = house.room.persona(persona).id if persona else ""
        with progress("the personas read their prompts", quiet=output.as_json):
            await house.warm()
        if at_terminal:
            output.text(f"In {house.room.room.name}: {', '.join(p.name for p in house.room.personas)}.")
            output.text(_HELP)
        while (line := await asyncio.to_thread(_read_line, at_terminal)) is not None:
            words = line.strip()
            if words in ("/quit", "/exit"):
                break
            if words in ("/who", "/help"):
                output.text(f"{', '.join(p.name for p in house.room.personas)}\n{_HELP}")
            elif words:
                turns += await _turn(house, words, to, output)
    return turns


async def _turn(house: House, words: str, to: str, output: Output) -> list[dict[str, object]]:
    try:
        report = await house.turn_text(words, to=to)
    except BadInput as e:
        output.text(f"  ({e.one_line()})")
        return []
    turns = [report.row()]
    while True:
        if not report.persona:
            output.text("  (nobody felt addressed; say a name)")
        else:
            output.text(f"{report.persona}: {said(report)}   [{cost(report)}]")
        followed = await house.follow_up()
        if followed is None:
            return turns
        report = followed
        turns.append(report.row())


def _read_line(at_terminal: bool) -> str | None:
    if at_terminal:
        sys.stderr.write("> ")
        sys.stderr.flush()
    line = sys.stdin.readline()
    return line or None
