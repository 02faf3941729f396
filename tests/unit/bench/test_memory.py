"""What `bench memory` takes and what it makes of rooms that were measured."""

from __future__ import annotations

from typing import Any

import pytest

from sensorium.bench import furnished, soak
from sensorium.bench.memory import parse, report, rows
from sensorium.errors import BadInput


def room(personas: int, total: float) -> dict[str, Any]:
    return {
        "personas": personas, "process_mb": {"front": 50.0, "total": total},
        "kind_mb": {"weights": 7.6, "kv": 75.5}, "cells_used": 1155, "parked": {},
    }  # fmt: skip


def test_sizes_are_sorted_and_each_comes_once() -> None:
    assert parse("14, 1,6,6") == [1, 6, 14]


@pytest.mark.parametrize("wrong", ["", "six", "1;6", "0", "15", "1,,6", "-1", "6.5", "\u0666"])
def test_what_is_no_size_of_a_room_is_refused(wrong: str) -> None:
    with pytest.raises(BadInput):
        parse(wrong)


@pytest.mark.parametrize("minutes", [0.0, -1.0, float("nan"), float("inf"), 1e6])
def test_minutes_that_are_none_are_refused(minutes: float) -> None:
    with pytest.raises(BadInput):
        soak.check(minutes)
    with pytest.raises(BadInput):
        furnished.check(0)


def test_fourteen_are_held_against_six() -> None:
    assert report([room(6, 400.0), room(14, 480.0)], "nano")["ratio_14_to_6"] == 1.2
    assert report([room(6, 400.0), room(14, 600.0)], "nano")["ratio_met"] is False
    found = report([room(1, 9000.0)], "nano")
    assert found["ratio_14_to_6"] is None and found["met"] is False


def test_people_see_every_process_and_every_kind_for_each_room() -> None:
    shown = rows(report([room(6, 400.0), room(14, 480.0)], "nano"))
    assert shown == [
        ("front process", "50.0", "50.0"),
        ("all processes", "400.0", "480.0"),
        ("of llm: weights", "7.6", "7.6"),
        ("of llm: kv", "75.5", "75.5"),
        ("cells of KV used", "1,155", "1,155"),
    ]
