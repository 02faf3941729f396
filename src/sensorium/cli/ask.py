"""`sensorium ask`: one turn, by voice or in words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from sensorium.cli.output import Home, Json, run
from sensorium.cli.running import cost, progress, raise_failed, read_pcm, run_async, said, write_reply
from sensorium.config import Config
from sensorium.errors import BadInput
from sensorium.front.house import House
from sensorium.front.listening import at_once
from sensorium.front.publisher import Recording
from sensorium.front.report import TurnReport


def ask(
    *,
    persona: Annotated[str, Parameter(help="Who should answer: id or spoken name.")],
    wav: Annotated[
        Path | None, Parameter(show_default=False, help="A recorded question, up to a minute of WAV.")
    ] = None,
    text: Annotated[str | None, Parameter(show_default=False, help="The question in words.")] = None,
    out: Annotated[
        Path | None, Parameter(show_default=False, help="Write the spoken answer to this WAV file.")
    ] = None,
    room: Annotated[str, Parameter(show_default=False, help="The room; else the configured one.")] = "",
    json: Json = False,
    home: Home = None,
) -> None:
    """One turn: ask a persona by voice or in words, and hear or read the answer.

    What is said is kept: the persona remembers it in the next command.

    Example: sensorium ask --persona maya --text "what do you like" --out maya.wav
    """
    with run("ask", json) as output:
        if (wav is None) == (text is None):
            raise BadInput("ask needs either --wav FILE or --text WORDS")
        if out is not None and not out.parent.is_dir():
            raise BadInput(f"{out.parent} is not a folder", remedy="create it first")
        question = read_pcm(wav) if wav is not None else None
        config = Config.load(home)
        report, row = run_async(_turn(config, room, persona, question, text or "", out, quiet=json))
        output.result(row)
        raise_failed(report)
        output.text(f"{report.persona}: {said(report)}")
        output.text(f"  heard {report.heard!r}; {cost(report)}")
        if report.pcm and out is not None:
            output.text(f"  {out}")


async def _turn(
    config: Config,
    room: str,
    persona: str,
    question: tuple[bytes, int] | None,
    text: str,
    out: Path | None,
    *,
    quiet: bool,
) -> tuple[TurnReport, dict[str, object]]:
    recording = Recording()
    speaks = out is not None or question is not None
    async with House(config, room=room, hears=question is not None, speaks=speaks) as house:
        house.room.persona(persona)
        with progress("reading the persona's prompt", quiet=quiet):
            await house.warm()
        if question is not None:
            pcm, rate_hz = question
            report = await house.turn_voice(at_once(pcm, rate_hz), rate_hz, recording, to=persona)
        else:
            report = await house.turn_text(text, to=persona, publisher=recording if speaks else None)
        await house.settled()
        stats = await house.stats()
    wav = write_reply(out, report) if out is not None else ""
    return report, {
        "turns": [report.row(wav)],
        "personas": stats["personas"],
        "rss_mb": stats["memory"]["total"],
        "composition_cache_hit_rate": stats["composition_cache"]["hit_rate"],
    }
