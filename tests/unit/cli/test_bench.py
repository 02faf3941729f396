"""What `sensorium bench parts` shows: a table for people, one object for machines, or why it cannot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.cli.conftest import Sensorium

from sensorium.bench import hop, parts
from sensorium.bench.figures import Figure, report

FIGURES = [
    Figure("ear_chunk_ms", "ear, 80 ms of sound (ms)", 3.0, [0.2, 0.3]),
    Figure("eye_picture_ms", "eye (ms)", 20.0, [2.0, 30.0]),
    Figure("speech_rtf", "mind and codec", 0.3, why="the mind of bundle nano does not speak"),
]


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(name: str, progress: Callable[[int, int, str], None]) -> dict[str, Any]:
        progress(1, 2, "ear")
        return report(name, FIGURES, {})

    monkeypatch.setattr(parts, "run", run)


@pytest.mark.usefixtures("measured")
def test_people_get_a_table_with_bars(sensorium: Sensorium) -> None:
    shown = sensorium("bench", "parts")

    assert shown.code == 0
    lines = {line.split("│")[1].strip(): line for line in shown.out.splitlines() if line.startswith("│")}
    assert "met" in lines["ear, 80 ms of sound (ms)"]
    assert "missed" in lines["eye (ms)"]
    assert "does not speak" in lines["mind and codec"]


@pytest.mark.usefixtures("measured")
def test_with_json_it_is_one_object(sensorium: Sensorium) -> None:
    value = sensorium("bench", "parts", "--json").value

    assert value["ear_chunk_ms"]["met"] is True and value["eye_picture_ms"]["met"] is False
    assert value["speech_rtf"]["met"] is None
    assert {"commit", "machine", "settings"} <= value.keys()


def test_hops_are_a_table_and_one_object(sensorium: Sensorium, monkeypatch: pytest.MonkeyPatch) -> None:
    figure = Figure("in_a_ring_640_to_a_worker_us", "640 bytes to a worker, in a ring (us)", 1000.0, [80.0])
    monkeypatch.setattr(hop, "run", lambda progress: report("", [figure], {}))

    shown = sensorium("bench", "hop")
    value = sensorium("bench", "hop", "--json").value

    assert "640 bytes to a worker" in shown.out and "met" in shown.out
    assert value["in_a_ring_640_to_a_worker_us"]["p99"] == 80.0


def test_a_bundle_that_is_not_there_is_one_line(sensorium: Sensorium) -> None:
    ended = sensorium("bench", "parts", "--bundle", "nanu")

    assert ended.code != 0 and ended.out == ""
    assert ended.err.startswith("sensorium: ") and ended.err.count("\n") == 1
