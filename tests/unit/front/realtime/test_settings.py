"""What a client sets, in GA terms and in older ones."""

from __future__ import annotations

from typing import Any

import pytest

from sensorium.dialogue.endpointing import Endpointing
from sensorium.front.realtime.client_events import Refused
from sensorium.front.realtime.settings import NamedTool, Settings, TurnDetection

HOUSE = Endpointing(sure_ms=300, unsure_ms=900)


def settings(**given: Any) -> Settings:
    return Settings(persona_id="mira").updated(given, "session")


def test_the_older_names_mean_the_same() -> None:
    ga = settings(
        type="realtime",
        output_modalities=["audio"],
        audio={
            "input": {
                "format": {"type": "audio/pcmu"},
                "transcription": {"model": "whisper-1"},
                "turn_detection": {"type": "server_vad", "silence_duration_ms": 700, "threshold": 0.5},
            },
            "output": {"format": {"type": "audio/pcma"}, "voice": "alloy"},
        },
    )
    beta = settings(
        modalities=["text", "audio"],
        voice="alloy",
        input_audio_format="g711_ulaw",
        output_audio_format="g711_alaw",
        input_audio_transcription={"model": "whisper-1"},
        turn_detection={"type": "server_vad", "silence_duration_ms": 700, "threshold": 0.5},
        temperature=0.8,
        max_response_output_tokens="inf",
    )

    assert ga == beta
    assert (ga.input_format, ga.output_format, ga.transcribes) == ("audio/pcmu", "audio/pcma", True)


def test_what_is_not_named_stays() -> None:
    first = settings(instructions="be brief", tool_choice={"type": "function", "name": "dim"})
    second = first.updated({"audio": {"input": {"turn_detection": None}}}, "session")

    assert second.instructions == "be brief"
    assert second.tool_choice == NamedTool(name="dim")
    assert second.turn_detection is None
    assert settings(turn_detection={"type": "none"}).turn_detection is None


def test_silence_alone_or_the_houses_own_opinion() -> None:
    by_silence = TurnDetection(type="server_vad", silence_duration_ms=700)
    assert by_silence.endpointing(HOUSE) == HOUSE._replace(sure_ms=700, unsure_ms=700)
    # The ear needs its time, whatever the client says.
    assert TurnDetection(type="server_vad", silence_duration_ms=100).endpointing(HOUSE).sure_ms == 300
    assert TurnDetection().endpointing(HOUSE) == HOUSE
    assert TurnDetection(eagerness="low").endpointing(HOUSE).unsure_ms == 1_500
    assert TurnDetection(eagerness="high").endpointing(HOUSE).unsure_ms == 600


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"type": "transcription"}, "session.type"),
        ({"instructions": "x" * 32_001}, "session.instructions"),
        ({"output_modalities": []}, "session.output_modalities"),
        ({"output_modalities": ["video"]}, "session.output_modalities[0]"),
        ({"audio": 5}, "session.audio"),
        (
            {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 48_000}}}},
            "session.audio.input.format.rate",
        ),
        ({"input_audio_format": "mp3"}, "session.input_audio_format"),
        ({"turn_detection": {"threshold": 0.5}}, "session.audio.input.turn_detection.type"),
        ({"turn_detection": {"type": "server_vad", "silence_duration_ms": -5}},
         "session.audio.input.turn_detection.silence_duration_ms"),
        ({"tools": [{"type": "mcp", "server_url": "http://x"}]}, "session.tools[0].type"),
        ({"tools": [{"type": "function", "name": "a b"}]}, "session.tools[0].name"),
        ({"tool_choice": "sometimes"}, "session.tool_choice"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_name(given: dict[str, Any], param: str) -> None:
    with pytest.raises(Refused) as caught:
        settings(**given)
    assert caught.value.param == param
