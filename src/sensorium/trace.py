"""Stage events on one clock, in a bounded ring, exported as Chrome JSON that opens in Perfetto.

Format: "Trace Event Format", complete ("X") events, times in microseconds. Events of one thread must lie
inside each other or apart; one that would only overlap gets a further thread of its process.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from sensorium.clock import Clock


class Stage(NamedTuple):
    """One thing that took time: `start_s` is on the machine-wide monotonic clock."""

    process: str
    name: str
    turn_id: int
    start_s: float
    end_s: float

    @property
    def ms(self) -> float:
        return (self.end_s - self.start_s) * 1000.0


class Trace:
    """The last `size` stages of one process. `add` costs about 0.2 microseconds, so nobody need think twice.

    Kept as plain tuples in the order of `Stage`, which are made when somebody looks.
    """

    def __init__(self, process: str, clock: Clock, size: int = 8192) -> None:
        self._process = process
        self._clock = clock
        self._ring: deque[tuple[str, str, int, float, float]] = deque(maxlen=size)
        self._num_added = 0

    def add(self, name: str, turn_id: int, start_s: float, end_s: float) -> None:
        self._ring.append((self._process, name, turn_id, start_s, end_s))
        self._num_added += 1

    def extend(self, stages: Iterable[Stage]) -> None:
        """Takes over stages measured in another process of this machine."""
        for stage in stages:
            self._ring.append(stage)
            self._num_added += 1

    @contextmanager
    def stage(self, name: str, turn_id: int = 0) -> Iterator[None]:
        start_s = self._clock.now_s()
        try:
            yield
        finally:
            self.add(name, turn_id, start_s, self._clock.now_s())

    def stages(self, turn_id: int | None = None) -> list[Stage]:
        return [Stage(*kept) for kept in self._ring if turn_id is None or kept[2] == turn_id]

    def since(self, mark: int) -> tuple[list[Stage], int]:
        """The stages added after `mark` (0: all that are kept), and the mark for the next call."""
        new = min(self._num_added - mark, len(self._ring))
        first = len(self._ring) - new
        return [Stage(*kept) for kept in islice(self._ring, first, None)], self._num_added


def to_chrome(stages: Iterable[Stage]) -> dict[str, object]:
    """One Perfetto process track per process of the house. The stages of a turn nest in its thread; `turn_id`
    is among the arguments of each."""
    # The longer first, so that whatever holds another comes before it.
    kept = sorted(stages, key=lambda s: (s.start_s, -s.end_s))
    origin_s = kept[0].start_s if kept else 0.0
    pids = {name: i + 1 for i, name in enumerate(sorted({s.process for s in kept}))}
    lanes: dict[str, list[list[float]]] = {name: [] for name in pids}
    events: list[dict[str, object]] = []
    for stage in kept:
        start_us = round((stage.start_s - origin_s) * 1e6)
        end_us = max(start_us, round((stage.end_s - origin_s) * 1e6))
        events.append(
            {
                "ph": "X",
                "name": stage.name,
                "pid": pids[stage.process],
                "tid": _lane(lanes[stage.process], start_us, end_us) + 1,
                "ts": start_us,
                "dur": end_us - start_us,
                "args": {"turn_id": stage.turn_id},
            }
        )
    names: list[dict[str, object]] = []
    for name, pid in pids.items():
        names.append({"ph": "M", "name": "process_name", "pid": pid, "tid": 0, "args": {"name": name}})
        for tid in range(1, len(lanes[name]) + 1):
            title = name if tid == 1 else f"{name}, at the same time ({tid})"
            names.append({"ph": "M", "name": "thread_name", "pid": pid, "tid": tid, "args": {"name": title}})
    return {"traceEvents": [*names, *events], "displayTimeUnit": "ms"}


def _lane(lanes: list[list[float]], start_us: float, end_us: float) -> int:
    """The first of a process's threads in which the stage lies apart from all others or inside them. `lanes`:
    for each, when the stages that are open end, the outermost first; the new one is put in."""
    for number, open_ends in enumerate(lanes):
        while open_ends and open_ends[-1] <= start_us:
            open_ends.pop()
        if not open_ends or end_us <= open_ends[-1]:
            open_ends.append(end_us)
            return number
    lanes.append([end_us])
    return len(lanes) - 1


def write_chrome(path: Path, stages: Iterable[Stage]) -> None:
    path.write_text(json.dumps(to_chrome(stages)), encoding="utf-8")
