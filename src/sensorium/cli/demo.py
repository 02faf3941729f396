"""`sensorium demo`: a scripted evening, six personas, spoken questions in, spoken answers out."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from sensorium.cli import timeline
from sensorium.cli.output import Json, Output, run
from sensorium.cli.running import progress, read_pcm, run_async, said, write_reply
from sensorium.clock import SystemClock
from sensorium.config import Config
from sensorium.errors import BadInput
from sensorium.front.house import House
from sensorium.front.listening import at_once, in_real_time
from sensorium.front.publisher import Recording
from sensorium.front.report import TurnReport
from sensorium.persona import Persona
from sensorium.store import personas, rooms
from sensorium.store.database import Database
from sensorium.store.store import Store
from sensorium.trace import write_chrome

ROOM = "evening"
PERSON = "sam"
# What a microphone would go on sending after the last word.
SILENCE_S = 3.0
# Budgets of DESIGN section 1, in milliseconds and tokens.
BUDGETS = {"hearing_ms": 50.0, "first_sound_ms": 150.0, "voice_to_voice_ms": 3000.0, "processed_tokens": 200}


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing Sam says; see evening.toml."""

    wav: str
    words: str
    persona: str
    tier: str
    fact: str = ""
    proof: str = ""
    sees: str = ""
    min_personas: int = 0


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    line: tuple[Line, ...]


class Played(msgspec.Struct, frozen=True):
    line: Line
    report: TurnReport
    wav: str
    proven: bool

    @property
    def right_persona(self) -> bool:
        return self.report.persona == self.line.persona

    def row(self) -> dict[str, object]:
        return {
            **self.report.row(self.wav),
            "asked": self.line.words,
            "expected_persona": self.line.persona,
            "right_persona": self.right_persona,
            "answer_from": self.line.tier,
            "answer_proven": self.proven,
            "within_budget": _within_budget(self.report),
        }


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
    json: Json = False,
) -> None:
    """An evening with six personas: recorded questions go in, spoken answers come out.

    Each question is asked aloud from a WAV file at the speed of speech; the persona that was addressed
    answers aloud. Your own personas and conversations are not touched.

    Writes to --out: one WAV for each reply, timeline.html (open it in a browser), trace.json (open it at
    ui.perfetto.dev).

    Example: sensorium demo --personas 14 --out evening
    """
    with run("demo", json) as output:
        if not 6 <= personas <= 14:
            raise BadInput(f"the evening is for 6 to 14 personas, not {personas}")
        with _folder(out), tempfile.TemporaryDirectory(prefix="sensorium-demo-") as home:
            config = Config.load(Path(home))
            played, stats, house_stages = run_async(_evening(config, personas, out, output, fast=fast))
        write_chrome(out / "trace.json", house_stages)
        _write_timeline(out / "timeline.html", played)
        output.result(_result(played, stats, out))
        _show(output, played, stats, out)
    if any(p.report.error or not p.right_persona for p in played):
        raise SystemExit(1)


async def _evening(
    config: Config, num_personas: int, out: Path, output: Output, *, fast: bool
) -> tuple[list[Played], dict[str, Any], Sequence[Any]]:
    names = await asyncio.to_thread(_furnish, config, num_personas)
    played: list[Played] = []
    clock = SystemClock()
    with progress("starting the model, the ear and the mouth", quiet=output.as_json):
        house = await House(config, room=ROOM, clock=clock).__aenter__()
    try:
        with progress(f"{len(names)} personas read their prompts", quiet=output.as_json):
            await house.warm()
        for number, line in enumerate(_lines(num_personas), 1):
            if line.sees:
                house.room.percepts = (line.sees,)
            pcm, rate_hz = await asyncio.to_thread(_question, line)
            sound = at_once(pcm, rate_hz) if fast else in_real_time(pcm, rate_hz, clock)
            output.text(f"\n{PERSON}: {line.words}")
            report = await house.turn_voice(sound, rate_hz, Recording(), person=PERSON, hands_free=True)
            path = out / f"{number:02d}-{report.persona or 'nobody'}.wav"
            wav = await asyncio.to_thread(write_reply, path, report)
            played.append(Played(line, report, wav, _proven(line, report, house.room.personas)))
            output.text(f"{report.persona or '(nobody)'}: {said(report)}\n  {_measured(report)}")
            if not fast:
                await asyncio.sleep(_seconds(report))
        await house.settled()
        return played, await house.stats(), house.trace.stages()
    finally:
        await house.__aexit__(None, None, None)


def _furnish(config: Config, num_personas: int) -> list[str]:
    """A room of its own in a store of its own: the first of the default room, then the others by name."""
    with Store.open(config.store_path) as store:
        return store.submit(_make_room, config.room, num_personas, SystemClock().wall_s()).result()


def _make_room(db: Database, default_room: str, num_personas: int, now_s: float) -> list[str]:
    first = [p.id for p in rooms.get(db, default_room).personas]
    others = [p.id for p in personas.all_of(db) if p.id not in first]
    names = (first + others)[:num_personas]
    rooms.create(db, ROOM, at_s=now_s, name="an evening")
    for name in (*names, PERSON):
        rooms.join(db, ROOM, name, at_s=now_s)
    return names


def _lines(num_personas: int) -> list[Line]:
    text = files("sensorium.cli").joinpath("evening/evening.toml").read_bytes()
    script = msgspec.toml.decode(text, type=Script)
    return [line for line in script.line if line.min_personas <= num_personas]


def _question(line: Line) -> tuple[bytes, int]:
    pcm, rate_hz = read_pcm(Path(str(files("sensorium.cli").joinpath(f"evening/{line.wav}"))))
    return pcm + bytes(2 * round(SILENCE_S * rate_hz)), rate_hz


def _proven(line: Line, report: TurnReport, present: Sequence[Persona]) -> bool:
    proof = line.proof
    if line.fact:
        proof = next(p.facts[line.fact] for p in present if p.id == line.persona)
    return proof in report.said.lower()


def _seconds(report: TurnReport) -> float:
    return len(report.pcm) / 2 / report.sample_rate_hz if report.sample_rate_hz else 0.0


def _stage_ms(report: TurnReport) -> dict[str, float]:
    """The stages that have a budget: the slowest ear chunk, and words to first sound."""
    chunks = [s.ms for s in report.stages if s.process == "hearing" and s.name.endswith("chunk")]
    measured = {"hearing_ms": max(chunks)} if chunks else {}
    if "front.first_sound" in report.stages_ms:
        measured["first_sound_ms"] = report.stages_ms["front.first_sound"]
    if report.voice_to_voice_ms is not None:
        measured["voice_to_voice_ms"] = report.voice_to_voice_ms
    return measured


def _within_budget(report: TurnReport) -> dict[str, bool]:
    measured: dict[str, float] = {**_stage_ms(report), "processed_tokens": report.processed_tokens}
    return {name: value <= BUDGETS[name] for name, value in measured.items()}


def _measured(report: TurnReport) -> str:
    stages = _stage_ms(report)
    shown = [f"{name.removesuffix('_ms').replace('_', ' ')} {ms:.0f} ms" for name, ms in stages.items()]
    return ", ".join([*shown, f"{report.processed_tokens} of {report.prompt_tokens} prompt tokens processed"])


def _result(played: list[Played], stats: dict[str, Any], out: Path) -> dict[str, Any]:
    return {
        "turns": [p.row() for p in played],
        "personas": stats["personas"],
        "rss_mb": stats["memory"]["total"],
        "composition_cache_hit_rate": stats["composition_cache"]["hit_rate"],
        "budgets": BUDGETS,
        "loop_lag_ms": stats["loop_lag_ms"],
        "timeline": str(out / "timeline.html"),
        "trace": str(out / "trace.json"),
    }


def _show(output: Output, played: list[Played], stats: dict[str, Any], out: Path) -> None:
    from rich.table import Table

    budgets = [f"<= {b:g}" for b in BUDGETS.values()]
    table = Table(title="turns against their budgets", title_justify="left")
    for name in ("persona", "answer read from"):
        table.add_column(name)
    for name, budget in zip(("ear ms", "mouth ms", "voice to voice ms", "tokens"), budgets, strict=True):
        table.add_column(f"{name}\n{budget}", justify="right")
    for p in played:
        table.add_row(*_cells(p))
    output.say(table)
    hits, rss_mb = stats["composition_cache"]["hit_rate"], stats["memory"]["total"]
    output.text(f"{len(stats['personas'])} personas in {rss_mb:.0f} MB; composition cache hits {hits:.0%}")
    output.text(f"replies, timeline.html and trace.json are in {out}")


def _cells(p: Played) -> tuple[str, ...]:
    stages, within = _stage_ms(p.report), _within_budget(p.report)
    mark = "" if p.right_persona else f" [red](not {p.line.persona})[/]"
    numbers = []
    for name in BUDGETS:
        value = p.report.processed_tokens if name == "processed_tokens" else stages.get(name)
        style = "green" if within.get(name, True) else "bold red"
        numbers.append("" if value is None else f"[{style}]{value:.0f}[/]")
    tier = f"{p.line.tier} [green]ok[/]" if p.proven else f"{p.line.tier} [yellow]not proven[/]"
    return (p.report.persona + mark, tier, *numbers)


def _write_timeline(path: Path, played: list[Played]) -> None:
    turns = [
        timeline.TimelineTurn(
            f"{p.line.words} → {p.report.persona or 'nobody'}: {said(p.report)}",
            _measured(p.report),
            p.report.stages,
        )
        for p in played
    ]
    path.write_text(timeline.render("Sensorium: an evening, turn by turn", turns), encoding="utf-8")


@contextmanager
def _folder(path: Path) -> Iterator[None]:
    """The folder exists while the body runs; a file of that name or a full disk is a clear error."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as e:
        raise BadInput(f"{path}: {e.strerror or e}", remedy="choose another folder with --out") from e
