"""`bench recovery`: how long the room is without a worker that dies (SIGKILL) or hangs (SIGSTOP).

One house with all four workers. From the signal until the replacement is ready, which holds the noticing, the
restart and the loading; and until the next turn that needs this worker was answered.
"""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import simplejpeg

from sensorium.audio import to_int16
from sensorium.bench.parts import Progress, picture, questions
from sensorium.bench.provenance import commit, machine
from sensorium.config import Config
from sensorium.errors import WorkerFailed
from sensorium.front.house import House
from sensorium.front.line import Line
from sensorium.front.listening import EAR_RATE_HZ, at_once
from sensorium.front.publisher import Recording
from sensorium.metrics import summarize

SIGNALS = {"died": signal.SIGKILL, "hung": signal.SIGSTOP}
# Of a worker that is ready again, or of a turn. What takes longer is no recovery.
TIMEOUT_S = 60.0
BAR_S = 3.0

Use = Callable[[House], Awaitable[object]]


async def run(name: str, rounds: int, progress: Progress) -> dict[str, Any]:
    """Every round is a house of its own, so that no worker dies often enough to be left alone.

    Raises NotFound or BundleError, WorkerFailed when the room did not go on.
    """
    values: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for done in range(rounds):
        progress(done, rounds, "starting")
        with tempfile.TemporaryDirectory(prefix="sensorium-bench-") as home:
            async with House(Config(bundle=name, home=home), sees=True) as house:
                await house.warm()
                for worker, use in USES.items():
                    for why in SIGNALS:
                        progress(done, rounds, f"{worker} {why}")
                        replaced_s, answered_s = await recovery(house, worker, why, use)
                        values[worker, why, "replaced_s"].append(replaced_s)
                        values[worker, why, "answered_s"].append(answered_s)
    return report(values, name, rounds)


async def recovery(house: House, worker: str, why: str, use: Use) -> tuple[float, float]:
    """(until the replacement was ready, until it was of use) in seconds from the signal."""
    line = lines(house)[worker]
    before, started_s = line.ready, house.clock.now_s()
    os.kill(house.pids()[worker], SIGNALS[why])
    try:
        async with asyncio.timeout(TIMEOUT_S):
            while line.ready is before:  # noqa: ASYNC110 (nothing tells a bench)
                await asyncio.sleep(0.002)
            replaced_s = house.clock.now_s() - started_s
            await use(house)
    except TimeoutError:
        raise WorkerFailed(f"the {line.title} process {why} and was not replaced") from None
    if house.counters.get("worker_restarts_total", worker=worker, why=why) != 1:
        raise WorkerFailed(f"the {line.title} process {why}, but something else was counted")
    return replaced_s, house.clock.now_s() - started_s


def lines(house: House) -> dict[str, Line]:
    links = (house.llm, house.hearing, house.speech, house.vision)
    return {link.line.worker: link.line for link in links if link is not None}


async def _ask(house: House) -> None:
    _check((await house.turn_text("maya what do you like")).error)


async def _talk(house: House) -> None:
    pcm = to_int16(questions()[0]).astype("<i2").tobytes()
    report = await house.turn_voice(at_once(pcm, EAR_RATE_HZ), EAR_RATE_HZ, Recording())
    _check(report.error or ("" if report.pcm else "nothing was said"))


async def _show(house: House) -> None:
    # The same picture would not be looked at again.
    quality = 60 + len(house.trace.stages(0)) % 40
    await house.look(simplejpeg.encode_jpeg(picture(), quality=quality))


def _check(error: str) -> None:
    if error:
        raise WorkerFailed(f"the room did not go on: {error}")


USES: dict[str, Use] = {"llm": _ask, "hearing": _talk, "speech": _talk, "vision": _show}


def report(values: dict[tuple[str, str, str], list[float]], bundle: str, rounds: int) -> dict[str, Any]:
    """The object of `--json`; `met`: no replacement took longer than the bar."""
    workers: dict[str, dict[str, Any]] = {}
    for (worker, why, what), seconds in values.items():
        found = {key: round(value, 3) for key, value in summarize(seconds).items()}
        workers.setdefault(worker, {}).setdefault(why, {})[what] = found
    slowest_s = max(s for (_, _, what), found in values.items() if what == "replaced_s" for s in found)
    return {
        "workers": workers,
        "slowest_replaced_s": round(slowest_s, 3),
        "bar_s": BAR_S,
        "met": slowest_s <= BAR_S,
        "commit": commit(),
        "machine": machine(),
        "settings": {"bundle": bundle, "rounds": rounds},
    }


def table(found: dict[str, Any]) -> list[tuple[str, ...]]:
    """Worker, what happened, replaced (median, longest), next turn answered (median), verdict; as text."""
    rows = []
    for worker, ways in found["workers"].items():
        for why, times in ways.items():
            replaced, answered = times["replaced_s"], times["answered_s"]
            verdict = "met" if replaced["max"] <= found["bar_s"] else "missed"
            seconds = (replaced["p50"], replaced["max"], answered["p50"])
            rows.append((worker, why, *(f"{s:.2f}" for s in seconds), verdict))
    return rows
