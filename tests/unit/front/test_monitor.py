"""Given what the workers said, when it is taken together, then rows, ladders and changes are in one place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sensorium.budgets import Meter
from sensorium.clock import ManualClock
from sensorium.front.frames import LADDER
from sensorium.front.monitor import Monitor
from sensorium.metrics import Counters
from sensorium.quality import Controller
from sensorium.trace import Stage, Trace


class Settler:
    def __init__(self) -> None:
        self.paused: list[bool] = []

    def pause(self, paused: bool) -> None:
        self.paused.append(paused)


class Given:
    def __init__(self) -> None:
        self.clock = ManualClock(now_s=10.0)
        self.counters = Counters()
        self.trace = Trace("front", self.clock)
        self.vision = Controller(LADDER)
        self.settler: Any = Settler()
        self.monitor = Monitor(
            [], self.trace, Meter("front", self.counters), self.counters, self.clock, [self.vision],
            self.settler, Path("nowhere"), dict,
        )  # fmt: skip

    def worker(self, changes: list[list[Any]] | None = None, **rows: tuple[int, int]) -> dict[str, Any]:
        """Rows are (count, missed)."""
        stages = {
            name: {"count": count, "missed": missed, "budget": 1.0} for name, (count, missed) in rows.items()
        }
        ladder = {"rung": "80 ms at once", "at": 1, "of": 3, "changes": 1}
        return {
            "rss_bytes": 2_000_000, "children_rss_bytes": 1_000_000,
            "stages": stages, "ladder": ladder, "changes": changes or [],
        }  # fmt: skip


@pytest.fixture
def given() -> Given:
    return Given()


def test_the_fronts_own_stages_are_measured_once_and_others_are_not(given: Given) -> None:
    given.trace.add("hop", 1, 0.0, 0.002)
    given.trace.extend([Stage("hearing", "hop", 1, 0.0, 9.0)])
    rows = given.monitor.taken({})["stages"]
    again = given.monitor.taken({})["stages"]
    assert rows["hop"]["count"] == again["hop"]["count"] == 1
    assert given.counters.get("budget_missed_total", stage="hop") == 1


def test_workers_rows_ladders_and_memory_stand_beside_the_fronts(given: Given) -> None:
    found = given.monitor.taken({"hearing": given.worker(**{"hearing.chunk": (3, 1)})})
    assert found["stages"]["hearing.chunk"]["missed"] == 1
    assert {"hop", "voice_to_voice"} <= set(found["stages"])
    assert found["ladders"]["hearing"]["rung"] == "80 ms at once"
    assert found["ladders"]["vision"]["at"] == 0 and found["ladders"]["settling"]["rung"] == "at once"
    assert found["rss_mb"]["hearing"] == 3.0
    assert "stages" not in found["workers"]["hearing"]


def test_changes_of_quality_are_events_of_the_trace(given: Given) -> None:
    for n in range(5):
        given.vision.add(2.0, 10.0 + n / 10)
    given.vision.handle(10.5)
    given.monitor.taken({"hearing": given.worker([[10.2, "80 ms at once", "why"]])})
    given.monitor.taken({})
    events = [(s.name, s.start_s) for s in given.trace.stages()]
    assert sorted(events) == [("quality.hearing: 80 ms at once", 10.2), ("quality.vision: every 2nd", 10.5)]
    assert given.counters.get("quality_changes_total", ladder="vision") == 1


def test_settling_is_paused_while_what_people_wait_for_is_late(given: Given) -> None:
    late, well = {"hearing.chunk": (100, 10)}, {"hearing.chunk": (100, 10)}
    given.monitor._pause_settling(given.worker(**late)["stages"])
    for _ in range(7):
        given.clock.advance(1.0)
        given.monitor._pause_settling(given.worker(**well)["stages"])
    assert given.settler.paused[0] is True
    assert given.settler.paused[-1] is False


def test_a_hop_that_is_late_pauses_nothing(given: Given) -> None:
    given.monitor._pause_settling(given.worker(hop=(100, 90))["stages"])
    assert given.settler.paused == [False]
