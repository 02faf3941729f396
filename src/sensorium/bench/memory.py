"""`bench memory`: what a room holds in memory, by process and by kind, after everybody has spoken once.

Each size of room is a process tree of its own (`python -m sensorium.bench.memory N BUNDLE`), so that nothing
of one is counted in another.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sensorium.bench import furnished
from sensorium.bench.provenance import commit, machine
from sensorium.errors import BadInput, WorkerFailed

# 14 personas take less than so many times the memory of 6.
BAR_14_OVER_6 = 1.5
BAR_MB = 8_000.0

Progress = Callable[[int, int, str], None]


def parse(personas: str) -> list[int]:
    """ "1,6,14" -> [1, 6, 14]. Raises BadInput for anything else."""
    parts = [part.strip() for part in personas.split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) < 3 for part in parts):
        raise BadInput(
            f"--personas takes numbers with commas between, not {personas!r}", remedy="--personas 1,6,14"
        )
    sizes = [int(part) for part in parts]
    for size in sizes:
        furnished.check(size)
    return sorted(set(sizes))


def run(sizes: Sequence[int], bundle: str, progress: Progress) -> dict[str, Any]:
    """Raises WorkerFailed when a room could not be measured; why is on stderr."""
    rooms = []
    for done, size in enumerate(sizes):
        progress(done, len(sizes), f"{size} personas")
        rooms.append(_apart(size, bundle))
    return report(rooms, bundle)


def report(rooms: Sequence[Mapping[str, Any]], bundle: str) -> dict[str, Any]:
    """The object of `--json`. `ratio_14_to_6` is None when either was not measured. Pure."""
    totals = {room["personas"]: room["process_mb"]["total"] for room in rooms}
    ratio = round(totals[14] / totals[6], 3) if {6, 14} <= totals.keys() else None
    return {
        "rooms": list(rooms),
        "ratio_14_to_6": ratio,
        "ratio_bar": BAR_14_OVER_6,
        "ratio_met": ratio is not None and ratio < BAR_14_OVER_6,
        "bar_mb": BAR_MB,
        "met": all(total < BAR_MB for total in totals.values()),
        "commit": commit(),
        "machine": machine(),
        "settings": {"bundle": bundle},
    }


def rows(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """For people: each process, the total, each kind, and the cells, one column a room."""
    rooms = found["rooms"]
    shown: list[tuple[str, ...]] = []
    for name in rooms[0]["process_mb"]:
        title = "all processes" if name == "total" else f"{name} process"
        shown.append((title, *(f"{room['process_mb'][name]:,.1f}" for room in rooms)))
    for kind in rooms[0]["kind_mb"]:
        shown.append((f"of llm: {kind}", *(f"{room['kind_mb'][kind]:,.1f}" for room in rooms)))
    return [*shown, ("cells of KV used", *(f"{room['cells_used']:,}" for room in rooms))]


def _apart(size: int, bundle: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "sensorium.bench.memory", str(size), bundle]
    finished = subprocess.run(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False)
    if finished.returncode != 0:
        raise WorkerFailed(f"a room of {size} could not be measured", remedy="its last words are on stderr")
    room: dict[str, Any] = json.loads(finished.stdout)
    return room


async def measure(size: int, bundle: str) -> dict[str, Any]:
    """One room in this process and its workers: a picture is shown, everybody is asked and answers aloud."""
    import simplejpeg

    from sensorium.bench.parts import picture
    from sensorium.front.publisher import Recording

    async with furnished.house(size, sees=True, bundle=bundle) as house:
        await house.look(simplejpeg.encode_jpeg(picture(), quality=90))
        for persona in house.room.personas:
            await house.turn_text("what do you like", to=persona.id, publisher=Recording())
        await house.settled()
        stats = await house.stats()
    llm = stats["workers"]["llm"]
    return {
        "personas": size,
        "process_mb": stats["memory"],
        "kind_mb": {kind: round(num / 1e6, 1) for kind, num in llm["memory_bytes"].items()},
        "cells_used": llm["cells"]["used"],
        "parked": llm["parked"],
    }


if __name__ == "__main__":
    from sensorium.cli.running import run_async

    print(json.dumps(run_async(measure(int(sys.argv[1]), sys.argv[2]))))
