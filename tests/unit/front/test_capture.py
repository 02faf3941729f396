"""Live sound that nobody takes in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.errors import BadInput
from sensorium.front.capture import MAX_WAITING_S, CaptureBuffer, captured
from sensorium.metrics import Counters

pytestmark = pytest.mark.anyio

RATE_HZ = 8_000
MAX_BYTES = 2 * round(RATE_HZ * MAX_WAITING_S)


def numbered(first: int, num_samples: int) -> bytes:
    return b"".join((sample % 65_536).to_bytes(2, "little") for sample in range(first, first + num_samples))


async def heard(buffer: CaptureBuffer) -> bytes:
    return b"".join([piece async for piece in buffer])


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 12_000), max_size=12))
def test_what_waits_is_the_newest_and_the_rest_is_counted(pieces):
    counters = Counters()
    buffer = CaptureBuffer(RATE_HZ, counters)
    total = 0
    for num_samples in pieces:
        buffer.push(numbered(total, num_samples))
        total += num_samples
    buffer.end()
    kept = asyncio.run(heard(buffer))
    dropped = counters.get("mic_dropped_samples_total")
    assert kept == numbered(dropped, total - dropped)
    assert len(kept) <= MAX_BYTES
    # a whole piece may go for a sample too many, and no more than that
    assert not dropped or len(kept) > MAX_BYTES - 2 * max(pieces)


async def test_a_listener_that_keeps_up_loses_nothing(counters: Counters) -> None:
    async def sound() -> AsyncIterator[bytes]:
        for i in range(200):
            yield numbered(160 * i, 160)
            await asyncio.sleep(0)

    got = b"".join([piece async for piece in captured(sound(), RATE_HZ, counters)])

    assert got == numbered(0, 32_000)
    assert counters.get("mic_dropped_samples_total") == 0


async def test_a_listener_that_stands_still_never_holds_the_source_up(counters: Counters) -> None:
    async def sound() -> AsyncIterator[bytes]:
        for i in range(200):  # four seconds, without a pause in which anybody could listen
            yield numbered(160 * i, 160)

    got = b"".join([piece async for piece in captured(sound(), RATE_HZ, counters)])

    assert counters.get("mic_dropped_samples_total") == 24_000
    assert got == numbered(24_000, 8_000)


async def test_a_broken_source_is_raised_after_what_came_before(counters: Counters) -> None:
    async def sound() -> AsyncIterator[bytes]:
        yield b"\1\0"
        raise BadInput("the device went away")

    got = []
    with pytest.raises(BadInput, match="went away"):
        async for piece in captured(sound(), RATE_HZ, counters):
            got.append(piece)
    assert got == [b"\1\0"]


async def test_a_listener_that_leaves_ends_the_source(counters: Counters) -> None:
    ended = asyncio.Event()

    async def sound() -> AsyncIterator[bytes]:
        try:
            yield b"\1\0"
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with aclosing(captured(sound(), RATE_HZ, counters)) as pieces:
        assert await anext(pieces) == b"\1\0"
    await ended.wait()
