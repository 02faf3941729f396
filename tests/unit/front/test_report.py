"""A turn's measurements as plain numbers."""

from __future__ import annotations

import json

from sensorium.dialogue.turn import Turns
from sensorium.errors import WorkerDied
from sensorium.front.report import Draft, stages_ms
from sensorium.request import Prompt, Usage
from sensorium.trace import Stage


def test_stages_are_named_by_process_and_summed_unless_they_are_a_first() -> None:
    stages = [
        Stage("llm", "llm.prefill", 1, 0.0, 0.010),
        Stage("front", "compose", 1, 0.0, 0.001),
        Stage("speech", "speech.first_chunk", 1, 0.0, 0.004),
        Stage("speech", "speech.phrase", 1, 0.0, 0.020),
        Stage("speech", "speech.first_chunk", 1, 0.0, 0.009),
        Stage("speech", "speech.phrase", 1, 0.0, 0.030),
    ]

    assert stages_ms(stages) == {
        "llm.prefill": 10.0,
        "front.compose": 1.0,
        "speech.first_chunk": 4.0,
        "speech.phrase": 50.0,
    }


def test_a_report_is_one_json_object() -> None:
    turn = Turns(first_id=9).open("maya", "hello")
    draft = Draft(turn, "named", 0.0, last_speech_s=1.0, first_sound_s=1.25, num_stt=1, num_phrases=2)
    draft.prompt = Prompt("maya", ())
    draft.usage = Usage(
        prompt_tokens=10, cached_tokens=7, processed_tokens=3, settled_tokens=2, reply_tokens=4
    )
    draft.heard_text = "i like apples"
    draft.pcm += b"\x00\x00"

    row = draft.finish(()).row("maya.wav")

    assert json.loads(json.dumps(row)) == row
    assert row["voice_to_voice_ms"] == 250.0
    assert (row["said"], row["wav"], row["bridge_calls"]) == (
        "i like apples",
        "maya.wav",
        {"stt": 1, "tts": 2},
    )
    assert "pcm" not in row


def test_an_error_is_one_line_with_its_remedy() -> None:
    draft = Draft(Turns().open("maya", "hello"), "named", 0.0)
    draft.error = WorkerDied("it ended", remedy="ask again")

    report = draft.finish(())

    assert (report.error, report.error_code) == ("it ended (ask again)", "worker_died")
    assert report.voice_to_voice_ms is None and report.invariant_sha256 == ""
