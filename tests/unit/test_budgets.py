"""The table of budgets is the one of the page, and what is measured is held against it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensorium.budgets import BUDGETS, BY_STAGE, VOICE_TO_VOICE_AIM_MS, Meter, share_missed
from sensorium.metrics import BUCKETS_MS, Counters
from sensorium.trace import Stage

PAGE = (Path(__file__).parents[2] / "docs" / "budgets.md").read_text(encoding="utf-8")


def test_the_page_has_every_row_as_it_is_in_the_code() -> None:
    lines = (line for line in PAGE.splitlines() if line.startswith("| `"))
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    rows = [(c[0].strip("`"), float(c[1]), *c[2:]) for c in cells]
    assert rows == [tuple(budget) for budget in BUDGETS]
    assert f"an aim: {VOICE_TO_VOICE_AIM_MS:g} ms" in PAGE


def test_the_times_are_those_of_the_design() -> None:
    """Given DESIGN section 1, then every row that is a time is there with its budget."""
    assert {budget.stage: budget.ms for budget in BUDGETS} == {
        "hearing.chunk": 50, "hearing.encoder": 40,
        "vision.frame": 100, "vision.decode": 5, "vision.model": 80,
        "speech.first_byte": 150, "speech.first_chunk": 100,
        "touch": 16, "hop": 1, "loop_lag": 16, "voice_to_voice": 3000,
    }  # fmt: skip


def test_every_budget_is_the_end_of_a_bucket() -> None:
    assert {budget.ms for budget in BUDGETS} <= set(BUCKETS_MS)


def test_a_miss_is_counted_and_to_be_just_in_time_is_none() -> None:
    counters = Counters()
    meter = Meter("vision", counters)
    for ms in (4.0, 5.0, 5.1):
        meter.add("vision.decode", ms)
    row = meter.values()["vision.decode"]
    assert (row["count"], row["missed"], row["budget"], row["max"]) == (3, 1, 5.0, 5.1)
    assert counters.snapshot() == {"budget_missed_total{stage=vision.decode}": 1}
    assert sum(row["histogram"]["counts"]) == 3


def test_a_process_measures_its_own_rows_only() -> None:
    meter = Meter("front", Counters())
    meter.take([Stage("front", "hop", 0, 1.0, 1.5), Stage("front", "compose", 0, 0.0, 9.0)])
    meter.add("vision.decode", 99.0)
    values = meter.values()
    assert set(values) == {b.stage for b in BUDGETS if b.process == "front"}
    assert values["hop"]["max"] == pytest.approx(500.0)
    assert sum(row["missed"] for row in values.values()) == 1


def test_the_share_missed_is_that_of_what_is_new() -> None:
    before = {"hop": {"count": 100, "missed": 50}}
    now = {"hop": {"count": 110, "missed": 51}, "touch": {"count": 0, "missed": 0}}
    assert share_missed(before, now) == pytest.approx(0.1)
    assert share_missed(now, now) == 0.0


def test_a_process_that_was_started_anew_counts_from_nothing() -> None:
    assert share_missed({"hop": {"count": 100, "missed": 50}}, {"hop": {"count": 4, "missed": 1}}) == 0.25
    assert BY_STAGE["hop"].ms == 1.0
