"""Given nano as it ships, when it is asked aloud for a timer, then it says so itself, and that it is over."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import samplerate
from tests.processes.conftest import until

from sensorium.config import Config
from sensorium.front.audience import Piece
from sensorium.front.house import House
from sensorium.front.listening import at_once
from sensorium.front.publisher import Recording
from sensorium.persona import Voice
from sensorium.wire.events import Event, TurnEnded

pytestmark = pytest.mark.anyio

RATE_HZ = 16_000
SAM = Voice(espeak="en-us", pitch=50, rate_wpm=160)


def asked_aloud(words: str) -> bytes:
    """As training/evening.py records Sam, mono s16le at 16 kHz."""
    pytest.importorskip("espeakng_loader", reason="Sam's voice is made by it")
    from sensorium.speech.espeak import EspeakBridge

    mouth = EspeakBridge()
    try:
        spoken = np.concatenate(list(mouth.synthesize(words, SAM))).astype(np.float32) * 0.5
        sound = samplerate.resample(spoken, RATE_HZ / mouth.sample_rate_hz, "sinc_best")
    finally:
        mouth.close()
    return np.clip(sound, -32768, 32767).astype("<i2").tobytes()


async def test_a_timer_asked_for_aloud_is_answered_and_rings_aloud_by_itself(tmp_path: Path) -> None:
    question = asked_aloud("maya tell me in two seconds")
    events: list[Event] = []
    sound: list[Piece] = []
    async with House(Config(home=str(tmp_path), llm_threads=1), tools=True) as house:
        assert house._open.tooling is not None
        house._open.tooling._within_s = 60.0
        with house.happenings.told_to(events.append), house.audience.listening(sound.append):
            report = await house.turn_voice(at_once(question, RATE_HZ), RATE_HZ, Recording())
            await until(lambda: sum(isinstance(event, TurnEnded) for event in events) == 2)
            rang = house.conversation.last_report

    assert (report.heard, report.persona, report.said) == (
        "maya tell me in two seconds", "maya", "Ok two seconds.",
    )  # fmt: skip
    assert rang is not None and (rang.why, rang.persona, rang.said) == (
        "tool",
        "maya",
        "The two seconds are over.",
    )
    for turn in (report, rang):
        assert turn.bridge_calls == {"stt": 0, "tts": 0} and turn.error == ""
        loud = np.frombuffer(turn.pcm, "<i2").astype(np.float32)
        assert len(loud) > turn.sample_rate_hz // 2 and np.abs(loud).max() > 1_000
        assert turn.adapters
    # The room heard what nobody asked for just then.
    assert b"".join(piece.pcm for piece in sound) == rang.pcm
