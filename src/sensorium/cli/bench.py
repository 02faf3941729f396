"""`sensorium bench`: programs that measure."""

from __future__ import annotations

import json as json_module
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from sensorium.cli.output import Json, Output, run
from sensorium.cli.running import run_async
from sensorium.errors import BadInput, WorkerFailed

if TYPE_CHECKING:
    from sensorium.bench.prefix import Progress

app = App(name="bench", help="Measure prefix reuse, the senses, live turns, recovery, memory, long runs.")
app.command("sensorium.cli.bench_room:room", name="room")


@app.command
def prefix(
    *,
    personas: Annotated[int, Parameter(help="How many share the room.")] = 6,
    prompt_tokens: Annotated[int, Parameter(help="Size of each persona's first prompt.")] = 14_000,
    shared_tokens: Annotated[int, Parameter(help="How much of it is the same for all.")] = 10_000,
    turns: Annotated[int, Parameter(help="How often each persona is asked.")] = 5,
    server_slots: Annotated[
        int, Parameter(show_default=False, help="Slots of the llama-servers; else one for each persona.")
    ] = 0,
    cold_turns: Annotated[int, Parameter(help="How many turns are measured cold; each takes seconds.")] = 3,
    bundle: Annotated[str, Parameter(help="Whose mind proves that reuse changes no reply.")] = "nano",
    seed: Annotated[int, Parameter(help="Another seed, other prompts and another order.")] = 1,
    json: Json = False,
) -> None:
    """How much of a long prompt is recomputed each turn: ours, a cold start, and llama-server.

    All answer the same prompts on one random-weight model, turn by turn; llama-server runs twice, with slots
    pinned by persona and with slots of its own choice. Needs the packages gguf and xllamacpp.

    Example: sensorium bench prefix --personas 14
    """
    from sensorium.bench import prefix as bench
    from sensorium.bench import report as reports
    from sensorium.bench.prompts import Load

    load = Load(personas, prompt_tokens, shared_tokens, turns, seed)
    setup = bench.Setup(load, server_slots, cold_turns)
    with run("bench prefix", json) as output:
        with progress_shown(quiet=json) as progress:
            results = bench.run(setup, progress)
            progress(1, 1, "comparing replies with a cold start")
            found = reports.report(setup, results, _equality(bundle))
        output.result(found)
        _show(output, found)


@app.command
def parts(
    *,
    bundle: Annotated[str, Parameter(help="A shipped bundle, or a bundle's folder.")] = "nano",
    json: Json = False,
) -> None:
    """What hearing, seeing and speaking cost on one core and one thread, each part alone.

    The ear for 80 ms of sound, the codec until a reply sounds, the eye for a picture, mind and codec for a
    second of speech, and a voice that is loaded or swapped. The p99 is held against the bar, so let the
    machine do nothing else. What the bundle lacks is not measured.

    Example: sensorium bench parts
    """
    from sensorium.bench import parts as bench

    with run("bench parts", json) as output:
        with progress_shown(quiet=json) as progress:
            found = bench.run(bundle, progress)
        output.result(found)
        bundle_name = found["settings"]["bundle"]
        _show_figures(output, found, f"{bundle_name}, one thread on one core, each part alone")


@app.command
def hop(*, json: Json = False) -> None:
    """How long a record and its payload take from the front to a worker, and back.

    Payloads of four sizes in the socket and in a ring of shared memory, by turns; then bare: woken by the
    socket or by an eventfd. The p99 is held against the millisecond that a hop may take.

    Example: sensorium bench hop
    """
    from sensorium.bench import hop as bench

    with run("bench hop", json) as output:
        with progress_shown(quiet=json) as progress:
            found = bench.run(progress)
        output.result(found)
        _show_figures(output, found, "two processes, microseconds from one into the hands of the other")


@app.command
def turn(
    *,
    turns: Annotated[int, Parameter(help="How many questions, with and without reading along.")] = 20,
    personas: Annotated[int, Parameter(help="How many share the room.")] = 6,
    json: Json = False,
) -> None:
    """How long a person waits for an answer, and where that time goes.

    Recorded questions at the speed of speech, through an open microphone; from their last sample to the first
    of the reply. Once with the model reading along while the person speaks, once without.

    Example: sensorium bench turn --turns 40
    """
    from sensorium.bench import turn as bench

    with run("bench turn", json) as output:
        with progress_shown(quiet=json) as progress:
            found = bench.run(turns, personas, progress)
        output.result(found)
        _show_turn(output, found)


@app.command
def senses(
    *,
    seconds: Annotated[float, Parameter(help="How long.")] = 60.0,
    personas: Annotated[int, Parameter(help="How many share the room.")] = 6,
    stress: Annotated[float, Parameter(help="Every call of a model takes so many times as long.")] = 1.0,
    stress_seconds: Annotated[
        float, Parameter(help="The stress ends so long after the start; 0: never.")
    ] = 0.0,
    json: Json = False,
) -> None:
    """Every budget, with all senses fed at once and in real time while personas speak.

    A microphone with questions, a camera at ten frames a second, thirty touches a second. With --stress 3 the
    machine cannot keep up, and must skip and count instead of blocking; where the stress ends, it is told how
    soon every sense had its quality back.

    Example: sensorium bench senses --seconds 60 --stress 10 --stress-seconds 30
    """
    from sensorium.bench import senses as bench

    with run("bench senses", json) as output:
        with progress_shown(quiet=json) as progress:
            found = bench.run(seconds, personas, stress, stress_seconds, progress)
        output.result(found)
        show_rows(output, "all senses (ms)", ("", "median", "p99", "budget", "missed"), bench.rows(found))
        output.text(
            f"answered {found['answered']} of {found['questions']}, underruns {found['underruns']}, "
            f"skipped frames {found['skipped_frames']}, {found['rss_mb']:.0f} MB"
        )
        if stress_seconds:
            back_s = found["quality_back_s"]
            back = "is not all back" if back_s is None else f"was back {back_s:g} s after the stress"
            output.text(f"{len(found['ladder_changes'])} changes of quality, which {back}")


@app.command(name="barge-in")
def barge_in(
    *,
    trials: Annotated[
        int, Parameter(help="How many replies are spoken over, half of them to stop them.")
    ] = 50,
    personas: Annotated[int, Parameter(help="How many share the room.")] = 6,
    json: Json = False,
) -> None:
    """How soon a persona falls silent when somebody interrupts, and whether it goes on when nobody does.

    Interruptions, a listener's "yes" and "i see", coughs and doors, all in real time over a spoken reply.

    Example: sensorium bench barge-in --trials 20
    """
    from sensorium.bench import barge_in as bench

    with run("bench barge-in", json) as output:
        with progress_shown(quiet=json) as progress:
            found = bench.run(trials, personas, progress)
        output.result(found)
        _show_barge_in(output, found)


@app.command
def memory(
    *,
    personas: Annotated[str, Parameter(help="Sizes of the room, with commas between.")] = "1,6,14",
    bundle: Annotated[str, Parameter(help="A shipped bundle, or a bundle's folder.")] = "nano",
    json: Json = False,
) -> None:
    """What a room holds in memory, by process and by kind (weights, KV, compute, adapters).

    Every size is a house of its own with ears, eyes and voices, after everybody was asked and answered aloud.

    Example: sensorium bench memory --personas 6,14
    """
    from sensorium.bench import memory as bench

    with run("bench memory", json) as output:
        sizes = bench.parse(personas)
        with progress_shown(quiet=json) as progress:
            found = bench.run(sizes, bundle, progress)
        output.result(found)
        titles = ("MB", *(f"{size} personas" for size in sizes))
        show_rows(output, "resident memory", titles, bench.rows(found))
        if found["ratio_14_to_6"] is not None:
            verdict = "met" if found["ratio_met"] else "missed"
            output.text(f"14 personas take {found['ratio_14_to_6']} times the memory of 6: {verdict}")


@app.command
def soak(
    *,
    minutes: Annotated[float, Parameter(help="How long.")] = 30.0,
    personas: Annotated[int, Parameter(help="How many share the room.")] = 6,
    bundle: Annotated[str, Parameter(help="A shipped bundle, or a bundle's folder.")] = "nano",
    json: Json = False,
) -> None:
    """A room left running, asked aloud all the time: does memory grow, do answers come later, is one lost?

    Questions in real time, one after the other. Slopes leave the first quarter out, which is warm-up.

    Example: sensorium bench soak --minutes 5
    """
    from sensorium.bench import furnished
    from sensorium.bench import soak as bench

    with run("bench soak", json) as output:
        bench.check(minutes)
        furnished.check(personas)
        with progress_shown(quiet=json) as progress:
            found = run_async(bench.run(minutes, personas, bundle, progress))
        output.result(found)
        show_rows(output, f"{personas} personas, {minutes:g} minutes", ("", ""), bench.rows(found))


@app.command
def recovery(
    *,
    rounds: Annotated[int, Parameter(help="How often each worker dies and hangs.")] = 1,
    bundle: Annotated[str, Parameter(help="A shipped bundle, or a bundle's folder.")] = "nano",
    json: Json = False,
) -> None:
    """How long the room is without a worker that dies or hangs, until its replacement is ready.

    Each of the four workers is killed (SIGKILL) and stopped (SIGSTOP) in a house of its own home folder; then
    a turn that needs it must be answered. The longest is held against 3 s. A round takes about half a minute.

    Example: sensorium bench recovery --rounds 3
    """
    from sensorium.bench import recovery as bench

    with run("bench recovery", json) as output:
        if rounds < 1:
            raise BadInput(f"--rounds is at least 1, not {rounds}")
        with progress_shown(quiet=json) as progress:
            found = run_async(bench.run(bundle, rounds, progress))
        output.result(found)
        _show_recovery(output, found)


def _equality(bundle: str) -> dict[str, Any]:
    """Two engines in a process of its own, so that their memory is nobody else's."""
    command = [sys.executable, "-m", "sensorium.bench.equality", "--bundle", bundle]
    finished = subprocess.run(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False)
    if finished.returncode != 0:
        raise WorkerFailed("the comparison with a cold start failed", remedy="its last words are on stderr")
    result: dict[str, Any] = json_module.loads(finished.stdout)
    return result


@contextmanager
def progress_shown(*, quiet: bool) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    console = Console(stderr=True)
    disable = quiet or not console.is_terminal
    with Progress(*columns, console=console, disable=disable, transient=True) as bar:
        task = bar.add_task("starting")

        def progress(done: int, total: int, what: str) -> None:
            bar.update(task, completed=done, total=total, description=what)

        yield progress


def _show(output: Output, found: dict[str, Any]) -> None:
    from rich.table import Table

    from sensorium.bench.report import ROWS

    names = ("ours", "llama_server_pinned", "llama_server_default", "cold")
    settings = found["settings"]
    table = Table(
        title=f"{settings['personas']} personas, {settings['prompt_tokens']} prompt tokens, "
        f"{settings['shared_tokens']} shared; turns after a persona's first"
    )
    table.add_column("")
    for name in names:
        table.add_column(name.replace("llama_server_", "llama-server, "), justify="right")
    for title, key in ROWS:
        table.add_row(title, *(f"{found[name][key]:,}" for name in names))
    output.say(table)
    equality = found["equality"]
    output.text(
        f"first token {found['speedup_vs_cold']} times sooner than cold, "
        f"{found['ttft_pinned_over_ours']} times sooner than pinned llama-server"
    )
    output.text(
        f"replies equal to a cold start: {equality['num_turns_equal']} of {equality['num_turns']} "
        f"({equality['model']}), largest log-probability difference {found['max_logprob_difference']}, "
        f"adapter A, B, A: {'right' if found['adapter_aba_equal_cold'] else 'WRONG'}"
    )


def show_rows(output: Output, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.table import Table

    table = Table(title=title)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    output.say(table)


def _show_recovery(output: Output, found: dict[str, Any]) -> None:
    from rich.table import Table

    from sensorium.bench.recovery import table

    shown = Table(title=f"{found['settings']['bundle']}, seconds from the signal")
    for column in (
        "worker",
        "it",
        "replaced",
        "longest",
        "next turn answered",
        f"at most {found['bar_s']:g}",
    ):
        shown.add_column(column, justify="left" if column in ("worker", "it") else "right")
    for row in table(found):
        shown.add_row(*row)
    output.say(shown)


def _show_figures(output: Output, found: dict[str, Any], title: str) -> None:
    from rich.table import Table

    from sensorium.bench.figures import table

    shown = Table(title=title)
    for column in ("", "median", "p99", "at most", ""):
        shown.add_column(column, justify="left" if not column else "right")
    for row in table(found):
        shown.add_row(*row)
    output.say(shown)


def _show_turn(output: Output, found: dict[str, Any]) -> None:
    from rich.table import Table

    from sensorium.bench.turn import PARTS

    table = Table(title=f"{found['settings']['turns']} turns, {found['settings']['personas']} personas (ms)")
    for column in ("", "reading along: median", "p95", "without: median", "p95"):
        table.add_column(column, justify="left" if not column else "right")
    both = (found, found["without"])
    names = [("voice to voice", [one["voice_to_voice_ms"] for one in both])]
    names += [(f"... {part.replace('_', ' ')}", [one["parts_ms"][part] for one in both]) for part in PARTS]
    names.append(("tokens left to read", [one["prefill_tokens_after_endpoint"] for one in both]))
    for name, values in names:
        cells = [f"{value.get(key, 0):g}" for value in values for key in ("p50", "p95")]
        table.add_row(name, *cells)
    output.say(table)
    output.text(f"unanswered {found['unanswered']}, underruns {found['underruns']}")


def _show_barge_in(output: Output, found: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(title=f"{found['settings']['trials']} replies spoken over")
    for column in ("", "median", "p95"):
        table.add_column(column, justify="left" if not column else "right")
    for title, key in (
        ("from the first sample to silence (ms)", "to_silence_ms"),
        ("transcript ends off by (ms)", "truncation_error_ms"),
        ("silent for nothing (ms)", "held_for_nothing_ms"),
    ):
        table.add_row(title, *(f"{found[key].get(name, 0):g}" for name in ("p50", "p95")))
    output.say(table)
    output.text(
        f"missed {found['missed']} of {found['interruptions']} interruptions, "
        f"stopped by {found['false_stops']} of {found['others']} other sounds"
    )
