"""`bench soak`: a room left running with nano and spoken questions, in real time, and what it grows.

The house is in this process as it is in `chat`; nothing is stubbed and nothing is skipped.
"""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psutil

from sensorium.audio import to_int16
from sensorium.bench import furnished
from sensorium.bench.parts import questions
from sensorium.bench.provenance import commit, machine
from sensorium.bench.trend import Asked, Sample, report
from sensorium.errors import BadInput, SensoriumError
from sensorium.front.house import House
from sensorium.front.listening import EAR_RATE_HZ, in_real_time
from sensorium.front.publisher import Recording

MAX_MINUTES = 24 * 60.0
# What is resident holds whatever a batch has in hand just then; the least of a while is what stays. A
# sample takes most of a kilobyte in the front: more of them would be a slope of their own.
LOOK_EVERY_S, LOOKS_PER_SAMPLE = 1.0, 30
_SILENCE_S = 1.5

Progress = Callable[[int, int, str], None]


def check(minutes: float) -> None:
    if not 0.0 < minutes <= MAX_MINUTES:
        raise BadInput(f"--minutes goes up to {MAX_MINUTES:.0f}, not {minutes:g}")


async def run(minutes: float, num_personas: int, bundle: str, progress: Progress) -> dict[str, Any]:
    """Asks one question after the other until the time is over. Raises what the house raises at its start."""
    samples: list[Sample] = []
    asked: list[Asked] = []
    run_of = commit()  # before: somebody may commit while it runs
    async with furnished.house(num_personas, sees=False, bundle=bundle) as house:
        until_s = house.clock.now_s() + minutes * 60.0
        sampling = asyncio.create_task(_sample(house, samples))
        try:
            for number, pcm in enumerate(itertools.cycle(_sounds())):
                left_s = until_s - house.clock.now_s()
                if left_s <= 0:
                    break
                progress(round(minutes * 60 - left_s), round(minutes * 60), f"question {number + 1}")
                asked.append(await _ask(house, pcm))
        finally:
            sampling.cancel()
        stats = await house.stats()
    missed = {stage: row["missed"] for stage, row in stats["stages"].items() if row["missed"]}
    return {
        **report(samples, asked, minutes),
        "budgets_missed": missed,
        "counters": stats["counters"],
        "commit": run_of,
        "machine": machine(),
        "settings": {"bundle": bundle, "personas": num_personas},
    }


def _sounds() -> list[bytes]:
    """The questions of `sensorium demo` with the silence after them, mono s16le at 16 kHz."""
    silence = bytes(2 * round(_SILENCE_S * EAR_RATE_HZ))
    return [to_int16(sound).astype("<i2").tobytes() + silence for sound in questions()]


async def _ask(house: House, pcm: bytes) -> Asked:
    sound = in_real_time(pcm, EAR_RATE_HZ, house.clock)
    before = house.room.last_entry
    try:
        turn = await house.turn_voice(sound, EAR_RATE_HZ, Recording(), hands_free=True)
    except SensoriumError as e:
        return Asked(house.clock.now_s(), None, False, e.one_line())
    newest = [entry.text for entry in house.room.history()[-2:]]
    kept = house.room.last_entry != before and (turn.silent or turn.said == newest[-1])
    # As long as the reply sounds: then somebody asks again.
    await asyncio.sleep(len(turn.pcm) / 2 / (turn.sample_rate_hz or EAR_RATE_HZ))
    return Asked(house.clock.now_s(), turn.voice_to_voice_ms, kept, turn.error, turn.silent)


async def _sample(house: House, samples: list[Sample]) -> None:
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        with suppress(psutil.NoSuchProcess):  # being replaced: the next sample is of its successor
            samples.append(await _least(house))


async def _least(house: House) -> Sample:
    processes = {"front": psutil.Process(), **{n: psutil.Process(p) for n, p in house.pids().items()}}
    rss_mb = dict.fromkeys(processes, math.inf)
    for _ in range(LOOKS_PER_SAMPLE):
        for name, process in processes.items():
            rss_mb[name] = min(rss_mb[name], process.memory_info().rss / 1e6)
        await asyncio.sleep(LOOK_EVERY_S)
    open_files = {name: process.num_fds() for name, process in processes.items()}
    return Sample(house.clock.now_s(), {**rss_mb, "total": sum(rss_mb.values())}, open_files)


def rows(found: dict[str, Any]) -> list[tuple[str, str]]:
    """For people."""
    times = found["voice_to_voice_ms"]
    shown = [
        ("questions asked", str(found["questions"])),
        ("lost", str(found["lost"])),
        ("answered by silence", str(found["silent"])),
        ("voice to voice, median / p99 (ms)", f"{times.get('p50', 0):.0f} / {times.get('p99', 0):.0f}"),
        ("drift of the median (ms)", f"{found['latency_drift_ms']:+.1f}"),
    ]
    if found["memory_met"] is None:
        shown.append(("memory", "too short a run to tell"))
    for name, slope in found["memory_slope_mb_per_hour"].items():
        shown.append((f"memory of {name} (MB/hour)", f"{slope:+.1f}"))
    for name, grown in found["open_files_grown"].items():
        shown.append((f"open files of {name}, more by the end", f"{found['open_files'][name]}, {grown:+d}"))
    return shown
