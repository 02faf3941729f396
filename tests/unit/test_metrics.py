"""Given measurements, when they are summed up, then every number is one that was counted or measured."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.metrics import BUCKETS_MS, Counters, Histogram, Window, percentile, summarize

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)


def test_counters_keep_their_labels_apart_whatever_their_order() -> None:
    counters = Counters()
    counters.add("bridge_calls_total", kind="stt", engine="ear")
    counters.add("bridge_calls_total", 2, engine="ear", kind="stt")
    counters.add("bridge_calls_total", kind="tts")
    counters.add("turns_total")
    assert counters.get("bridge_calls_total", kind="stt", engine="ear") == 3
    assert counters.get("bridge_calls_total") == 0
    assert list(counters.snapshot().items()) == [
        ("bridge_calls_total{engine=ear,kind=stt}", 3),
        ("bridge_calls_total{kind=tts}", 1),
        ("turns_total", 1),
    ]


def test_asking_for_a_counter_does_not_make_one() -> None:
    counters = Counters()
    counters.get("never")
    assert counters.snapshot() == {}


def test_a_window_forgets_the_oldest() -> None:
    window = Window(size=3)
    for value in (100.0, 1.0, 2.0, 3.0):
        window.add(value)
    assert window.summary() == {"p50": 2.0, "p95": 3.0, "p99": 3.0, "max": 3.0, "count": 3}


def test_nothing_measured_is_a_count_of_zero() -> None:
    assert summarize([]) == {"count": 0}
    assert math.isnan(percentile([], 0.5))


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.5, 50), (0.99, 99), (0.991, 100), (1.0, 100)])
def test_percentiles_are_nearest_rank(share: float, expected: int) -> None:
    assert percentile(range(100, 0, -1), share) == expected


@settings(max_examples=50, deadline=None)
@given(values=VALUES, share=st.floats(0.0, 1.0))
def test_a_percentile_was_measured_and_has_its_share_below_it(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    # `share * n` is rounded in floating point, so one value of slack is allowed.
    assert sum(v <= found for v in values) >= math.floor(share * len(values))


@settings(max_examples=50, deadline=None)
@given(values=VALUES)
def test_a_summary_is_in_order(values: list[float]) -> None:
    summary = summarize(iter(values))
    assert summary["p50"] <= summary["p95"] <= summary["p99"] <= summary["max"] == max(values)
    assert summary["count"] == len(values)


def test_a_histogram_keeps_all_in_buckets_and_the_last_for_tails() -> None:
    histogram = Histogram(size=2)
    assert histogram.summary() == {"count": 0}
    for ms in (9000.0, 0.25, 0.3):
        histogram.add(ms)
    assert histogram.summary() == {"p50": 0.25, "p95": 0.3, "p99": 0.3, "max": 9000.0, "count": 3}
    counts = histogram.values()["counts"]
    assert counts == [1, 1, *[0] * (len(BUCKETS_MS) - 2), 1]
    assert histogram.values()["sum_ms"] == pytest.approx(9000.55)
