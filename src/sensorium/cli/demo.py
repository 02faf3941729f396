"""`sensorium demo`: a scripted evening, six personas, spoken questions in, spoken answers out."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
from cyclopts import Parameter

from sensorium.cli import evening, timeline
from sensorium.cli.evening import BUDGETS, Line, Played
from sensorium.cli.output import Json, Output, run
from sensorium.cli.running import Bridge, bridged, opened, run_async, said, totals, write_reply, writing
from sensorium.clock import SystemClock
from sensorium.config import Config
from sensorium.errors import BadInput, SensoriumError
from sensorium.front.capture import captured
from sensorium.front.house import House
from sensorium.front.listening import at_once, in_real_time
from sensorium.front.publisher import Recording
from sensorium.persona import VoiceRef
from sensorium.store import personas, rooms, voices
from sensorium.store.seed import shipped_personas
from sensorium.store.store import Store
from sensorium.trace import Stage, write_chrome
from sensorium.voices.library import Library

ROOM = "evening"
PERSON = "sam"


class Evening(NamedTuple):
    """All that came of it. `stats` as `House.stats` gives them, `stages` of the whole house."""

    played: list[Played]
    stats: dict[str, Any]
    stages: Sequence[Stage]


def demo(
    *,
    personas: Annotated[int, Parameter(help="How many sit in the room, 6 to 14.")] = 6,
    out: Annotated[Path, Parameter(help="Folder for the replies, the timeline and the trace.")] = Path("out"),
    fast: Annotated[
        bool,
        Parameter(
            negative="", show_default=False, help="Feed the questions at once, not at the speed of speech."
        ),
    ] = False,
    bridge: Bridge = False,
    json: Json = False,
) -> None:
    """An evening with six personas: recorded questions go in, spoken answers come out.

    Each question is asked aloud from a WAV file at the speed of speech; the persona that was addressed
    answers aloud. Your own personas and conversations are not touched; the voices that you gave to your
    personas are heard.

    Writes to --out: one WAV for each reply, timeline.html (open it in a browser), trace.json (open it at
    ui.perfetto.dev). Exit code 1 when the wrong persona answered or a turn failed.

    Example: sensorium demo --personas 14 --out evening
    """
    with run("demo", json) as output:
        if not 6 <= personas <= 14:
            raise BadInput(f"the evening is for 6 to 14 personas, not {personas}")
        with writing(out):
            out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="sensorium-demo-") as home:
            result = run_async(
                _evening(bridged(_config(Path(home)), bridge), personas, out, output, fast=fast)
            )
        _write_pictures(result, out)
        output.result(_json(result, out))
        _show(output, result, out)
    if wrong := [p for p in result.played if not p.went_right]:
        error = SensoriumError(f"{len(wrong)} of {len(result.played)} turns went wrong", remedy="see above")
        output.complain(error)
        raise SystemExit(error.exit_code)


def _config(home: Path) -> Config:
    """The machine's settings, but a store and a room of its own whatever the environment says."""
    config = Config.load(home)
    return msgspec.structs.replace(config, store=Config().store, room=Config().room, person=PERSON)


async def _evening(config: Config, num_personas: int, out: Path, output: Output, *, fast: bool) -> Evening:
    await asyncio.to_thread(_furnish, config, num_personas)
    played: list[Played] = []
    async with opened(House(config, room=ROOM), quiet=output.as_json) as house:
        for number, line in enumerate(evening.lines(num_personas), 1):
            turn = await _turn(house, line, number, out, output, fast=fast)
            played.append(turn)
            # While a reply is listened to the house reads ahead; without that time it must be waited for.
            await (house.settled() if fast else asyncio.sleep(evening.reply_seconds(turn.report)))
        await house.settled()
        return Evening(played, await house.stats(), house.trace.stages())


async def _turn(house: House, line: Line, number: int, out: Path, output: Output, *, fast: bool) -> Played:
    if line.sees:
        house.room.percepts = (line.sees,)
    pcm, rate_hz = await asyncio.to_thread(line.question)
    # At the speed of speech it is a microphone, and what is not heard in time is lost, as with people.
    spoken = at_once(pcm, rate_hz) if fast else in_real_time(pcm, rate_hz, house.clock)
    sound = spoken if fast else captured(spoken, rate_hz, house.counters)
    output.text(f"\n{PERSON}: {line.words}")
    report = await house.turn_voice(sound, rate_hz, Recording(), hands_free=True)
    path = out / f"{number:02d}-{report.persona or 'nobody'}.wav"
    wav = await asyncio.to_thread(write_reply, path, report)
    turn = evening.played(line, report, wav, house.room.personas)
    output.text(f"{report.persona or '(nobody)'}: {said(report)}\n  {_measured(turn)}")
    return turn


def _furnish(config: Config, num_personas: int) -> None:
    """A room of its own in a store of its own: the first of the default room, then the others by name; each
    with the voice that it has at home."""
    own = Config.load()
    spoken = _assigned(own)
    if any(voice is not None and voice.sha256 for voice in spoken.values()):
        Library(Path(config.home)).folder.symlink_to(Library(Path(own.home)).folder.absolute())
    with Store.open(config.store_path) as store:
        for persona_id, voice in spoken.items():
            store.submit(voices.assign, persona_id, voice).result()
        now_s = SystemClock().wall_s()
        store.submit(rooms.create_like, config.room, ROOM, PERSON, num_personas, at_s=now_s).result()


def _assigned(own: Config) -> dict[str, VoiceRef | None]:
    """The voices of the shipped personas in the user's own house, if there is one; None where it was taken
    away."""
    if not own.store_path.is_file():
        return {}
    with Store.open(own.store_path) as store:
        at_home = store.read(personas.all_of).result()
    shipped = {p.id for p in shipped_personas()}
    return {p.id: p.voice_ref for p in at_home if p.id in shipped}


def _write_pictures(result: Evening, out: Path) -> None:
    turns = [
        timeline.TimelineTurn(
            f"{p.line.words} → {p.report.persona or 'nobody'}: {said(p.report)}",
            _measured(p),
            p.report.stages,
        )
        for p in result.played
    ]
    page = timeline.render("Sensorium: an evening, turn by turn", turns)
    with writing(out / "timeline.html"):
        (out / "timeline.html").write_text(page, encoding="utf-8")
    with writing(out / "trace.json"):
        write_chrome(out / "trace.json", result.stages)


def _json(result: Evening, out: Path) -> dict[str, Any]:
    return {
        "turns": [p.row() for p in result.played],
        **totals(result.stats),
        "budgets": BUDGETS,
        "loop_lag_ms": result.stats["loop_lag_ms"],
        "timeline": str(out / "timeline.html"),
        "trace": str(out / "trace.json"),
    }


def _measured(turn: Played) -> str:
    shown = [
        f"{name.removesuffix('_ms').replace('_', ' ')} {value:.0f} ms"
        for name, value in turn.measured().items()
        if name.endswith("_ms")
    ]
    report = turn.report
    return ", ".join([*shown, f"{report.processed_tokens} of {report.prompt_tokens} prompt tokens processed"])


def _show(output: Output, result: Evening, out: Path) -> None:
    from rich.table import Table

    table = Table(title="turns against their budgets", title_justify="left")
    table.add_column("persona")
    table.add_column("answer\nread from")
    for title, limit in zip(
        ("ear ms", "mouth ms", "voice to\nvoice ms", "tokens"), BUDGETS.values(), strict=True
    ):
        table.add_column(f"{title}\n<= {limit:g}", justify="right", vertical="bottom")
    for turn in result.played:
        table.add_row(*_cells(turn))
    output.say(table)
    beside = totals(result.stats)
    output.text(
        f"{len(beside['personas'])} personas in {beside['rss_mb']:.0f} MB; "
        f"composition cache hits {beside['composition_cache_hit_rate']:.0%}"
    )
    output.text(f"replies, timeline.html and trace.json are in {out}")


def _cells(turn: Played) -> list[str]:
    measured, within = turn.measured(), turn.within_budget()
    who = turn.report.persona or "nobody"
    mark = "" if turn.went_right else f" [red](not {turn.line.persona})[/]"
    proven = "[green]ok[/]" if turn.proven else "[yellow]not proven[/]"
    cells = [who + mark, f"{turn.line.tier} {proven}"]
    for name in BUDGETS:
        style = "green" if within.get(name, True) else "bold red"
        cells.append(f"[{style}]{measured[name]:.0f}[/]" if name in measured else "")
    return cells
