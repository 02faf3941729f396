"""Given two rounds of `bench hop`, then every way between two processes was measured, to both sides."""

from __future__ import annotations

from pathlib import Path

import psutil

from sensorium.bench import hop


def test_every_size_is_measured_both_ways_and_nothing_stays_behind() -> None:
    value = hop.run(lambda done, total, what: None, rounds=2)

    for size in hop.SIZES:
        for way in ("in_a_ring", "in_the_socket"):
            there = value[f"{way}_{size}_to_a_worker_us"]
            assert there["count"] == 2 and 0 < there["p50"] <= there["p99"] and there["bar"] == hop.BUDGET_US
        assert value[f"woken_by_socket_{size}_bare_us"]["count"] == 2
        assert value[f"woken_by_eventfd_{size}_bare_us"]["count"] == 2
    assert value["in_a_ring_640_to_the_front_us"]["count"] == 2
    assert {"commit", "machine", "settings"} <= value.keys()
    assert psutil.Process().children() == []
    assert "memfd:sensorium" not in Path("/proc/self/maps").read_text()
