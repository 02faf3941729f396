"""`sensorium ask`: one turn, by voice or in words, maybe about a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NamedTuple

from cyclopts import Parameter

from sensorium.bundles import catalogue
from sensorium.cli.output import Home, Json, run
from sensorium.cli.running import (
    Bridge,
    bridged,
    cost,
    opened,
    raise_failed,
    read_pcm,
    read_picture,
    run_async,
    said,
    seated,
    tool_turns,
    totals,
    write_reply,
)
from sensorium.config import Config
from sensorium.errors import BadInput
from sensorium.front.house import House
from sensorium.front.listening import at_once
from sensorium.front.publisher import Recording
from sensorium.front.report import TurnReport, stages_ms
from sensorium.front.vision_link import Sight
from sensorium.trace import Stage


class Question(NamedTuple):
    """`pcm` (mono s16le at `sample_rate_hz`) when it was asked by voice, else `text`. `picture`: the file's
    bytes, b"" without one."""

    text: str
    pcm: bytes = b""
    sample_rate_hz: int = 0
    picture: bytes = b""


class Answer(NamedTuple):
    """`reports`: the answer, and what a tool gave later, if one was at work. `sight` is what was seen of the
    picture, `stats` as `House.stats` gives them."""

    reports: list[TurnReport]
    sight: Sight | None
    stats: dict[str, Any]


def ask(
    *,
    persona: Annotated[str, Parameter(help="Who should answer: id or spoken name.")],
    wav: Annotated[
        Path | None, Parameter(show_default=False, help="A recorded question, up to a minute of WAV.")
    ] = None,
    text: Annotated[str | None, Parameter(show_default=False, help="The question in words.")] = None,
    image: Annotated[
        Path | None, Parameter(show_default=False, help="A JPEG or PNG picture that everybody sees.")
    ] = None,
    out: Annotated[
        Path | None, Parameter(show_default=False, help="Write the spoken answer to this WAV file.")
    ] = None,
    adapter: Annotated[
        Path | None, Parameter(show_default=False, help="Answer with this GGUF LoRA, made for the model.")
    ] = None,
    bridge: Bridge = False,
    room: Annotated[str, Parameter(show_default=False, help="The room; else the configured one.")] = "",
    json: Json = False,
    home: Home = None,
) -> None:
    """One turn: ask a persona by voice or in words, maybe about a picture, and hear or read the answer.

    What is said is kept: the persona remembers it in the next command. A picture is in view in this one only.

    Example: sensorium ask --persona maya --text "what do you like" --out maya.wav
    """
    with run("ask", json) as output:
        question = _question(wav, text, image)
        if out is not None:
            _check_out(out)
        if adapter is not None and not adapter.is_file():
            raise BadInput(f"{adapter}: no such file", remedy="check the path")
        config = bridged(Config.load(home), bridge)
        if question.picture:
            catalogue.find(config.bundle).check_sees()
        persona_id = seated(config, room, persona)
        speaks = out is not None or wav is not None
        adapter = adapter.absolute() if adapter is not None else None
        turn = _turn(config, room, persona_id, question, adapter, speaks=speaks, quiet=json)
        reports, sight, stats = run_async(turn)
        # Before the file is written: an answer that was given is not lost with a full disk.
        if sight is not None:
            output.text(f"in view: {', '.join(sight.things) or 'nothing known'}")
        for report in reports:
            output.text(f"{report.persona}: {said(report)}")
            output.text(f"  heard {report.heard!r}; {cost(report)}")
        path = ""
        if out is not None:
            path = write_reply(out, reports[-1])
            output.text(f"  {path or '(nothing was said aloud)'}")
        paths = [*("" for _ in reports[1:]), path]
        rows = [report.row(at) for report, at in zip(reports, paths, strict=True)]
        output.result({"turns": rows, "picture": _picture_row(sight), **totals(stats)})


async def _turn(
    config: Config,
    room: str,
    persona_id: str,
    question: Question,
    adapter: Path | None,
    *,
    speaks: bool,
    quiet: bool,
) -> Answer:
    recording = Recording() if speaks else None
    sees = bool(question.picture)
    hears = bool(question.pcm)
    house = House(config, room=room, hears=hears, speaks=speaks, sees=sees, tools=True)
    async with opened(house, quiet=quiet, warm=(persona_id,)):
        if adapter is not None:
            await house.use_adapter(persona_id, adapter)
        sight = await house.look(question.picture) if sees else None
        if question.pcm:
            assert recording is not None
            sound = at_once(question.pcm, question.sample_rate_hz)
            report = await house.turn_voice(sound, question.sample_rate_hz, recording, to=persona_id)
        else:
            report = await house.turn_text(question.text, to=persona_id, publisher=recording)
        raise_failed(report)
        reports = [report]
        with tool_turns(house, reports.append):
            await house.tools_idle()
        return Answer(reports, sight, await house.stats())


def _question(wav: Path | None, text: str | None, image: Path | None) -> Question:
    if (wav is None) == (text is None):
        raise BadInput("ask needs either --wav FILE or --text WORDS", remedy="see: sensorium ask --help")
    if text is not None and not text.strip():
        raise BadInput("--text is empty", remedy="say something")
    picture = read_picture(image) if image is not None else b""
    if wav is not None:
        return Question("", *read_pcm(wav), picture)
    return Question(text or "", picture=picture)


def _picture_row(sight: Sight | None) -> dict[str, object] | None:
    if sight is None:
        return None
    stages = (Stage("vision", name, 0, start_s, end_s) for name, start_s, end_s in sight.stages)
    return {
        "sha256": sight.picture_sha256,
        "things": sight.things,
        "rows": sight.rows.num,
        "stages_ms": stages_ms(stages),
    }


def _check_out(path: Path) -> None:
    """Before a model is loaded for it."""
    if not path.parent.is_dir():
        raise BadInput(f"{path.parent} is not a folder", remedy="create it first")
    if path.exists() and not path.is_file():
        raise BadInput(f"{path} is a folder or a device, not a file", remedy="name a .wav file")
