"""What `bench room` makes of what was told and what arrived."""

from __future__ import annotations

from sensorium.bench.listeners import Notes, key
from sensorium.bench.served import compared, rows
from sensorium.wire import page
from sensorium.wire.events import Held, TurnEnded, Writing

ENDED = TurnEnded(3, "maya", "done", "", "", "", None, 0, 0, 0, 0, {}, {})


def test_the_same_thing_has_the_same_key_at_both_ends_and_no_two_share_one():
    records = [
        page.Audio(3, "maya", 16_000, 0),
        page.Audio(3, "", 16_000, 320),
        Writing(3, "maya", "a"),
        ENDED,
    ]
    assert len({key(record) for record in records}) == len(records)
    assert key(page.Audio(3, "ada", 8_000, 320)) == key(records[1])
    assert key(Held(3)) == key(page.Pong(1.0)) == ""


def test_lateness_is_counted_of_what_was_told_while_somebody_was_there_and_what_never_came_is_lost():
    told = {"event message 1": 1.0, "event message 2": 2.0, "audio 1 0": 2.5, "event TurnEnded 1": 9.5}
    early = Notes(0.5, {"event message 1": 1.001, "event message 2": 2.004, "audio 1 0": 2.51}, [3.0])
    late = Notes(1.5, {"event message 2": 2.006}, [5.0])

    found = compared(told, [early, late], until_s=9.0)

    assert found["event_ms"]["count"] == 3 and found["event_ms"]["max"] == 6.0
    assert found["audio_ms"]["count"] == 1 and found["audio_ms"]["p50"] == 10.0
    assert found["lost"] == 1 and found["turns"] == 1
    assert found["ping_ms"]["max"] == 5.0
    shown = rows({**found, "loop_lag_ms": {"count": 0}})
    assert shown[0] == ("an event arrives", "4", "6", "6", "3")
