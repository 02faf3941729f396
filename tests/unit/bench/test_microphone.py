"""Given recordings, when a bench speaks them in real time, then it knows when each was heard."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from sensorium.bench.microphone import PIECE_SAMPLES, RATE_HZ, Microphone, cough, door, over_replies
from sensorium.clock import ManualClock
from sensorium.dialogue.turn_taking import is_backchannel

pytestmark = pytest.mark.anyio


async def test_a_recording_is_sent_piece_by_piece_and_its_loud_part_is_timed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = ManualClock(now_s=100.0)
    plain_sleep = asyncio.sleep

    async def sleep(seconds: float) -> None:
        clock.advance(seconds)
        await plain_sleep(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    microphone = Microphone(clock)
    pieces: list[bytes] = []

    async def listen() -> None:
        async for piece in microphone.sound():
            pieces.append(piece)

    listening = asyncio.create_task(listen())
    await plain_sleep(0)
    # given three pieces and a bit, of which the second and third are loud
    samples = np.zeros(3 * PIECE_SAMPLES + 10, np.int16)
    samples[PIECE_SAMPLES : 3 * PIECE_SAMPLES] = 5_000
    # when
    spoken = await microphone.say(samples)
    microphone.close()
    await listening
    # then it took the time that sound takes
    assert spoken.last_s - spoken.first_s == pytest.approx(PIECE_SAMPLES / RATE_HZ)
    assert {len(piece) for piece in pieces} == {2 * PIECE_SAMPLES}
    loud = [i for i, piece in enumerate(pieces) if np.abs(np.frombuffer(piece, "<i2")).max() > 4_000]
    assert len(loud) == 2 and loud[1] == loud[0] + 1


def test_what_is_said_over_replies_is_what_it_is_called() -> None:
    for over, samples in over_replies():
        assert is_backchannel(over.words) == (over.kind == "backchannel"), over.words
        assert 0.2 < len(samples) / RATE_HZ < 2.0
        assert np.abs(samples.astype(int)).max() > 2_000


def test_noises_are_short_and_loud() -> None:
    draw = np.random.default_rng(1)
    for noise in (cough(draw), door(draw)):
        assert noise.dtype == np.int16 and 0.2 <= len(noise) / RATE_HZ <= 0.5
        assert np.abs(noise.astype(int)).max() > 2_000
