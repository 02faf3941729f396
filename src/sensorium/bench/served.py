"""`bench room`: many pages at once in a room that talks, over real WebSockets and in real time.

The house and its server are in this process, as with `sensorium up`; the pages are in another one
(`listeners.py`). What was told here and when it arrived there lie on one clock.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import psutil

from sensorium.bench import furnished
from sensorium.bench.listeners import Notes, key
from sensorium.bench.prefix import Progress
from sensorium.bench.provenance import commit, machine
from sensorium.errors import BadInput, WorkerFailed
from sensorium.front.audience import Piece
from sensorium.front.house import House
from sensorium.front.server import files, logs
from sensorium.front.server.app import application
from sensorium.front.server.doors import Door
from sensorium.front.server.hall import MAX_SEATS, Hall
from sensorium.front.server.serving import listening, served
from sensorium.metrics import rounded, summarize
from sensorium.wire import page
from sensorium.wire.events import Event

LAG_BUDGET_MS = 16.0
_LOOK_EVERY_S = 0.02
# What was told so shortly before the end may still have been under way.
_LAST_S = 1.0


async def run(num_listeners: int, seconds: float, num_personas: int, progress: Progress) -> dict[str, Any]:
    """Raises BadInput, and what the house raises; WorkerFailed when the pages fail."""
    if not 1 <= num_listeners <= MAX_SEATS:
        raise BadInput(f"a room has 1 to {MAX_SEATS} pages, not {num_listeners}")
    if not 5.0 <= seconds <= 3_600.0:
        raise BadInput(f"5 to 3600 seconds, not {seconds:g}")
    shown = await asyncio.to_thread(files.of_client)
    progress(0, 1, "starting")
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(furnished.house(num_personas))
        hall = await stack.enter_async_context(Hall(house, logs.EventLog(speech=False)))
        listener = stack.enter_context(listening("127.0.0.1", 0))
        door = Door("127.0.0.1", listener.getsockname()[1])
        await stack.enter_async_context(served(application(house, hall, shown, door), listener))
        measured = await _measured(house, door, num_listeners, seconds, progress)
    settings = {"listeners": num_listeners, "seconds": seconds, "personas": num_personas, "bundle": "nano"}
    return {**measured, "commit": commit(), "machine": machine(), "settings": settings}


async def _measured(
    house: House, door: Door, num_listeners: int, seconds: float, progress: Progress
) -> dict[str, Any]:
    told_s: dict[str, float] = {}

    def note(record: Event | page.Audio) -> None:
        if known := key(record):
            told_s.setdefault(known, time.monotonic())

    def note_sound(piece: Piece) -> None:
        note(page.Audio(piece.turn_id, piece.persona_id, piece.sample_rate_hz, piece.first_sample))

    url = f"http://{door.host}:{door.port}/"
    with house.happenings.told_to(note), house.audience.listening(note_sound):
        pages = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "sensorium.bench.listeners", url, str(num_listeners), str(seconds),
            stdout=asyncio.subprocess.PIPE, limit=1 << 28,
        )  # fmt: skip
        try:
            assert pages.stdout is not None
            if await pages.stdout.readline() != b"joined\n":
                raise WorkerFailed("the pages could not join")
            progress(0, 1, f"{num_listeners} pages, {seconds:g} s")
            started_s, cpu_s = time.monotonic(), _cpu_s()
            lags_ms = await _lags_ms(seconds)
            cpu = (_cpu_s() - cpu_s) / (time.monotonic() - started_s)
            memory = await house.stats()
            noted = msgspec.json.decode(await pages.stdout.readline() or b"[]", type=list[Notes])
            if not noted:
                raise WorkerFailed("the pages did not tell what they heard")
        finally:
            if pages.returncode is None:
                pages.kill()
            await pages.wait()
    found = compared(told_s, noted, until_s=started_s + seconds - _LAST_S)
    return {
        **found,
        "loop_lag_ms": rounded(summarize(lags_ms)),
        "loop_late_in_ms": house.lag.late_in(),
        "front_cpu": round(cpu, 3),
        "rss_mb": memory["memory"]["total"],
        "front_rss_mb": memory["memory"]["front"],
        "dropped_samples": house.counters.get("page_dropped_samples_total"),
        "cut_off": house.counters.get("listeners_cut_off_total"),
    }


def compared(told_s: Mapping[str, float], noted: Sequence[Notes], *, until_s: float) -> dict[str, Any]:
    """How late everything came, in ms, and how much of it never did; of what was told before `until_s`."""
    late_ms: dict[str, list[float]] = {"event": [], "audio": []}
    num_lost = 0
    for notes in noted:
        for known, at_s in told_s.items():
            if notes.joined_s < at_s < until_s:
                if known in notes.arrived_s:
                    late_ms[known.split()[0]].append((notes.arrived_s[known] - at_s) * 1000.0)
                else:
                    num_lost += 1
    turns = sum(known.startswith("event TurnEnded") for known in told_s)
    return {
        "event_ms": rounded(summarize(late_ms["event"])),
        "audio_ms": rounded(summarize(late_ms["audio"])),
        "ping_ms": rounded(summarize([ms for notes in noted for ms in notes.pings_ms])),
        "lost": num_lost,
        "turns": turns,
    }


def rows(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """For people: what, median, p99, longest, how many."""
    titles = {"event_ms": "an event arrives", "audio_ms": "sound arrives", "ping_ms": "ping and pong",
              "loop_lag_ms": "loop lag"}  # fmt: skip
    return [
        (title, *(f"{found[name].get(at, 0):g}" for at in ("p50", "p99", "max", "count")))
        for name, title in titles.items()
    ]


async def _lags_ms(seconds: float) -> list[float]:
    found = []
    until_s = time.monotonic() + seconds
    while (now_s := time.monotonic()) < until_s:
        await asyncio.sleep(_LOOK_EVERY_S)
        found.append(max(0.0, (time.monotonic() - now_s - _LOOK_EVERY_S) * 1000.0))
    return found


def _cpu_s() -> float:
    used = psutil.Process().cpu_times()
    total: float = used.user + used.system
    return total
