"""What `bench recovery` makes of its measurements."""

from __future__ import annotations

from sensorium.bench.recovery import report, table


def test_the_longest_replacement_is_held_against_the_bar() -> None:
    # given
    values = {
        ("llm", "died", "replaced_s"): [0.8, 1.0],
        ("llm", "died", "answered_s"): [1.2, 1.4],
        ("llm", "hung", "replaced_s"): [2.0, 3.5],
        ("llm", "hung", "answered_s"): [2.4, 3.9],
    }
    # when
    found = report(values, "nano", rounds=2)
    # then
    assert found["slowest_replaced_s"] == 3.5 and found["met"] is False
    assert found["workers"]["llm"]["hung"]["replaced_s"]["max"] == 3.5
    assert table(found) == [
        ("llm", "died", "0.80", "1.00", "1.20", "met"),
        ("llm", "hung", "2.00", "3.50", "2.40", "missed"),
    ]


def test_a_next_turn_may_take_longer_than_the_bar() -> None:
    values = {("llm", "died", "replaced_s"): [0.8], ("llm", "died", "answered_s"): [9.0]}
    assert report(values, "nano", rounds=1)["met"] is True
