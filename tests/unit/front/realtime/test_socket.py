"""Given clients that flood the room or leave its events unread, then they are slowed down or dropped."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.websockets import WebSocketState

from sensorium.clock import ManualClock
from sensorium.front.realtime import socket

pytestmark = pytest.mark.anyio


class Client:
    """Sends so many messages; reads what it is sent only while it `reads`."""

    client_state = application_state = WebSocketState.CONNECTED

    def __init__(self, *messages: str) -> None:
        self._to_come = list(messages)
        self.got: list[str] = []
        self.closed: tuple[int, str] | None = None
        self.reads = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        if self._to_come:
            return {"type": "websocket.receive", "text": self._to_come.pop(0)}
        return {"type": "websocket.disconnect"}

    async def send_text(self, text: str) -> None:
        await self.reads.wait()
        self.got.append(text)

    async def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)


@pytest.mark.parametrize(
    ("messages", "wait_s"),
    [
        (["x"] * round(socket.MESSAGE_BURST), 0.0),
        (["x"] * round(socket.MESSAGE_BURST + 5), 0.005),
        (["x" * 4_000_000] * 9, (36_000_000 - socket.BYTE_BURST) / socket.BYTES_PER_S),
    ],
)
async def test_a_flood_is_read_as_fast_as_anybody_may_send_and_nothing_is_lost(
    messages: list[str], wait_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(socket.asyncio, "sleep", sleep)
    client: Any = Client(*messages)

    came = [message async for message in socket.messages(client, socket.Outbox(), ManualClock())]

    assert came == messages
    assert max(slept, default=0.0) == pytest.approx(wait_s)


async def test_who_reads_nothing_is_cut_off_and_putting_in_never_waits() -> None:
    outbox, client = socket.Outbox(), Client()
    draining = asyncio.create_task(outbox.drain(client))  # type: ignore[arg-type]
    await asyncio.sleep(0)

    event = b"x" * 1_000_000
    for _ in range(socket.MAX_UNREAD_BYTES // len(event) + 1):
        outbox.put(event)

    assert outbox.over
    client.reads.set()
    await draining
    assert client.closed is not None and client.closed[0] == 1013


async def test_what_waits_at_the_end_is_still_sent() -> None:
    outbox, client = socket.Outbox(), Client()
    client.reads.set()
    for number in range(3):
        outbox.put(str(number).encode())
    outbox.end()

    await outbox.drain(client)  # type: ignore[arg-type]

    assert client.got == ["0", "1", "2"] and client.closed == (1000, "")
