"""Given stages of several processes, when they are exported, then Perfetto gets them on one time line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


def test_what_was_added_after_a_mark_is_given_in_order_as_far_as_it_is_kept() -> None:
    trace = Trace("front", ManualClock(), size=3)
    trace.add("compose", 1, 0.0, 1.0)
    trace.extend([Stage("llm", "decode", 1, 1.0, 2.0)])
    first, mark = trace.since(0)
    assert [(s.process, s.name) for s in first] == [("front", "compose"), ("llm", "decode")]

    assert trace.since(mark) == ([], mark)
    for turn in range(2, 7):
        trace.add("compose", turn, 0.0, 1.0)
    newest, mark = trace.since(mark)
    assert [stage.turn_id for stage in newest] == [4, 5, 6] and trace.since(mark) == ([], mark)


def test_a_name_is_kept_once_however_often_it_comes() -> None:
    trace = Trace("front", ManualClock())
    for turn in range(3):
        trace.add("".join(["floor.", "named"]), turn, 0.0, 1.0)
        trace.extend([Stage("llm", "".join(["dec", "ode"]), turn, 0.0, 1.0)])
    assert len({id(stage.name) for stage in trace.stages()}) == 2


def test_times_are_microseconds_since_the_first_stage() -> None:
    stages = [Stage("speech", "phrase", 1, 100.5, 100.75), Stage("llm", "prefill", 1, 100.0, 100.5)]
    first, second = _events(stages, "X")
    assert (first["name"], first["ts"], first["dur"]) == ("prefill", 0.0, 500_000.0)
    assert (second["name"], second["ts"], second["dur"]) == ("phrase", 500_000.0, 250_000.0)


def test_each_process_is_a_named_track() -> None:
    stages = [
        Stage("llm", "a", 7, 0.0, 1.0),
        Stage("front", "b", 8, 0.0, 1.0),
        Stage("llm", "c", 8, 1.0, 2.0),
    ]
    kinds = {e["pid"]: e["args"]["name"] for e in _events(stages, "M") if e["name"] == "process_name"}
    found = [(kinds[e["pid"]], e["tid"], e["args"]["turn_id"]) for e in _events(stages, "X")]
    assert sorted(found) == [("front", 1, 8), ("llm", 1, 7), ("llm", 1, 8)]


def test_the_stages_of_a_turn_lie_inside_it_on_one_thread() -> None:
    turn = [
        Stage("front", "compose", 1, 1.0, 2.0),
        Stage("front", "turn", 1, 1.0, 9.0),
        Stage("front", "record", 1, 8.0, 9.0),
    ]
    events = _events(turn, "X")
    assert [e["name"] for e in events] == ["turn", "compose", "record"]
    assert {e["tid"] for e in events} == {1}


def test_what_overlaps_without_lying_inside_gets_a_thread_with_a_name() -> None:
    stages = [Stage("front", "a", 1, 0.0, 2.0), Stage("front", "b", 2, 1.0, 3.0)]
    assert [e["tid"] for e in _events(stages, "X")] == [1, 2]
    names = [e["args"]["name"] for e in _events(stages, "M") if e["name"] == "thread_name"]
    assert names == ["front", "front, at the same time (2)"]


TIMES = st.floats(0.0, 1.0)


@settings(max_examples=60, deadline=None)
@given(spans=st.lists(st.tuples(st.sampled_from(["front", "llm"]), TIMES, TIMES), max_size=40))
def test_events_of_one_thread_nest_and_none_is_lost(spans: list[tuple[str, float, float]]) -> None:
    """Given any stages, then two of one thread lie apart or one inside the other: Perfetto's rule."""
    events = _events([Stage(process, "s", 1, *sorted(times)) for process, *times in spans], "X")
    assert len(events) == len(spans)
    for i, one in enumerate(events):
        for other in events[i + 1 :]:
            if (one["pid"], one["tid"]) != (other["pid"], other["tid"]):
                continue
            first_end, last_end = one["ts"] + one["dur"], other["ts"] + other["dur"]
            assert one["ts"] <= other["ts"]
            assert first_end <= other["ts"] or last_end <= first_end


def test_what_is_new_is_given_once() -> None:
    trace = Trace("front", ManualClock(), size=3)
    trace.add("a", 0, 0.0, 1.0)
    first, mark = trace.since(0)
    trace.add("b", 0, 1.0, 2.0)
    trace.extend([Stage("llm", "c", 0, 2.0, 3.0)])
    second, mark = trace.since(mark)
    third, mark = trace.since(mark)
    for name in "defgh":
        trace.add(name, 0, 3.0, 4.0)
    lapped, _ = trace.since(mark)
    assert ["".join(s.name for s in found) for found in (first, second, third, lapped)] == [
        "a",
        "bc",
        "",
        "fgh",
    ]


def test_a_stage_that_ends_before_it_starts_has_no_length() -> None:
    (event,) = _events([Stage("llm", "a", 1, 2.0, 1.0)], "X")
    assert event["dur"] == 0.0


def test_the_file_is_json_even_without_stages(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    write_chrome(path, [])
    assert json.loads(path.read_text()) == {"traceEvents": [], "displayTimeUnit": "ms"}
    write_chrome(path, [Stage("front", "größer", 1, 0.0, 1.0)])
    assert json.loads(path.read_text())["traceEvents"][-1]["name"] == "größer"
