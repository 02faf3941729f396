"""`sensorium chat`: a conversation in the terminal."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Annotated, Any

from cyclopts import Parameter

from sensorium.cli.output import Home, Json, Output, run
from sensorium.cli.running import cost, opened, run_async, said, seated, tool_turns, totals
from sensorium.config import Config
from sensorium.errors import BadInput, NotFound
from sensorium.front.house import House
from sensorium.front.live import carry_on
from sensorium.front.report import TurnReport

_HELP = "Say a name to address somebody (maya what do you like). /who lists them, /quit or Ctrl-D ends."
_COMMANDS = ("/who", "/help", "/quit")
# Longer than any message that is let in; the rest of such a line would be the next one.
_MAX_LINE_BYTES = 1_000_000


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
        config = Config.load(home)
        to = seated(config, room, persona) if persona else ""
        output.result(run_async(_talk(config, room, to, output)))


async def _talk(config: Config, room: str, to: str, output: Output) -> dict[str, Any]:
    turns: list[dict[str, object]] = []
    at_terminal = sys.stdin.isatty()
    house = House(config, room=room, hears=False, speaks=False, tools=True)

    def unasked(report: TurnReport) -> None:
        turns.append(report.row())
        _show(report, output)

    # Before it is opened: what was over meanwhile is said at once.
    with tool_turns(house, unasked):
        async with opened(house, quiet=output.as_json):
            if at_terminal:
                output.text(f"In {house.room.room.name}: {_who(house)}.\n{_HELP}")
            async for line in typed_lines(sys.stdin.fileno(), prompt="> " if at_terminal else ""):
                words = line.strip()
                if words and not at_terminal:
                    output.text(f"{config.person}: {words}")
                if words == "/quit":
                    break
                try:
                    if words.startswith("/"):
                        _obey(words, house, output)
                    elif words:
                        turns += await _turn(house, words, to, output)
                except BadInput as e:
                    output.complain(e)
            await house.tools_idle()
            return {"turns": turns, **totals(await house.stats())}


def _obey(command: str, house: House, output: Output) -> None:
    if command not in _COMMANDS:
        raise NotFound.named("command", command, _COMMANDS)
    output.text(f"{_who(house)}\n{_HELP}")


def _who(house: House) -> str:
    return ", ".join(p.name for p in house.room.personas)


async def _turn(house: House, words: str, to: str, output: Output) -> list[dict[str, object]]:
    """The answer, and those of personas who spoke on."""
    turns: list[dict[str, object]] = []

    def told(report: TurnReport) -> None:
        turns.append(report.row())
        _show(report, output)

    told(await house.turn_text(words, to=to))
    await carry_on(house.follow_up, told)
    return turns


def _show(report: TurnReport, output: Output) -> None:
    if report.persona or report.error:
        output.text(f"{report.persona or 'nobody'}: {said(report)}   [{cost(report)}]")
    else:
        output.text("  (nobody felt addressed; say a name)")


async def typed_lines(fd: int, *, prompt: str = "") -> AsyncIterator[str]:
    """The lines of a terminal, pipe or file until it ends; `prompt` is shown before each on stderr.

    A thread reads, one line ahead; it is abandoned when nobody listens any more, for a read from a terminal
    cannot be interrupted. It shares nothing with `sys.stdin`, whose lock would then hang the process's end.
    """
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | None] = asyncio.Queue()
    wanted = threading.Semaphore(0)

    def tell(line: str | None) -> None:
        wanted.acquire()
        with suppress(RuntimeError):  # the loop is closed, nobody listens
            loop.call_soon_threadsafe(lines.put_nowait, line)

    threading.Thread(target=_read_lines, args=(fd, tell), name="typed-lines", daemon=True).start()
    while True:
        sys.stderr.write(prompt)
        sys.stderr.flush()
        wanted.release()
        if (line := await lines.get()) is None:
            sys.stderr.write("\n" if prompt else "")
            return
        yield line


def _read_lines(fd: int, tell: Callable[[str | None], None]) -> None:
    # An OSError: the terminal was closed, which ends the conversation like Ctrl-D.
    with suppress(OSError), open(fd, "rb", closefd=False) as typed:
        while line := typed.readline(_MAX_LINE_BYTES):
            tell(line.decode(errors="replace"))
    tell(None)
