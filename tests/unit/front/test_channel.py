"""The front's end of a worker's socket and rings: who waits for room, who is told, and what stays open."""

from __future__ import annotations

import asyncio
import mmap
import os
import socket
import struct
import time
from collections.abc import AsyncIterator

import pytest

from sensorium.errors import BadInput, WorkerDied, WorkerFailed
from sensorium.front.line import Channel
from sensorium.wire import framing
from sensorium.wire.framing import Slot
from sensorium.wire.payloads import SHAPES, Payloads, Rings
from sensorium.wire.records import FromHearing, Hear, Heard, ToHearing
from sensorium.wire.ring import Shape

pytestmark = pytest.mark.anyio

NUM_SLOTS = SHAPES["hearing"].to_worker.num_slots
RELEASED_AT = 128


class FarEnd:
    """A worker that does only what a test says."""

    def __init__(self) -> None:
        self.full: list[str] = []
        self.hops_ms: list[float] = []
        ours, self.socket = socket.socketpair()
        self.socket.settimeout(20)
        self.rings = Rings.create("hearing")
        self.payloads = Payloads.of_worker(self.rings)
        self._decoder = framing.Decoder(ToHearing)
        self._waiting: list[object] = []
        self._ours = ours

    async def open(self) -> Channel:
        payloads = Payloads.of_front(self.rings, self.full.append)
        return await Channel.open(self._ours, FromHearing, payloads, self.hops_ms.append)

    def take(self) -> bytes:
        """The payload of the next record."""
        while not self._waiting:
            self._waiting += self._decoder.feed(self.socket.recv(65_536))
        _, payload = self._waiting.pop(0)
        return self.payloads.fetch(payload)

    def scribble(self, at: int, value: int) -> None:
        with mmap.mmap(self.rings.to_worker, Shape(*SHAPES["hearing"].to_worker).num_bytes) as memory:
            struct.pack_into("=Q", memory, at, value)

    def close(self) -> None:
        self.socket.close()
        self.payloads.close()
        self.rings.close()


@pytest.fixture
async def far() -> AsyncIterator[FarEnd]:
    end = FarEnd()
    yield end
    end.close()


@pytest.fixture
async def channel(far: FarEnd) -> AsyncIterator[Channel]:
    opened = await far.open()
    yield opened
    await opened.close()


def sound(number: int) -> bytes:
    return number.to_bytes(2, "little") * 320


async def settled() -> None:
    """Lets every other task run as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_stream_waits_for_room_and_loses_nothing(channel: Channel, far: FarEnd) -> None:
    async def send_all() -> None:
        for number in range(3 * NUM_SLOTS):
            channel.send(Hear(1), sound(number))
            await channel.drain()

    sending = asyncio.create_task(send_all())
    await settled()
    assert not sending.done()
    got = []
    while len(got) < 3 * NUM_SLOTS:
        got.append(await asyncio.to_thread(far.take))

    await sending
    assert got == [sound(number) for number in range(3 * NUM_SLOTS)]
    assert far.full == []


async def test_whoever_does_not_wait_sends_in_the_socket_and_is_counted(
    channel: Channel, far: FarEnd
) -> None:
    for number in range(NUM_SLOTS + 3):
        channel.send(Hear(1), sound(number))

    assert far.full == ["to_worker"] * 3
    assert [await asyncio.to_thread(far.take) for _ in range(NUM_SLOTS + 3)] == [
        sound(number) for number in range(NUM_SLOTS + 3)
    ]


async def test_two_streams_that_wait_are_both_woken(channel: Channel, far: FarEnd) -> None:
    for number in range(NUM_SLOTS):
        channel.send(Hear(1), sound(number))
    waiting = [asyncio.create_task(channel.drain()) for _ in range(2)]
    await settled()
    assert not any(task.done() for task in waiting)
    await asyncio.to_thread(far.take)
    async with asyncio.timeout(20):
        await asyncio.gather(*waiting)


async def test_who_waits_for_a_worker_that_dies_is_told(channel: Channel, far: FarEnd) -> None:
    for number in range(NUM_SLOTS):
        channel.send(Hear(1), sound(number))
    waiting = asyncio.create_task(channel.drain())
    await settled()
    far.socket.close()

    assert [message async for message in channel.messages()] == []
    with pytest.raises(WorkerDied):
        await waiting
    with pytest.raises(WorkerDied):
        await channel.drain()


async def test_a_worker_that_damages_the_ring_is_given_up(channel: Channel, far: FarEnd) -> None:
    far.scribble(RELEASED_AT, 2**40)
    with pytest.raises(WorkerFailed, match="damaged"):
        channel.send(Hear(1), sound(1))
    # the supervisor sees the end of the line
    assert [message async for message in channel.messages()] == []


@pytest.mark.parametrize("slot", [Slot(1, 640), Slot(7, 640), Slot(2**63, 2**31)])
async def test_a_slot_that_the_worker_never_wrote_is_nonsense(
    channel: Channel, far: FarEnd, slot: Slot
) -> None:
    far.socket.sendall(framing.frame(framing.encode_header(Heard(1, 0)), slot))
    with pytest.raises(BadInput):
        async for _ in channel.messages():
            raise AssertionError("it was believed")


async def test_what_the_worker_puts_arrives_and_its_slots_are_free_again(
    channel: Channel, far: FarEnd
) -> None:
    messages = channel.messages()
    for number in range(3 * SHAPES["hearing"].to_front.num_slots):
        far.socket.sendall(far.payloads.encode(Heard(1, number), sound(number)))
        assert await anext(messages) == (Heard(1, number), sound(number))
    assert far.full == []


async def test_nothing_stays_open() -> None:
    far = FarEnd()
    opened = await far.open()
    for number in range(NUM_SLOTS):
        opened.send(Hear(1), sound(number))
    waiting = asyncio.create_task(opened.drain())
    await settled()
    await opened.close()
    with pytest.raises(WorkerDied):
        await waiting
    far.close()
    before = len(os.listdir("/proc/self/fd")), num_rings_mapped()
    for _ in range(3):
        far = FarEnd()
        opened = await far.open()
        opened.send(Hear(1), sound(1))
        await opened.close()
        far.close()
    assert (len(os.listdir("/proc/self/fd")), num_rings_mapped()) == before == (before[0], 0)


def num_rings_mapped() -> int:
    with open("/proc/self/maps") as maps:
        return sum("memfd:sensorium" in line for line in maps)


async def test_how_long_a_record_was_on_its_way_is_told(far: FarEnd, channel: Channel) -> None:
    messages = channel.messages()
    far.socket.sendall(far.payloads.encode(Heard(1, 0), sent_ns=time.monotonic_ns() - 5_000_000))
    far.socket.sendall(far.payloads.encode(Heard(1, 1)))
    for _ in range(2):
        await anext(messages)
    [ms] = far.hops_ms
    assert ms >= 5.0
