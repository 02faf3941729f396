"""Buckets that fill again, with time as an argument."""

from __future__ import annotations

import pytest

from sensorium.front.rates import Rate


def test_a_burst_is_taken_and_then_so_much_a_second() -> None:
    rate = Rate(2.0, burst=5.0)

    assert [rate.takes(1.0, 10.0) for _ in range(6)] == [True] * 5 + [False]
    assert rate.wait_s(1.0, 10.0) == pytest.approx(0.5)
    assert rate.takes(1.0, 10.5) and not rate.takes(1.0, 10.5)


def test_what_was_refused_does_not_count_and_no_more_than_a_burst_is_saved() -> None:
    rate = Rate(1.0, burst=3.0)

    assert not rate.takes(4.0, 0.0)
    assert rate.takes(3.0, 0.0)
    assert not rate.takes(4.0, 1_000.0) and rate.takes(3.0, 1_000.0)


def test_what_is_taken_anyway_is_waited_for() -> None:
    rate = Rate(10.0, burst=10.0)

    assert rate.take(10.0, 0.0) == 0.0
    assert rate.take(5.0, 0.0) == pytest.approx(0.5)
    assert rate.take(5.0, 0.0) == pytest.approx(1.0)
    assert rate.take(1.0, 2.0) == 0.0


def test_a_clock_that_goes_back_gives_nothing() -> None:
    rate = Rate(1.0, burst=1.0)

    assert rate.takes(1.0, 5.0) and not rate.takes(1.0, 4.0)
