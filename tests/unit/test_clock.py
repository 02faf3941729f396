"""Given a manual clock, when it is told, then both of its times move by the same amount and only forward."""

from __future__ import annotations

import time

import pytest

from sensorium.clock import Clock, ManualClock, SystemClock


def test_a_manual_clock_stands_until_it_is_moved() -> None:
    clock = ManualClock(now_s=5.0, wall_s=100.0)
    assert (clock.now_s(), clock.wall_s()) == (5.0, 100.0)
    clock.advance(0.25)
    assert (clock.now_s(), clock.wall_s()) == (5.25, 100.25)


def test_a_manual_clock_never_goes_back() -> None:
    clock = ManualClock()
    with pytest.raises(ValueError, match="forward"):
        clock.advance(-0.001)
    assert clock.now_s() == 0.0


def test_the_system_clock_reads_the_machines_two_clocks() -> None:
    clock: Clock = SystemClock()
    before, wall_before = time.monotonic(), time.time()
    assert before <= clock.now_s() <= time.monotonic()
    assert wall_before <= clock.wall_s() <= time.time()
