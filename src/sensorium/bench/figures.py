"""What `bench parts` found, as one object for machines and rows for people. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sensorium.bench.provenance import commit, machine, version
from sensorium.metrics import summarize


class Figure(NamedTuple):
    """One quantity in the unit of its `key`. Its p99 is held against `bar`, the most that it may be. Without
    `values` it was not measured, and `why` says why not."""

    key: str
    title: str
    bar: float
    values: Sequence[float] = ()
    why: str = ""


def report(bundle: str, figures: Sequence[Figure], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The object of `--json`."""
    return {
        **{figure.key: summary(figure) for figure in figures},
        "commit": commit(),
        "machine": machine(),
        "settings": {
            "bundle": bundle,
            "threads": 1,
            **settings,
            "onnxruntime": version("onnxruntime"),
            "llama_cpp_python": version("llama-cpp-python"),
        },
    }


def summary(figure: Figure) -> dict[str, Any]:
    """`met` is None for what was not measured."""
    if not figure.values:
        return {"title": figure.title, "bar": figure.bar, "met": None, "why": figure.why}
    found = {name: _rounded(value) for name, value in summarize(figure.values).items()}
    return {"title": figure.title, **found, "bar": figure.bar, "met": found["p99"] <= figure.bar}


def table(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Of a report: title, median, p99, bar, verdict of each quantity, as text."""
    rows: list[tuple[str, ...]] = []
    for value in found.values():
        if not isinstance(value, Mapping) or "bar" not in value:
            continue
        if value["met"] is None:
            rows.append((value["title"], "", "", f"{value['bar']:g}", value["why"]))
        else:
            verdict = "met" if value["met"] else "missed"
            rows.append(
                (value["title"], f"{value['p50']:g}", f"{value['p99']:g}", f"{value['bar']:g}", verdict)
            )
    return rows


def _rounded(value: float) -> float:
    """To three digits that count."""
    if not value:
        return 0
    return round(value, 2 - math.floor(math.log10(abs(value)))) if abs(value) < 100 else round(value)
