"""Given the statistics of a house, when they are Prometheus text, then every line follows the format."""

from __future__ import annotations

import re

from sensorium.budgets import Meter
from sensorium.front.prometheus import text
from sensorium.metrics import Counters

SAMPLE = re.compile(r'sensorium_\w+(\{\w+="(?:[^"\\\n]|\\.)*"(,\w+="(?:[^"\\\n]|\\.)*")*\})? -?[0-9.e+-]+')


def stats() -> dict[str, object]:
    counters = Counters()
    meter = Meter("front", counters)
    for ms in (0.2, 0.5, 0.6, 5000.0):
        meter.add("hop", ms)
    return {
        "stages": meter.values(),
        "counters": counters.snapshot(),
        "ladders": {"vision": {"rung": "every 2nd", "at": 1, "of": 4, "changes": 1}},
        "rss_mb": {"front": 50.5, "total": 50.5},
        "workers": {"llm": {"counters": {"budget_missed_total{stage=hop}": 2, 'odd_total{why=a"b}': 1}}},
    }


def test_every_line_is_a_sample_or_a_comment_and_types_come_once() -> None:
    lines = text(stats()).splitlines()
    samples = [line for line in lines if not line.startswith("#")]
    assert samples and all(SAMPLE.fullmatch(line) for line in samples), samples
    types = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(types) == len(set(types))


def test_a_histogram_grows_and_ends_with_all() -> None:
    lines = text(stats()).splitlines()
    buckets = [line for line in lines if line.startswith('sensorium_stage_seconds_bucket{stage="hop"')]
    totals = [int(line.rsplit(" ", 1)[1]) for line in buckets]
    assert totals == sorted(totals) and totals[-1] == 4
    assert 'sensorium_stage_seconds_bucket{stage="hop",le="0.0005"} 2' in buckets
    assert 'sensorium_stage_seconds_bucket{stage="hop",le="0.001"} 3' in buckets
    assert 'sensorium_stage_seconds_bucket{stage="hop",le="+Inf"} 4' in buckets
    assert 'sensorium_stage_seconds_count{stage="hop"} 4' in lines
    assert 'sensorium_stage_seconds_sum{stage="hop"} 5.001300' in lines
    assert 'sensorium_stage_budget_seconds{stage="hop"} 0.001' in lines


def test_counters_of_all_processes_stand_together() -> None:
    lines = text(stats()).splitlines()
    at = lines.index("# TYPE sensorium_budget_missed_total counter")
    assert lines[at + 1 : at + 3] == [
        'sensorium_budget_missed_total{process="front",stage="hop"} 1',
        'sensorium_budget_missed_total{process="llm",stage="hop"} 2',
    ]
    assert 'sensorium_odd_total{process="llm",why="a\\"b"} 1' in lines
    assert 'sensorium_quality_rung{ladder="vision"} 1' in lines
    assert 'sensorium_resident_bytes{process="front"} 50500000' in lines
