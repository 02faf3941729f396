"""Given turns and interruptions as measured, then the tables say what people waited for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sensorium.bench import barge_in, senses, turn
from sensorium.bench.microphone import Spoken
from sensorium.bench.room import questions
from sensorium.errors import BadInput
from sensorium.front.report import TurnReport
from sensorium.store.seed import shipped_personas
from sensorium.trace import Stage


def report(**values: object) -> TurnReport:
    given = dict.fromkeys(TurnReport.__slots__, 0) | {"stages": (), **values}
    return TurnReport(**given)  # type: ignore[arg-type]


def test_the_parts_of_a_turn_add_up_to_all_of_it() -> None:
    stages = (
        Stage("front", "listen", 3, 9.9, 10.25),
        Stage("front", "first_words", 3, 10.26, 10.30),
        Stage("llm", "llm.wait", 3, 10.262, 10.263),
        Stage("llm", "llm.prefill", 3, 10.263, 10.283),
    )
    one = turn.Turn(report(stages=stages, processed_tokens=2, settled_tokens=90), Spoken(8.0, 10.0), 10.4)
    parts = turn.parts_ms(one)
    assert one.voice_to_voice_ms == pytest.approx(400.0) == pytest.approx(sum(parts.values()))
    assert parts["endpoint"] == pytest.approx(250.0) and parts["prefill"] == pytest.approx(21.0)
    found = turn.summary([one])
    assert found["prefill_tokens_after_endpoint"]["max"] == 2.0
    assert found["processed_tokens_max"] == 92


def test_what_stopped_a_reply_and_what_should_not_have() -> None:
    trials = [
        barge_in.Trial("interruption", "wait", True, 60.0, 100.0, 0.0),
        barge_in.Trial("interruption", "no", False, None, None, 0.0),
        barge_in.Trial("backchannel", "yes", True, 50.0, 10.0, 0.0, "yes sir"),
        barge_in.Trial("noise", "a door", False, 40.0, None, 300.0),
    ]
    found = barge_in.summary(trials)
    assert (found["missed"], found["false_stops"]) == (1, 1)
    assert found["to_silence_ms"]["count"] == 1 and found["to_silence_ms"]["max"] == 60.0
    assert found["stopped_by"] == {"yes": "1 of 1", "wait": "1 of 1", "no": "0 of 1", "a door": "0 of 1"}
    assert found["heard_wrongly"] == ["no: -", "yes: yes sir"]


def test_half_of_the_trials_are_meant_to_stop_the_reply() -> None:
    drawn = barge_in.kinds(50, np.random.default_rng(1))
    assert sum(kind.name == "interruption" for kind in drawn) == 25
    assert {kind.name for kind in drawn} == {"interruption", "backchannel", "noise"}


def test_the_questions_are_for_those_who_are_there() -> None:
    for count in (6, 14):
        seated = {p.id for p in shipped_personas()[:count]}
        asked = questions(12, count)
        assert len(asked) == 12 and {one.persona for one in asked} <= seated


def test_the_recorded_questions_are_for_the_room_of_six() -> None:
    with pytest.raises(BadInput, match="recorded questions"):
        turn.run(1, 3, lambda done, total, what: None)


@pytest.mark.parametrize(
    ("seconds", "stress", "stress_s"),
    [(1.0, 1.0, 0.0), (60.0, 0.5, 0.0), (60.0, 99.0, 0.0), (60.0, 3.0, 60.0), (60.0, 3.0, -1.0)],
)
def test_a_load_that_cannot_be_is_refused(seconds: float, stress: float, stress_s: float) -> None:
    with pytest.raises(BadInput, match=r"--se|--st"):
        senses.run(seconds, 6, stress, stress_s, lambda done, total, what: None)


def test_the_quality_is_back_with_the_last_change_after_the_stress() -> None:
    changes = [("vision", 12.0, "every 2nd"), ("settling", 33.5, "at once"), ("vision", 38.0, "every frame")]
    top: dict[str, dict[str, Any]] = {"vision": {"at": 0}, "settling": {"at": 0}}
    assert senses._back_s(changes, top, 30.0) == 8.0
    assert senses._back_s(changes[:1], top, 30.0) == 0.0
    assert senses._back_s(changes, {**top, "vision": {"at": 1}}, 30.0) is None
    assert senses._back_s(changes, top, 0.0) is None
