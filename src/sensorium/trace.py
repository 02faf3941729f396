"""Stage events on one clock, in a bounded ring, exported as Chrome JSON that opens in Perfetto.

Format: "Trace Event Format", complete ("X") events, times in microseconds.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
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
    """The last `size` stages of one process."""

    def __init__(self, process: str, clock: Clock, size: int = 8192) -> None:
        self._process = process
        self._clock = clock
        self._ring: deque[Stage] = deque(maxlen=size)

    def add(self, name: str, turn_id: int, start_s: float, end_s: float) -> None:
        self._ring.append(Stage(self._process, name, turn_id, start_s, end_s))

    def extend(self, stages: Iterable[Stage]) -> None:
        """Takes over stages measured in another process of this machine."""
        self._ring.extend(stages)

    @contextmanager
    def stage(self, name: str, turn_id: int = 0) -> Iterator[None]:
        start_s = self._clock.now_s()
        try:
            yield
        finally:
            self.add(name, turn_id, start_s, self._clock.now_s())

    def stages(self, turn_id: int | None = None) -> list[Stage]:
        return [s for s in self._ring if turn_id is None or s.turn_id == turn_id]


def to_chrome(stages: Iterable[Stage]) -> dict[str, object]:
    """One Perfetto process track per process of the house, one thread per turn."""
    kept = sorted(stages, key=lambda s: s.start_s)
    origin_s = kept[0].start_s if kept else 0.0
    pids = {name: i + 1 for i, name in enumerate(sorted({s.process for s in kept}))}
    events: list[dict[str, object]] = [
        {"ph": "M", "name": "process_name", "pid": pid, "tid": 0, "args": {"name": name}}
        for name, pid in pids.items()
    ]
    events += [
        {
            "ph": "X",
            "name": s.name,
            "pid": pids[s.process],
            "tid": s.turn_id,
            "ts": round((s.start_s - origin_s) * 1e6, 1),
            "dur": round(max(0.0, s.end_s - s.start_s) * 1e6, 1),
            "args": {"turn_id": s.turn_id},
        }
        for s in kept
    ]
    return {"traceEvents": events, "displayTimeUnit": "ms"}


def write_chrome(path: Path, stages: Iterable[Stage]) -> None:
    path.write_text(json.dumps(to_chrome(stages)), encoding="utf-8")
