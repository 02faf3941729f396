"""`sensorium bench room`: how a served room does with many pages."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from sensorium.cli.bench import progress_shown, show_rows
from sensorium.cli.output import Json, run
from sensorium.cli.running import run_async


def room(
    *,
    listeners: Annotated[int, Parameter(help="How many pages are in the room at once.")] = 20,
    seconds: Annotated[float, Parameter(help="How long.")] = 60.0,
    personas: Annotated[int, Parameter(help="How many share the room.")] = 6,
    json: Json = False,
) -> None:
    """Many pages at once in a room that talks: how late events and sound arrive, and is anything lost?

    Real WebSockets in real time, from a process of their own; one page asks, all listen. Beside it what the
    front takes of a core, its memory, and how late its event loop was.

    Example: sensorium bench room --listeners 5 --seconds 20
    """
    from sensorium.bench import served as bench

    with run("bench room", json) as output:
        with progress_shown(quiet=json) as progress:
            found = run_async(bench.run(listeners, seconds, personas, progress))
        output.result(found)
        titles = ("", "median", "p99", "longest", "of")
        show_rows(output, f"{listeners} pages, {personas} personas (ms)", titles, bench.rows(found))
        output.text(
            f"{found['turns']} turns, lost {found['lost']}, dropped samples {found['dropped_samples']}, "
            f"cut off {found['cut_off']}; the front took {found['front_cpu']:.0%} of a core and "
            f"{found['front_rss_mb']:.0f} MB, the house {found['rss_mb']:.0f} MB"
        )
