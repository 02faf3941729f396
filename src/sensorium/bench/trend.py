"""What a long run shows: does memory grow, do answers come later, are files left open? Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

from sensorium.metrics import rounded, summarize

MEMORY_BAR_MB_PER_HOUR = 1.0
WARM_UP_SHARE = 0.25
# Of fewer samples a slope says nothing.
LEAST_SAMPLES = 5


class Sample(NamedTuple):
    """Of a while: the least that was resident, in MB, and the files that were open, by process."""

    at_s: float
    rss_mb: Mapping[str, float]
    open_files: Mapping[str, int]


class Asked(NamedTuple):
    """One question. `ms`: voice to voice, None without sound. `kept`: it and its answer are stored; `silent`:
    the answer was to say nothing, by choice."""

    at_s: float
    ms: float | None
    kept: bool
    error: str = ""
    silent: bool = False


def slope_per_hour(points: Sequence[tuple[float, float]]) -> float:
    """Of the straight line of least squares through (seconds, value); 0.0 of fewer than two."""
    if len(points) < 2:
        return 0.0
    mean_t = sum(t for t, _ in points) / len(points)
    mean_v = sum(v for _, v in points) / len(points)
    spread = sum((t - mean_t) ** 2 for t, _ in points)
    if not spread:
        return 0.0
    return sum((t - mean_t) * (v - mean_v) for t, v in points) / spread * 3600.0


def report(samples: Sequence[Sample], asked: Sequence[Asked], minutes: float) -> dict[str, Any]:
    """Slopes and drift are of what came after the first quarter. `lost` are questions that failed, were
    not kept, or had no answer."""
    warm_s = samples[0].at_s + minutes * 60.0 * WARM_UP_SHARE if samples else 0.0
    later = [sample for sample in samples if sample.at_s >= warm_s]
    slopes = {
        name: round(slope_per_hour([(s.at_s, s.rss_mb[name]) for s in later if name in s.rss_mb]), 2)
        for name in (samples[-1].rss_mb if samples else ())
    }
    times = [a.ms for a in asked if a.ms is not None and a.at_s >= warm_s]
    third = max(1, len(times) // 3)
    drift = median(times[-third:]) - median(times[:third]) if len(times) >= 2 else 0.0
    grown = {n: later[-1].open_files[n] - count for n, count in later[0].open_files.items()} if later else {}
    return {
        "minutes": minutes,
        "questions": len(asked),
        "lost": sum(bool(a.error) or not a.kept or (a.ms is None and not a.silent) for a in asked),
        "silent": sum(a.silent for a in asked),
        "errors": sorted({a.error for a in asked if a.error}),
        "memory_slope_mb_per_hour": slopes,
        "memory_bar_mb_per_hour": MEMORY_BAR_MB_PER_HOUR,
        # Of each: one that shrinks must not hide another that grows.
        "memory_met": max(slopes.values()) < MEMORY_BAR_MB_PER_HOUR if len(later) >= LEAST_SAMPLES else None,
        "rss_mb": {"first": dict(later[0].rss_mb), "last": dict(later[-1].rss_mb)} if later else {},
        "open_files": dict(later[-1].open_files) if later else {},
        "open_files_grown": grown,
        "voice_to_voice_ms": rounded(summarize(times)),
        "latency_drift_ms": round(drift, 1),
        "samples": len(samples),
    }
