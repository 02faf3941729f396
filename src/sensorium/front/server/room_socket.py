"""`/room`, one page's WebSocket, thin: `Session` decides, `Seat` carries out, `Outbox` waits."""

from __future__ import annotations

import asyncio

from starlette.websockets import WebSocket, WebSocketDisconnect

from sensorium.clock import Clock
from sensorium.errors import SensoriumError
from sensorium.front.server.hall import Hall
from sensorium.front.server.outbox import Closed, Outbox
from sensorium.front.server.seat import Seat
from sensorium.front.server.session import BAD_DATA, JOIN_S, REFUSED, Refused, Session, fatal, trouble
from sensorium.metrics import Counters
from sensorium.wire import page

ROOM_PATH = "/room"
MAX_CONNECTIONS = 64
# Of a close frame, in UTF-8.
_MAX_REASON_BYTES = 123


class RoomSocket:
    """`serve` is an endpoint. Counts `page_messages_total` and `page_refused_total{code}`."""

    def __init__(self, hall: Hall, clock: Clock, counters: Counters) -> None:
        self._hall = hall
        self._clock = clock
        self._counters = counters
        self._num_open = 0

    async def serve(self, websocket: WebSocket) -> None:
        if page.SUBPROTOCOL not in websocket.scope["subprotocols"]:
            return await websocket.close(REFUSED)
        await websocket.accept(page.SUBPROTOCOL)
        outbox = Outbox(self._counters)
        self._num_open += 1
        try:
            if self._num_open > MAX_CONNECTIONS:
                self._refuse(outbox, fatal("full", "the room is full", "come back later", REFUSED))
                return await _send(websocket, outbox)
            async with asyncio.TaskGroup() as tasks:
                receiving = tasks.create_task(self._receive(websocket, outbox))
                sending = tasks.create_task(_send(websocket, outbox))
                # Whoever ends first, the other has nothing to do: what was refused is sent by then.
                done, _ = await asyncio.wait({receiving, sending}, return_when=asyncio.FIRST_COMPLETED)
                if receiving in done and outbox.closed is not None:
                    await asyncio.wait({sending})
                receiving.cancel()
                sending.cancel()
        finally:
            self._num_open -= 1

    async def _receive(self, websocket: WebSocket, outbox: Outbox) -> None:
        """Until the page goes, or is refused."""
        session = Session()
        seat: Seat | None = None
        due_s = self._clock.now_s() + JOIN_S
        try:
            while outbox.closed is None:
                try:
                    async with asyncio.timeout(None if seat else max(0.0, due_s - self._clock.now_s())):
                        message = await websocket.receive()
                except TimeoutError:
                    late = fatal("late", f"nobody joined within {JOIN_S:.0f} s", "reload the page", REFUSED)
                    return self._refuse(outbox, late)
                if message["type"] == "websocket.disconnect":
                    return
                seat = await self._take(message.get("bytes"), session, seat, outbox)
        finally:
            if seat is not None:
                self._hall.lost(seat, outbox)

    async def _take(
        self, message: bytes | None, session: Session, seat: Seat | None, outbox: Outbox
    ) -> Seat | None:
        self._counters.add("page_messages_total")
        if message is None:
            text = fatal("bad_input", "this protocol is binary", "see docs/page-protocol.md", BAD_DATA)
            self._refuse(outbox, text)
            return seat
        taken = session.take(message, self._clock.now_s())
        if isinstance(taken, Refused):
            self._refuse(outbox, taken)
            return seat
        try:
            if isinstance(taken.record, page.Join):
                return await self._hall.join(taken.record, outbox)
            assert seat is not None  # a session accepts nothing else first
            seat.handle(taken.record, taken.payload)
        except SensoriumError as e:
            joining = seat is None
            self._refuse(outbox, Refused(trouble(e, is_fatal=joining), REFUSED if joining else 0))
        return seat

    def _refuse(self, outbox: Outbox, refused: Refused) -> None:
        self._counters.add("page_refused_total", code=refused.trouble.code)
        outbox.put(page.encode(refused.trouble))
        if refused.close_code:
            outbox.close(Closed(refused.close_code, refused.trouble.message))


async def _send(websocket: WebSocket, outbox: Outbox) -> None:
    """Until the box is closed and empty, or the page has gone."""
    try:
        while (message := await outbox.next()) is not None:
            await websocket.send_bytes(message)
        if outbox.closed is not None:
            await websocket.close(outbox.closed.code, short(outbox.closed.reason))
    except (WebSocketDisconnect, RuntimeError):
        # It has gone; whoever receives knows that as well.
        return


def short(reason: str) -> str:
    """As much of it as a close frame holds."""
    return reason.encode()[:_MAX_REASON_BYTES].decode(errors="ignore")
