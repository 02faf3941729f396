"""Given a page that is slow, when too much waits for it, then sound goes first and records never."""

from __future__ import annotations

import asyncio

import pytest

from sensorium.front.server.frame_feed import FrameFeed
from sensorium.front.server.outbox import MAX_RECORDS, MAX_SOUND_BYTES, TOO_SLOW, Closed, Outbox
from sensorium.metrics import Counters

pytestmark = pytest.mark.anyio


@pytest.fixture
def outbox(counters: Counters) -> Outbox:
    return Outbox(counters)


async def drained(outbox: Outbox) -> list[bytes]:
    outbox.close(Closed(1000, ""))
    found = []
    while (message := await outbox.next()) is not None:
        found.append(message)
    return found


async def test_what_was_put_first_is_sent_first(outbox: Outbox) -> None:
    outbox.put(b"a")
    outbox.put_sound(b"b", 1)
    outbox.put(b"c")
    assert await drained(outbox) == [b"a", b"b", b"c"]


async def test_the_oldest_sound_goes_and_is_counted_and_no_record_does(
    outbox: Outbox, counters: Counters
) -> None:
    piece = bytes(MAX_SOUND_BYTES // 4)
    outbox.put(b"first")
    for number in range(6):
        outbox.put_sound(bytes([number]) + piece[1:], 100)
        outbox.put(b"event %d" % number)
    found = await drained(outbox)
    assert [m for m in found if m.startswith((b"first", b"event"))] == [
        b"first",
        *(b"event %d" % n for n in range(6)),
    ]
    assert [m[0] for m in found if len(m) == len(piece)] == [2, 3, 4, 5]
    assert counters.get("page_dropped_samples_total") == 200


async def test_the_sound_of_a_reply_that_was_cut_off_is_not_sent(outbox: Outbox) -> None:
    outbox.put_sound(b"old", 1)
    outbox.put(b"cleared")
    outbox.forget_sound()
    outbox.put_sound(b"new", 1)
    assert await drained(outbox) == [b"cleared", b"new"]


async def test_a_page_that_takes_nothing_is_cut_off(outbox: Outbox, counters: Counters) -> None:
    for _ in range(MAX_RECORDS + 5):
        outbox.put(b"event")
    assert outbox.closed == TOO_SLOW and await outbox.next() is None
    assert counters.get("listeners_cut_off_total") == 1


async def test_whoever_waits_is_woken_by_a_record_and_by_the_end(outbox: Outbox) -> None:
    waiting = asyncio.create_task(outbox.next())
    await asyncio.sleep(0)
    outbox.put(b"a")
    assert await waiting == b"a"
    waiting = asyncio.create_task(outbox.next())
    await asyncio.sleep(0)
    outbox.close(Closed(1000, ""))
    assert await waiting is None


async def test_the_newest_frame_wins_and_is_known_by_its_number() -> None:
    feed = FrameFeed()
    frames = aiter(feed)
    feed.push(10, b"a")
    feed.push(11, b"b")
    assert await anext(frames) == b"b"
    feed.push(15, b"c")
    feed.end()
    assert [jpeg async for jpeg in frames] == [b"c"]
    assert [feed.number(at) for at in (0, 1, 2)] == [11, 15, -1]
