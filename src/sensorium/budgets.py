"""The times that every turn must keep, as data, and the meter that holds what was measured against them.

One row for each time of `docs/budgets.md`; the name of a row is the name of its stage in the trace. A process
measures the rows that are its own, so that nothing is counted twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sensorium.metrics import Counters, Histogram
from sensorium.trace import Stage


class Budget(NamedTuple):
    """`ms`: what the p99 must stay below. `process`: who measures it. `starts` and `ends`, in words."""

    stage: str
    ms: float
    process: str
    starts: str
    ends: str


BUDGETS = (
    Budget("hearing.chunk", 50.0, "hearing", "the front sent its last sample", "its words and rows are sent"),
    Budget("hearing.encoder", 40.0, "hearing", "80 ms of sound enter the model", "they have left it"),
    Budget("vision.frame", 100.0, "front", "the picture's file is there", "its rows are in the room's view"),
    Budget("vision.decode", 5.0, "vision", "the file is with the worker", "it is pixels"),
    Budget("vision.model", 80.0, "vision", "the picture is pixels", "it is rows for the mind"),
    Budget("speech.first_byte", 150.0, "front", "the mouth got the first codes or words", "first PCM"),
    Budget("speech.first_chunk", 100.0, "speech", "what makes the first sound comes", "first chunk sent"),
    Budget("touch", 16.0, "front", "the event is there", "it is in the next prompt"),
    Budget("hop", 1.0, "front", "a worker is about to send", "the front has the record"),
    Budget("loop_lag", 16.0, "front", "a timer was due", "the loop got to it"),
    Budget("voice_to_voice", 3000.0, "front", "last speech sample", "first reply sample published"),
)
# The contract is the budget; this is what we want of it.
VOICE_TO_VOICE_AIM_MS = 500.0

BY_STAGE: Mapping[str, Budget] = {budget.stage: budget for budget in BUDGETS}


class Meter:
    """What one process measured of its rows. A miss is counted as `budget_missed_total{stage}`."""

    def __init__(self, process: str, counters: Counters) -> None:
        self._counters = counters
        self._rows = {b.stage: b for b in BUDGETS if b.process == process}
        self._histograms = {stage: Histogram() for stage in self._rows}
        self._missed = dict.fromkeys(self._rows, 0)

    def add(self, stage: str, ms: float) -> None:
        """A stage without a row of this process is nobody's budget and is left out."""
        row = self._rows.get(stage)
        if row is None:
            return
        self._histograms[stage].add(ms)
        if ms > row.ms:
            self._missed[stage] += 1
            self._counters.add("budget_missed_total", stage=stage)

    def take(self, stages: Iterable[Stage]) -> None:
        for stage in stages:
            self.add(stage.name, stage.ms)

    def values(self) -> dict[str, Any]:
        """By row: p50, p95, p99 and max in ms, count, budget, missed, and the histogram."""
        return {
            stage: {
                **histogram.summary(),
                "budget": self._rows[stage].ms,
                "missed": self._missed[stage],
                "histogram": histogram.values(),
            }
            for stage, histogram in self._histograms.items()
        }


def share_missed(before: Mapping[str, Any], now: Mapping[str, Any]) -> float:
    """Of two `values`, one after the other: the largest share of a row's new measurements that were missed.

    Above 0.05 its p95 was beyond the budget.
    """
    worst = 0.0
    for stage, row in now.items():
        old = before.get(stage, {"count": 0, "missed": 0})
        # A process that was started anew counts from 0 again.
        new = row["count"] - old["count"] if row["count"] >= old["count"] else row["count"]
        missed = row["missed"] - old["missed"] if row["count"] >= old["count"] else row["missed"]
        if new > 0:
            worst = max(worst, missed / new)
    return worst
