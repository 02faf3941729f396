"""When was the last speech sample sent, and recordings that come at once or at the speed of speech."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from sensorium.clock import ManualClock
from sensorium.errors import BadInput, WorkerDied
from sensorium.front.fake import FakeEar, connected
from sensorium.front.links import HearingLink
from sensorium.front.listening import SentLog, at_once, in_real_time
from sensorium.front.microphone import Microphone
from sensorium.metrics import Counters

pytestmark = pytest.mark.anyio

LOUD, QUIET = b"\x01\x00", b"\x00\x00"


@pytest.mark.parametrize(
    ("ear_sample", "sent_s"),
    [(0, 1.0), (1_600, 1.0), (1_601, 1.0), (1_700, 2.0), (3_200, 2.0), (99_999, 3.0)],
)
def test_an_ear_sample_was_sent_with_its_piece(ear_sample: int, sent_s: float) -> None:
    log = SentLog(8_000)
    for now_s in (1.0, 2.0, 3.0):
        log.add(800, now_s)  # a tenth of a second, 1600 samples of the ear

    assert log.sent_s(ear_sample, default_s=0.0) == sent_s


def test_nothing_was_sent_yet() -> None:
    assert SentLog(8_000).sent_s(5, default_s=7.0) == 7.0


async def test_a_recording_comes_in_pieces_of_twenty_milliseconds() -> None:
    pieces = [piece async for piece in at_once(bytes(2 * 900), 16_000)]

    assert [len(p) for p in pieces] == [640, 640, 520]


async def test_a_recording_at_the_speed_of_speech(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock(now_s=5.0)

    async def sleep(seconds: float) -> None:
        clock.advance(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    times_s = [clock.now_s() async for _ in in_real_time(bytes(2 * 1_600), 16_000, clock)]

    assert times_s == pytest.approx([5.02, 5.04, 5.06, 5.08, 5.1])


async def test_the_last_loud_sample_is_what_the_wait_counts_from(counters: Counters) -> None:
    clock = ManualClock()

    async def sound() -> AsyncIterator[bytes]:
        async for piece in at_once(LOUD * 3_200 + QUIET * 3_200, 16_000):
            clock.advance(0.02)
            yield piece

    link = HearingLink(counters)
    async with connected(link, FakeEar("maya hello")):
        async with Microphone.open(link, sound(), 16_000, clock) as microphone:
            utterance = await microphone.utterance()

    assert utterance.text == "maya hello"
    assert utterance.last_speech_s == pytest.approx(0.2)
    assert utterance.decided_s == pytest.approx(0.4)
    assert utterance.stages and utterance.stages[0].process == "hearing"


async def test_a_source_that_breaks_ends_the_listening(counters: Counters) -> None:
    async def sound() -> AsyncIterator[bytes]:
        yield LOUD * 320
        raise BadInput("the file ended early")

    link = HearingLink(counters)
    async with connected(link, FakeEar("maya")):
        with pytest.raises(BadInput, match="ended early"):
            async with Microphone.open(link, sound(), 16_000, ManualClock()) as microphone:
                await microphone.utterance()


async def test_an_ear_that_dies_ends_the_listening(counters: Counters) -> None:
    link = HearingLink(counters)
    async with connected(link, FakeEar("maya")) as process:

        async def sound() -> AsyncIterator[bytes]:
            yield LOUD * 320
            await process.die()
            await asyncio.Event().wait()

        with pytest.raises(WorkerDied, match="hearing process ended"):
            async with Microphone.open(link, sound(), 16_000, ManualClock()) as microphone:
                await microphone.utterance()
