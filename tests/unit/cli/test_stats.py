"""Given what the house says of itself, when it is shown to people, then numbers come with their unit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sensorium.cli.stats import _kept_turns, tables
from sensorium.request import Prompt, Usage
from sensorium.store import turns
from sensorium.store.store import Store
from sensorium.store.turns import KeptTurn


def _values(**llm: Any) -> dict[str, Any]:
    return {
        "memory": {"front": 50.25, "total": 1250.0},
        "composition_cache": {"hit_rate": 0.8},
        "kept_turns": {"turns": 2, "hit_rate": 0.75},
        "loop_late_in_ms": {"sensorium.front.room:view:9": {"p50": 20.0, "max": 31.4, "count": 2}},
        "loop_lag_ms": {"p50": 0.1, "p95": 0.2, "p99": 0.3, "max": 1.0, "count": 9},
        "workers": {
            "llm": {
                "model": "m",
                "memory_bytes": {"weights": 1_000_000, "kv": 2_500_000, "adapters": 0, "gpu": 0},
                "cells": {"used": 1801, "total": 16384},
                "sequences": {"free": 51, "total": 64},
                "parked": {"shared": 1, "persona": 6, "history": 6},
                "evictions": 0,
                "batch_ms": {"p50": 5.0, "p99": 9.0, "count": 3},
                "decode_ms": {"count": 0},
                **llm,
            }
        },
    }


def _shown(values: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {title: {name: str(value) for name, value in rows} for title, rows in tables(values)}


def test_memory_is_in_megabytes_by_process_and_by_kind() -> None:
    shown = _shown(_values())
    assert shown["memory by process (MB)"] == {"front": "50.2", "total": "1,250.0"}
    assert shown["memory by kind (MB)"]["weights"] == "1.0"
    assert shown["memory by kind (MB)"]["kv"] == "2.5"


def test_cells_prefixes_and_hit_rates_are_shown() -> None:
    prefixes = _shown(_values())["prefixes"]
    assert prefixes["cells used"] == "1,801 of 16,384"
    assert prefixes["parked at the end of persona"] == "6"
    assert prefixes["prompt tokens reused, last 2 turns"] == "75.0%"
    assert prefixes["composition cache hits"] == "80.0%"


def test_what_held_up_the_event_loop_is_named_and_left_out_when_nothing_did() -> None:
    assert _shown(_values())["event loop late in"] == {"sensorium.front.room:view:9": "2, at most 31 ms"}
    assert "event loop late in" not in _shown({**_values(), "loop_late_in_ms": {}})


def test_times_without_a_measurement_are_left_out() -> None:
    times = _shown(_values())["times (ms)"]
    assert times == {
        "front.loop_lag p50": "0.1", "front.loop_lag p99": "0.3",
        "llm.batch p50": "5.0", "llm.batch p99": "9.0",
    }  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "house.db")


def test_reuse_is_counted_over_the_turns_that_the_store_has(store: Store) -> None:
    with store:
        assert store.read(_kept_turns).result()["hit_rate"] == 0.0
        for turn_id, (persona, cached) in enumerate([("maya", 90), ("maya", 60), ("ada", 0)]):
            usage = Usage(prompt_tokens=100, cached_tokens=cached, processed_tokens=100 - cached)
            kept = KeptTurn(
                turn_id=turn_id, persona_id=persona, room_id="living-room", at=1.0,
                prompt=Prompt(persona_id=persona, blocks=()), usage=usage,
            )  # fmt: skip
            store.submit(turns.keep, kept).result()
        found = store.read(_kept_turns).result()
    assert found == {
        "turns": 3, "prompt_tokens": 300, "cached_tokens": 150, "processed_tokens": 150, "hit_rate": 0.5,
    }  # fmt: skip
