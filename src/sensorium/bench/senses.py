"""`bench senses`: everything at once and in real time, while personas speak.

An open microphone with questions, a camera whose picture changes, and a page that is touched, for a minute;
then every row of the budgets as the house itself measured it. Stress makes every call of a model take longer,
all the time or at first: then it is told how soon the quality was back.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from sensorium.bench import furnished
from sensorium.bench.microphone import Microphone
from sensorium.bench.parts import picture
from sensorium.bench.provenance import commit, machine
from sensorium.bench.room import heard_report, questions
from sensorium.clock import SystemClock
from sensorium.dialogue.touch import Touched
from sensorium.errors import BadInput
from sensorium.front.background import beside
from sensorium.front.house import House
from sensorium.front.player import Player
from sensorium.front.report import TurnReport

Progress = Callable[[int, int, str], None]
FRAMES_PER_S, TOUCHES_PER_S = 10, 30
_ANSWER_S = 12.0
_NUM_FILES = 64
MAX_SECONDS = 3_600.0


def run(
    seconds: float, num_personas: int, stress: float, stress_s: float, progress: Progress
) -> dict[str, Any]:
    """`stress_s` 0: all the time. Raises BadInput, and what the house raises."""
    from sensorium.cli.running import run_async

    if not 5.0 <= seconds <= MAX_SECONDS:
        raise BadInput(f"--seconds is 5 to {MAX_SECONDS:.0f}, not {seconds:g}")
    if not 1.0 <= stress <= 10.0:
        raise BadInput(f"--stress is 1 (none) to 10, not {stress:g}")
    if not 0.0 <= stress_s < seconds:
        raise BadInput(f"--stress-seconds is 0 to --seconds, not {stress_s:g}")
    return run_async(_run(seconds, num_personas, stress, stress_s, progress))


async def _run(
    seconds: float, num_personas: int, stress: float, stress_s: float, progress: Progress
) -> dict[str, Any]:
    started_s = SystemClock().now_s()
    async with furnished.house(num_personas, sees=True, stress=stress, stress_s=stress_s) as house:
        player, microphone = Player(house.clock), Microphone(house.clock)
        reports: asyncio.Queue[TurnReport] = asyncio.Queue()
        until_s = house.clock.now_s() + seconds
        num_asked, num_answered = 0, 0
        async with beside(
            house.converse(microphone.sound(), 16_000, player, told=reports.put_nowait),
            house.watch(_frames(house, until_s)),
            _touch(house, until_s),
        ):
            for asked in itertools.cycle(questions(9, num_personas)):
                left_s = until_s - house.clock.now_s()
                if left_s <= 0:
                    break
                progress(round(seconds - left_s), round(seconds), asked.words)
                await microphone.say(asked.samples)
                num_asked += 1
                try:
                    async with asyncio.timeout(_ANSWER_S):
                        num_answered += bool((await heard_report(reports)).said)
                except TimeoutError:
                    continue
                await asyncio.sleep(0.3)
            microphone.close()
        stats = await house.stats()
        changes = _changes(house, started_s)
    skipped = {key: n for key, n in stats["counters"].items() if key.startswith("skipped_frames_total")}
    return {
        "stages": {stage: _row(row) for stage, row in stats["stages"].items()},
        "loop_lag_ms": {name: stats["loop_lag_ms"].get(name, 0.0) for name in ("p50", "p99", "max")},
        "underruns": player.underruns,
        "skipped_frames": sum(skipped.values()),
        "skipped_by": skipped,
        "ladders": stats["ladders"],
        "ladder_changes": changes,
        "quality_back_s": _back_s(changes, stats["ladders"], stress_s),
        "rss_mb": stats["memory"]["total"],
        "questions": num_asked,
        "answered": num_answered,
        "commit": commit(),
        "machine": machine(),
        "settings": {
            "seconds": seconds,
            "personas": num_personas,
            "stress": stress,
            "stress_seconds": stress_s,
            "bundle": "nano",
        },
    }


def _changes(house: House, started_s: float) -> list[tuple[str, float, str]]:
    """Ladder, seconds since the start, and the rung; oldest first."""
    marks = [stage for stage in house.trace.stages(0) if stage.name.startswith("quality.")]
    found = []
    for mark in sorted(marks, key=lambda stage: stage.start_s):
        ladder, _, rung = mark.name.removeprefix("quality.").partition(": ")
        found.append((ladder, round(mark.start_s - started_s, 2), rung))
    return found


def _back_s(
    changes: list[tuple[str, float, str]], ladders: dict[str, dict[str, Any]], stress_s: float
) -> float | None:
    """From the end of the stress until every ladder was at its best again; None: there was no end, or they
    are not. Workers count from their own start, which is later: it took no longer than that."""
    if not stress_s or any(values["at"] for values in ladders.values()):
        return None
    return round(max((at_s - stress_s for _, at_s, _ in changes if at_s >= stress_s), default=0.0), 2)


def _row(row: dict[str, Any]) -> dict[str, Any]:
    names = ("p50", "p95", "p99", "max", "count", "budget", "missed")
    kept = {name: row[name] for name in names if name in row}
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in kept.items()}


async def _frames(house: House, until_s: float) -> AsyncIterator[bytes]:
    """A lamp is dimmed in steps: every third frame shows something new, that nobody has looked at before."""
    number = 0
    files = await asyncio.to_thread(_files, picture())
    while house.clock.now_s() < until_s:
        yield files[number // 3 % len(files)] + bytes(1 + number % 3)
        number += 1
        await asyncio.sleep(1.0 / FRAMES_PER_S)


def _files(plain: NDArray[np.uint8]) -> list[bytes]:
    """More than anybody remembers; neighbours differ by a step of the lamp."""
    levels = [(1.0, 0.8, 0.6, 0.4)[i % 4] - 0.15 * i / _NUM_FILES for i in range(_NUM_FILES)]
    dimmed = [np.ascontiguousarray((plain * level).astype(np.uint8)) for level in levels]
    return [simplejpeg.encode_jpeg(pixels, quality=90) for pixels in dimmed]


async def _touch(house: House, until_s: float) -> None:
    target = house.room.personas[0].id
    number = 0
    while house.clock.now_s() < until_s:
        kind = ("move", "press", "move", "release")[number % 4]
        events = (Touched(kind, target, 0.5, number % 100 / 100),)  # type: ignore[arg-type]
        house.touch(msgspec.msgpack.encode(events))
        number += 1
        await asyncio.sleep(1.0 / TOUCHES_PER_S)


def rows(found: dict[str, Any]) -> list[tuple[str, ...]]:
    """For people: what, median, p99, budget, how often it was missed."""
    return [
        (
            stage,
            f"{row.get('p50', 0):g}",
            f"{row.get('p99', 0):g}",
            f"{row['budget']:g}",
            f"{row['missed']} of {row['count']}",
        )
        for stage, row in found["stages"].items()
    ]
