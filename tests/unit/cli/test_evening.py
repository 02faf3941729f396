"""The pure part of the demo: what a turn measured, against what it may, and what an answer proves."""

from __future__ import annotations

import msgspec
import pytest

from sensorium.cli import evening
from sensorium.cli.evening import BUDGETS, Line, Played
from sensorium.front.report import TurnReport, stages_ms
from sensorium.persona import Persona
from sensorium.trace import Stage

MAYA = Persona(id="maya", name="Maya", facts={"likes": "apples"})
LINE = Line(wav="x.wav", words="maya what do you like", persona="maya", tier="INVARIANT", fact="likes")
STAGES = (
    Stage("hearing", "hearing.chunk", 1, 0.0, 0.004),
    Stage("hearing", "hearing.chunk", 1, 0.1, 0.112),
    Stage("front", "first_sound", 1, 1.0, 1.2),
)


def _report(**changes: object) -> TurnReport:
    values: dict[str, object] = {
        "turn_id": 1, "persona": "maya", "why": "named", "heard": "maya what do you like",
        "said": "I like Apples .", "silent": False, "interrupted": False, "error": "", "error_code": "",
        "prompt_tokens": 300, "cached_tokens": 240, "processed_tokens": 60, "settled_tokens": 240,
        "reply_tokens": 4, "speech_tokens": 0, "adapters": [], "adapted_tokens": 0, "invariant_sha256": "00",
        "voice_to_voice_ms": 700.0, "stages_ms": stages_ms(STAGES), "bridge_calls": {"stt": 1, "tts": 1},
        "pcm": bytes(32_000), "sample_rate_hz": 16_000, "stages": STAGES,
    }  # fmt: skip
    return TurnReport(**{**values, **changes})  # type: ignore[arg-type]


def test_an_answer_is_proven_by_the_fact_of_the_one_who_was_asked() -> None:
    assert evening.played(LINE, _report(), "", [MAYA]).proven
    assert not evening.played(LINE, _report(said="i like pears ."), "", [MAYA]).proven


def test_without_a_fact_the_proof_is_a_word() -> None:
    line = msgspec.structs.replace(LINE, fact="", proof="twelve")
    assert evening.played(line, _report(said="it is twelve ."), "", []).proven


def test_the_slowest_ear_chunk_and_the_stages_with_a_budget_are_measured() -> None:
    measured = Played(LINE, _report(), "", True).measured()
    assert measured == pytest.approx(
        {"hearing_ms": 12.0, "first_sound_ms": 200.0, "voice_to_voice_ms": 700.0, "processed_tokens": 60}
    )
    assert measured.keys() <= BUDGETS.keys()


def test_what_did_not_happen_is_not_measured_and_breaks_no_budget() -> None:
    turn = Played(LINE, _report(stages=(), stages_ms={}, voice_to_voice_ms=None), "", True)
    assert turn.measured() == {"processed_tokens": 60}
    assert turn.within_budget() == {"processed_tokens": True}


def test_a_missed_budget_is_named() -> None:
    within = Played(LINE, _report(processed_tokens=201), "", True).within_budget()
    assert within == {
        "hearing_ms": True, "first_sound_ms": False, "voice_to_voice_ms": True, "processed_tokens": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "right"), [({}, True), ({"persona": "ada"}, False), ({"error": "gone"}, False)]
)
def test_a_turn_went_right_when_the_one_who_was_asked_answered(
    changes: dict[str, object], right: bool
) -> None:
    assert Played(LINE, _report(**changes), "", True).went_right is right


def test_the_row_holds_the_report_and_the_verdicts() -> None:
    row = Played(LINE, _report(), "out/01-maya.wav", True).row()
    assert row["wav"] == "out/01-maya.wav"
    assert row["asked"] == LINE.words
    assert row["right_persona"] is True and row["answer_proven"] is True
    assert "pcm" not in row
    msgspec.json.encode(row)


def test_a_reply_lasts_as_long_as_its_sound() -> None:
    assert evening.reply_seconds(_report()) == 1.0
    assert evening.reply_seconds(_report(pcm=b"", sample_rate_hz=0)) == 0.0


def test_a_question_ends_in_the_silence_of_the_room() -> None:
    pcm, rate_hz = evening.lines(6)[0].question()
    silent = round(evening.SILENCE_S * rate_hz) * 2
    assert len(pcm) > silent + rate_hz // 2
    assert pcm[-silent:] == bytes(silent)
