"""From measured values to the object that `bench parts --json` prints, and to rows for people."""

from __future__ import annotations

from sensorium.bench.figures import Figure, report, summary, table

EAR = Figure("ear_chunk_ms", "ear (ms)", 3.0, [0.25] * 98 + [2.0, 40.0])
MUTE = Figure("speech_rtf", "speech", 0.3, why="the mind does not speak")


def test_the_p99_is_held_against_the_bar() -> None:
    found = summary(EAR)

    assert (found["p50"], found["p99"], found["max"], found["count"]) == (0.25, 2.0, 40.0, 100)
    assert found["met"] is True
    assert summary(EAR._replace(bar=1.9))["met"] is False


def test_nothing_processed_again_meets_a_bar_of_nothing() -> None:
    swap = Figure("voice_swap_tokens", "swap", 0.0, [0, 0, 0])

    assert summary(swap)["met"] is True
    assert summary(swap._replace(values=[0, 1, 0]))["met"] is False


def test_what_was_not_measured_says_why_and_is_neither_met_nor_missed() -> None:
    assert summary(MUTE) == {"title": "speech", "bar": 0.3, "met": None, "why": "the mind does not speak"}


def test_figures_keep_three_digits_that_count() -> None:
    found = summary(Figure("x", "x", 1.0, [0.0123456, 0.0123456]))

    assert found["p50"] == 0.0123
    assert summary(Figure("x", "x", 1.0, [123.456]))["p50"] == 123


def test_the_report_says_what_was_measured_and_where() -> None:
    found = report("nano", [EAR, MUTE], {"voices": "random"})

    assert found["settings"]["bundle"] == "nano" and found["settings"]["voices"] == "random"
    assert found["settings"]["threads"] == 1
    assert found["machine"]["cores"] >= 1 and found["commit"]
    assert table(found) == [
        ("ear (ms)", "0.25", "2", "3", "met"),
        ("speech", "", "", "0.3", "the mind does not speak"),
    ]
