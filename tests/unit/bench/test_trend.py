"""Given samples of a long run, when they are summed up, then growth, drift and losses are what they are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.bench.trend import Asked, Sample, report, slope_per_hour


def run(mb_per_hour: float, *, drift_ms: float = 0.0, files_each: float = 0.0) -> dict[str, object]:
    """Ten minutes, after a warm-up of two in which memory trebles."""
    samples, asked = [], []
    for second in range(0, 600, 2):
        mb = 100.0 + mb_per_hour * second / 3600.0 if second >= 120 else 50.0
        samples.append(
            Sample(float(second), {"llm": mb, "total": mb + 1.0}, {"llm": 10 + int(files_each * second)})
        )
        asked.append(Asked(float(second), 600.0 + drift_ms * second / 600.0, True))
    return report(samples, asked, minutes=10.0)


@settings(max_examples=30, deadline=None)
@given(slope=st.floats(-500.0, 500.0), offset=st.floats(-1e3, 1e3))
def test_the_slope_of_a_line_is_its_slope(slope: float, offset: float) -> None:
    points = [(float(t), offset + slope * t / 3600.0) for t in range(0, 600, 7)]
    assert slope_per_hour(points) == pytest.approx(slope, abs=1e-3)


def test_what_is_no_line_has_no_slope() -> None:
    assert (
        slope_per_hour([]) == slope_per_hour([(1.0, 5.0)]) == slope_per_hour([(1.0, 5.0), (1.0, 9.0)]) == 0.0
    )


def test_memory_that_grows_is_told_by_process_and_warm_up_is_not_growth() -> None:
    flat, leaking = run(0.0), run(30.0)
    assert flat["memory_slope_mb_per_hour"] == {"llm": 0.0, "total": 0.0} and flat["memory_met"] is True
    assert leaking["memory_slope_mb_per_hour"] == {"llm": 30.0, "total": 30.0}
    assert leaking["memory_met"] is False


def test_a_process_that_shrinks_does_not_hide_one_that_grows() -> None:
    samples = [
        Sample(60.0 * i, {"front": 80.0 + i, "llm": 160.0 - 2 * i, "total": 240.0 - i}, {}) for i in range(30)
    ]
    assert report(samples, [], 30.0)["memory_met"] is False


def test_too_short_a_run_says_nothing_of_memory() -> None:
    assert report([Sample(float(i), {"total": 1.0}, {}) for i in range(4)], [], 0.1)["memory_met"] is None


def test_answers_that_come_later_and_files_that_stay_open() -> None:
    found = run(0.0, drift_ms=100.0, files_each=0.1)
    assert 40.0 < found["latency_drift_ms"] < 60.0  # last third over first third of the last 450 s
    assert found["open_files_grown"] == {"llm": 44}
    assert run(0.0)["latency_drift_ms"] == 0.0


def test_a_question_without_an_answer_or_that_was_not_kept_is_lost() -> None:
    samples = [Sample(0.0, {"total": 1.0}, {"front": 3})]
    asked = [
        Asked(1.0, 600.0, True),
        Asked(2.0, None, True, "died"),
        Asked(3.0, 600.0, False),
        Asked(4.0, None, True),
        Asked(5.0, None, True, silent=True),
    ]
    found = report(samples, asked, minutes=0.01)
    assert (found["questions"], found["lost"], found["silent"], found["errors"]) == (5, 3, 1, ["died"])


def test_a_run_that_was_over_at_once_is_no_error() -> None:
    found = report([], [], minutes=0.001)
    assert found["questions"] == 0 and found["memory_slope_mb_per_hour"] == {}
