"""Given pages that say nothing or read nothing, then they are dropped, and nobody else waits for them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.unit.front.conftest import House as Inside
from tests.unit.front.server.test_hall import Served, played_on

from sensorium.clock import ManualClock
from sensorium.front.server.hall import Hall
from sensorium.front.server.logs import EventLog
from sensorium.front.server.outbox import MAX_RECORDS
from sensorium.front.server.room_socket import RoomSocket
from sensorium.front.server.session import JOIN_S
from sensorium.wire import page
from sensorium.wire.events import Hearing

pytestmark = pytest.mark.anyio


class Socket:
    """A page's end. While it does not `read`, nothing that is sent to it arrives."""

    def __init__(self, *first: bytes) -> None:
        self.scope = {"subprotocols": [page.SUBPROTOCOL]}
        self._to_come = list(first)
        self.got: list[bytes] = []
        self.closed: tuple[int, str] | None = None
        self.reads = asyncio.Event()
        self.reads.set()
        self._gone = asyncio.Event()

    async def accept(self, subprotocol: str) -> None:
        pass

    async def receive(self) -> dict[str, Any]:
        if self._to_come:
            return {"type": "websocket.receive", "bytes": self._to_come.pop(0)}
        await self._gone.wait()
        return {"type": "websocket.disconnect", "code": 1006}

    async def send_bytes(self, data: bytes) -> None:
        await self.reads.wait()
        self.got.append(data)

    async def close(self, code: int, reason: str = "") -> None:
        self.closed = (code, reason)

    def go(self) -> None:
        self._gone.set()


class Jumping(ManualClock):
    """Moves on whenever somebody looks at it."""

    def now_s(self) -> float:
        self.advance(JOIN_S)
        return super().now_s()


def join(name: str) -> bytes:
    return page.encode(page.Join(name, page.PROTOCOL))


async def test_who_never_joins_is_told_so_and_closed(house: Inside) -> None:
    served = Served(house)
    async with Hall(served, EventLog(speech=False)) as hall:  # type: ignore[arg-type]
        socket = Socket()

        async with asyncio.timeout(10):
            await RoomSocket(hall, Jumping(), house.counters).serve(socket)  # type: ignore[arg-type]

    told, _ = page.Decoder(page.ToPage).decode(socket.got[-1])
    assert isinstance(told, page.Trouble) and told.fatal and told.code == "late"
    assert socket.closed is not None and socket.closed[0] == 1008
    assert house.counters.get("page_refused_total", code="late") == 1


async def test_a_page_that_reads_nothing_slows_nobody_down_and_is_cut_off(house: Inside) -> None:
    served = Served(house)
    async with Hall(served, EventLog(speech=False)) as hall:  # type: ignore[arg-type]
        rooms = RoomSocket(hall, house.clock, house.counters)
        slow, lively = Socket(join("Slow")), Socket(join("Lively"))
        serving = [asyncio.create_task(rooms.serve(one)) for one in (slow, lively)]  # type: ignore[arg-type]
        await played_on(served, house, lambda: bool(slow.got and lively.got))
        slow.reads.clear()

        # when more happens than a page may leave unread
        for number in range(MAX_RECORDS + 50):
            house.happenings.tell(Hearing("sam", f"word {number}"))
            if number % 100 == 0:
                await asyncio.sleep(0)
        await asyncio.sleep(0)
        await played_on(served, house, lambda: b"word 1073" in lively.got[-1])

        # then the other one has all of it, and the slow one is told why when it reads again
        heard = [data for data in lively.got if b"word " in data]
        assert len(heard) == MAX_RECORDS + 50
        assert house.counters.get("listeners_cut_off_total") == 1
        slow.reads.set()
        await played_on(served, house, lambda: slow.closed is not None)
        assert slow.closed is not None and slow.closed[0] == 1013
        assert lively.closed is None
        lively.go()
        slow.go()
        await asyncio.gather(*serving)
