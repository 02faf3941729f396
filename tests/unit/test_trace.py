"""Given stages of several processes, when they are exported, then Perfetto gets them on one time line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sensorium.clock import ManualClock
from sensorium.trace import Stage, Trace, to_chrome, write_chrome


def _events(stages: list[Stage], phase: str) -> list[dict[str, Any]]:
    events: Any = to_chrome(stages)["traceEvents"]
    return [event for event in events if event["ph"] == phase]


def test_a_stage_is_timed_by_the_clock() -> None:
    clock = ManualClock(now_s=10.0)
    trace = Trace("front", clock)
    with trace.stage("compose", turn_id=3):
        clock.advance(0.0125)
    (stage,) = trace.stages()
    assert stage == Stage("front", "compose", 3, 10.0, 10.0125)
    assert stage.ms == pytest.approx(12.5)


def test_a_stage_that_fails_is_timed_too() -> None:
    clock = ManualClock()
    trace = Trace("front", clock)
    with pytest.raises(KeyError):
        with trace.stage("compose"):
            clock.advance(1.0)
            raise KeyError
    assert [stage.ms for stage in trace.stages()] == [1000.0]


def test_the_ring_is_bounded_and_stages_are_found_by_turn() -> None:
    trace = Trace("front", ManualClock(), size=3)
    trace.extend(Stage("llm", "decode", turn, turn, turn + 1) for turn in range(5))
    assert [stage.turn_id for stage in trace.stages()] == [2, 3, 4]
    assert [stage.turn_id for stage in trace.stages(turn_id=3)] == [3]


def test_times_are_microseconds_since_the_first_stage() -> None:
    stages = [Stage("speech", "phrase", 1, 100.5, 100.75), Stage("llm", "prefill", 1, 100.0, 100.5)]
    first, second = _events(stages, "X")
    assert (first["name"], first["ts"], first["dur"]) == ("prefill", 0.0, 500_000.0)
    assert (second["name"], second["ts"], second["dur"]) == ("phrase", 500_000.0, 250_000.0)


def test_each_process_is_a_named_track_and_each_turn_a_thread() -> None:
    stages = [
        Stage("llm", "a", 7, 0.0, 1.0),
        Stage("front", "b", 8, 0.0, 1.0),
        Stage("llm", "c", 8, 1.0, 2.0),
    ]
    names = {event["pid"]: event["args"]["name"] for event in _events(stages, "M")}
    assert sorted(names.values()) == ["front", "llm"]
    assert [(names[e["pid"]], e["tid"]) for e in _events(stages, "X")] == [
        ("llm", 7),
        ("front", 8),
        ("llm", 8),
    ]


def test_a_stage_that_ends_before_it_starts_has_no_length() -> None:
    (event,) = _events([Stage("llm", "a", 1, 2.0, 1.0)], "X")
    assert event["dur"] == 0.0


def test_the_file_is_json_even_without_stages(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    write_chrome(path, [])
    assert json.loads(path.read_text()) == {"traceEvents": [], "displayTimeUnit": "ms"}
    write_chrome(path, [Stage("front", "größer", 1, 0.0, 1.0)])
    assert json.loads(path.read_text())["traceEvents"][1]["name"] == "größer"
