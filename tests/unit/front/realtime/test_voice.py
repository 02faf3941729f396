"""A reply on its way to a client, and its word on how much of it was heard."""

from __future__ import annotations

import asyncio

import pytest

from sensorium.clock import ManualClock
from sensorium.dialogue.turn import Turns
from sensorium.front.audience import Audience
from sensorium.front.happenings import to_nobody
from sensorium.front.realtime.voice import Reports, Voice


@pytest.mark.anyio
async def test_a_cut_off_reply_is_as_long_as_its_listener_says(clock: ManualClock) -> None:
    """Given sound at 16 kHz that was broken off, when the client says how far it played, then that counts."""
    audience = Audience(clock, Turns(), to_nobody)
    sent: list[bytes] = []
    with audience.listening(lambda piece: None) as listener:
        reports = Reports()
        voice = Voice(
            audience.led_by(listener),
            listener,
            "audio/pcm",
            reports,
            sent.append,
            lambda: sent.append(b"end"),
        )
        await voice.send_audio(7, bytes(2 * 16_000), 16_000)
        clearing = asyncio.create_task(voice.clear(7))
        await asyncio.sleep(0)
        voice.heard_until(250)
        await clearing
        await voice.send_audio(7, bytes(3_200), 16_000)
        await voice.played(7)

        assert voice.heard_samples(7) == 4_000
    # What came later was not sent, and the sound is the client's: 24 kHz, but for the filter's lag.
    assert 23_900 < len(b"".join(sent)) // 2 <= 24_000 and b"end" not in sent


@pytest.mark.anyio
async def test_a_reply_that_is_played_was_all_sent(clock: ManualClock) -> None:
    audience = Audience(clock, Turns(), to_nobody)
    sent: list[bytes] = []
    with audience.listening(lambda piece: None) as listener:
        voice = Voice(
            audience.led_by(listener),
            listener,
            "audio/pcmu",
            Reports(),
            sent.append,
            lambda: sent.append(b""),
        )
        await voice.send_audio(7, bytes(1_600), 16_000)
        playing = asyncio.create_task(voice.played(7))
        await asyncio.sleep(0)
        assert len(b"".join(sent)) == 400 and sent[-1] == b""
        playing.cancel()
