"""Once a second: measures the front's stages, asks the workers how they are, pauses settling, tells the disk.

The only place where the parts of the house are looked at together. Decides by `quality`; a turn never waits
for it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from sensorium.budgets import Meter, share_missed
from sensorium.clock import Clock
from sensorium.errors import SensoriumError
from sensorium.front import live_file
from sensorium.front.line import Line
from sensorium.front.settling import Settler
from sensorium.metrics import Counters
from sensorium.quality import Controller, Ladder, Rung
from sensorium.trace import Trace

EVERY_S = 1.0
_PATIENCE_S = 0.5

# What people wait for. A hop that is late says that the machine is busy, maybe with settling, and no more.
_WAITED_FOR = ("hearing.chunk", "vision.frame", "speech.first_byte", "touch", "voice_to_voice")

SETTLING = Ladder("settling", (Rung("at once", 1), Rung("paused", 0)))


class Monitor:
    """`run` until cancelled. `ladders` are those that live in the front, `more` what else the disk is told.

    `home`: the folder of the file that `sensorium stats --watch` reads; it goes when `run` ends.
    """

    def __init__(
        self,
        lines: Sequence[Line],
        trace: Trace,
        meter: Meter,
        counters: Counters,
        clock: Clock,
        ladders: Sequence[Controller],
        settler: Settler,
        home: Path,
        more: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._lines = lines
        self._trace = trace
        self._meter = meter
        self._counters = counters
        self._clock = clock
        # One bad second is enough, and one good moment is not.
        self._settling = Controller(SETTLING, min_samples=1)
        self._ladders = (*ladders, self._settling)
        self._settler = settler
        self._home = home
        self._more = more
        self._mark = 0
        self._before: dict[str, Any] = {}
        self.values: dict[str, Any] = {}  # as last measured
        self._process = psutil.Process()

    async def run(self) -> None:
        try:
            while True:
                await asyncio.sleep(EVERY_S)
                values = self.taken(await self._asked())
                self._pause_settling(values["stages"])
                self.values = {**values, **self._more()}
                await asyncio.to_thread(live_file.write, self._home, self.values)
        finally:
            await asyncio.to_thread(live_file.remove, self._home)

    def taken(self, workers: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
        """What was measured until now, by row, with the ladders; `workers` is what each said when asked."""
        stages, self._mark = self._trace.since(self._mark)
        self._meter.take(stage for stage in stages if stage.process == "front")
        ladders: dict[str, Any] = {c.ladder.name: c.values() for c in self._ladders}
        rows = self._meter.values()
        for name, values in workers.items():
            rows |= values.pop("stages", {})
            if "ladder" in values:
                ladders[name] = values.pop("ladder")
            self._note(name, name, values.pop("changes", []))
        for controller in self._ladders:
            self._note("front", controller.ladder.name, [list(change) for change in controller.drain()])
        return {
            "at_s": self._clock.wall_s(),
            "pid": os.getpid(),
            "stages": rows,
            "ladders": ladders,
            "rss_mb": self._rss_mb(workers),
            "counters": self._counters.snapshot(),
            "workers": dict(workers),
        }

    async def _asked(self) -> dict[str, dict[str, Any]]:
        """A worker that is down or does not answer in time is left out."""
        found: dict[str, dict[str, Any]] = {}
        for line in self._lines:
            with suppress(TimeoutError, SensoriumError):
                async with asyncio.timeout(_PATIENCE_S):
                    found[line.worker] = await line.inspect()
        return found

    def _note(self, process: str, ladder: str, changes: Sequence[Sequence[Any]]) -> None:
        for at_s, rung, _ in changes:
            self._trace.add(f"quality.{ladder}: {rung}", 0, at_s, at_s)
            self._counters.add("quality_changes_total", ladder=ladder)

    def _pause_settling(self, rows: Mapping[str, Any]) -> None:
        now_s = self._clock.now_s()
        rows = {stage: row for stage, row in rows.items() if stage in _WAITED_FOR}
        missed = share_missed(self._before, rows) > 0.05
        self._before |= rows
        self._settling.add(1.0 if missed else 0.0, now_s)
        self._settler.pause(not self._settling.handle(now_s).value)

    def _rss_mb(self, workers: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
        found = {"front": self._process.memory_info().rss / 1e6}
        for name, values in workers.items():
            found[name] = (values["rss_bytes"] + values["children_rss_bytes"]) / 1e6
        return {name: round(mb, 1) for name, mb in {**found, "total": sum(found.values())}.items()}
