"""What `House.stats` says as Prometheus text, exposition format 0.0.4. Pure: it is served elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any

from sensorium.metrics import BUCKETS_MS

_KEY = re.compile(r"(\w+)(?:\{(.*)\})?")


def text(stats: Mapping[str, Any]) -> str:
    """A histogram in seconds for each stage that has a budget, counters, ladders and resident memory."""
    return "\n".join([*_stages(stats["stages"]), *_counters(stats), *_gauges(stats)]) + "\n"


def _stages(stages: Mapping[str, Any]) -> Iterator[str]:
    yield "# HELP sensorium_stage_seconds How long a stage of the real-time path took."
    yield "# TYPE sensorium_stage_seconds histogram"
    for stage, row in stages.items():
        name = _labels({"stage": stage})
        totals = list(accumulate(row["histogram"]["counts"]))
        bounds = [*(f"{ms / 1000:g}" for ms in BUCKETS_MS), "+Inf"]
        for bound, total in zip(bounds, totals, strict=True):
            yield f"sensorium_stage_seconds_bucket{_labels({'stage': stage, 'le': bound})} {total}"
        yield f"sensorium_stage_seconds_sum{name} {row['histogram']['sum_ms'] / 1000:.6f}"
        yield f"sensorium_stage_seconds_count{name} {totals[-1]}"
    yield "# HELP sensorium_stage_budget_seconds What the stage's p99 must stay below."
    yield "# TYPE sensorium_stage_budget_seconds gauge"
    for stage, row in stages.items():
        yield f"sensorium_stage_budget_seconds{_labels({'stage': stage})} {row['budget'] / 1000:g}"


def _counters(stats: Mapping[str, Any]) -> Iterator[str]:
    """All samples of one name must stand together, so they are gathered from every process first."""
    found: dict[str, list[str]] = {}
    processes = {"front": stats, **stats["workers"]}
    for process, values in processes.items():
        for key, total in values.get("counters", {}).items():
            match = _KEY.fullmatch(key)
            assert match is not None, key
            labels = dict(pair.split("=", 1) for pair in (match[2] or "").split(",") if pair)
            sample = f"sensorium_{match[1]}{_labels({'process': process, **labels})} {total}"
            found.setdefault(match[1], []).append(sample)
    for name, samples in sorted(found.items()):
        yield f"# TYPE sensorium_{name} counter"
        yield from samples


def _gauges(stats: Mapping[str, Any]) -> Iterator[str]:
    yield "# HELP sensorium_quality_rung Where a sense stands on its ladder; 0 is the best."
    yield "# TYPE sensorium_quality_rung gauge"
    for ladder, state in stats["ladders"].items():
        yield f"sensorium_quality_rung{_labels({'ladder': ladder})} {state['at']}"
    yield "# TYPE sensorium_resident_bytes gauge"
    for process, mb in stats["rss_mb"].items():
        if process != "total":
            yield f"sensorium_resident_bytes{_labels({'process': process})} {round(mb * 1e6)}"


def _labels(labels: Mapping[str, str]) -> str:
    escaped = (
        f'{name}="{value}"'
        for name, raw in labels.items()
        for value in [raw.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")]
    )
    return "{" + ",".join(escaped) + "}"
