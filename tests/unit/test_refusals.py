"""A flood of what is refused is one line a second, and says how many it stands for."""

from __future__ import annotations

from sensorium.clock import ManualClock
from sensorium.refusals import RefusalLog


def test_one_line_a_second_for_each_kind():
    clock, lines = ManualClock(), list[str]()
    log = RefusalLog(clock, lines.append)
    for _ in range(1_000):
        log.note("frame", "damaged")
    log.note("touch", "no such kind")
    clock.advance(1.0)
    log.note("frame", "too\nlarge")
    assert lines == [
        "refused frame: damaged",
        "refused touch: no such kind",
        "refused frame: too large (and 999 like it before)",
    ]


def test_lines_and_kinds_are_bounded():
    lines = list[str]()
    log = RefusalLog(ManualClock(), lines.append)
    for n in range(10_000):
        log.note(f"kind {n}", "x" * 10_000)
    assert len(lines) <= 65 and max(map(len, lines)) < 500


def test_a_clock_that_goes_back_silences_nothing():
    clock, lines = ManualClock(now_s=1_000.0), list[str]()
    log = RefusalLog(clock, lines.append)
    log.note("frame", "one")
    clock._now_s = 5.0
    log.note("frame", "two")
    assert len(lines) == 2
