"""Stage events on one clock, in a bounded ring, exported as Chrome JSON that opens in Perfetto.

Format: "Trace Event Format", complete ("X") events, times in microseconds. Events of one thread must lie
inside each other or apart; one that would only overlap gets a further thread of its process.
"""

from __future__ import annotations

import json
from array import array
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
    """The last `size` stages of one process. `add` costs about 0.2 microseconds, so nobody need think twice.

    Its memory is all there from the start (32 bytes a stage), or a long run would look like a leak.
    """

    def __init__(self, process: str, clock: Clock, size: int = 8192) -> None:
        self._process = process
        self._clock = clock
        self._size = size
        # What it was: a name, or process and name where it was measured elsewhere.
        self._what: list[str | tuple[str, str]] = [""] * size
        self._turns = [0] * size
        self._starts_s = array("d", bytes(8 * size))
        self._ends_s = array("d", bytes(8 * size))
        # One object of each: names come out of records and are put together anew for every stage.
        self._names: dict[str, str] = {}
        self._elsewhere: dict[tuple[str, str], tuple[str, str]] = {}
        self._num_added = 0

    def add(self, name: str, turn_id: int, start_s: float, end_s: float) -> None:
        self._put(self._names.setdefault(name, name), turn_id, start_s, end_s)

    def extend(self, stages: Iterable[Stage]) -> None:
        """Takes over stages measured in another process of this machine."""
        for stage in stages:
            what = (stage.process, stage.name)
            self._put(self._elsewhere.setdefault(what, what), stage.turn_id, stage.start_s, stage.end_s)

    def _put(self, what: str | tuple[str, str], turn_id: int, start_s: float, end_s: float) -> None:
        at = self._num_added % self._size
        self._what[at] = what
        self._turns[at] = turn_id
        self._starts_s[at] = start_s
        self._ends_s[at] = end_s
        self._num_added += 1

    def _stage(self, at: int) -> Stage:
        what = self._what[at]
        process, name = (self._process, what) if isinstance(what, str) else what
        return Stage(process, name, self._turns[at], self._starts_s[at], self._ends_s[at])

    @contextmanager
    def stage(self, name: str, turn_id: int = 0) -> Iterator[None]:
        start_s = self._clock.now_s()
        try:
            yield
        finally:
            self.add(name, turn_id, start_s, self._clock.now_s())

    def stages(self, turn_id: int | None = None) -> list[Stage]:
        kept = (at % self._size for at in self._since(0))
        return [self._stage(at) for at in kept if turn_id is None or self._turns[at] == turn_id]

    def since(self, mark: int) -> tuple[list[Stage], int]:
        """The stages added after `mark` (0: all that are kept), and the mark for the next call."""
        return [self._stage(at % self._size) for at in self._since(mark)], self._num_added

    def _since(self, mark: int) -> range:
        """Those that are still kept, counted from the first ever."""
        return range(max(mark, self._num_added - self._size), self._num_added)


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
