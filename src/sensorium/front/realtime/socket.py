"""The WebSocket of a Realtime session: /v1/realtime?model=PERSONA&name=WHO.

Knows nothing of what the events mean; who may connect at all is the server's to decide.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from sensorium.clock import Clock
from sensorium.errors import BadInput, SensoriumError
from sensorium.front.background import all_of
from sensorium.front.house import House
from sensorium.front.rates import Rate
from sensorium.front.realtime.connection import Connection
from sensorium.front.realtime.guests import guest
from sensorium.front.realtime.server_events import Error, ErrorDetail, ServerEvent
from sensorium.front.realtime.session import Session
from sensorium.front.realtime.settings import Settings

# About three minutes of sound: a client that leaves so much unread has stopped reading.
MAX_UNREAD_BYTES = 12_000_000
# A recording may be sent as fast as it can be; then a hundred times as fast as it was spoken.
MESSAGES_PER_S, MESSAGE_BURST = 1_000.0, 2_000.0
BYTES_PER_S, BYTE_BURST = 8_000_000.0, 32_000_000.0
NORMAL, _REFUSED, _TRY_LATER, _FAILED = 1000, 1008, 1013, 1011


class Outbox:
    """What the client has not been sent yet; putting in never waits. `over`: it is too much. `ended`: no more
    will come."""

    def __init__(self) -> None:
        self._waiting: deque[bytes] = deque()
        self._num_bytes = 0
        self._changed = asyncio.Event()
        self.ended = False
        self.over = False

    def put(self, event: bytes) -> None:
        self._num_bytes += len(event)
        self.over = self.over or self._num_bytes > MAX_UNREAD_BYTES
        if not self.over:
            self._waiting.append(event)
        self._changed.set()

    def end(self) -> None:
        """What waits is still sent."""
        self.ended = True
        self._changed.set()

    async def drain(self, websocket: WebSocket) -> None:
        """Sends until the end, and ends the connection. Raises WebSocketDisconnect."""
        while not self.over:
            while self._waiting and not self.over:
                event = self._waiting.popleft()
                await websocket.send_text(event.decode())
                self._num_bytes -= len(event)
            if self.ended:
                return await close(websocket, NORMAL, "")
            if not self.over:
                self._changed.clear()
                await self._changed.wait()
        await close(websocket, _TRY_LATER, "events are not read as fast as they come")


async def converse(house: House, websocket: WebSocket) -> None:
    """One session, until either side ends it."""
    offered = websocket.scope.get("subprotocols", [])
    await websocket.accept(subprotocol="realtime" if "realtime" in offered else None)
    asked = websocket.query_params
    try:
        persona = house.room.persona(asked.get("model") or house.room.personas[0].id)
        async with guest(house, asked.get("name", "")) as person:
            outbox = Outbox()
            session = Session(Settings(persona_id=persona.id))

            def send(event: ServerEvent) -> None:
                outbox.put(msgspec.json.encode(event))

            connection = Connection(house, session, persona, person, session.receive, send)

            async def talk() -> None:
                await connection.run(messages(websocket, outbox, house.clock))
                outbox.end()

            await all_of([talk(), outbox.drain(websocket)])
    except WebSocketDisconnect:
        pass
    except BadInput as e:
        await _refuse(websocket, e)
    except SensoriumError as e:
        logging.getLogger("sensorium").warning("realtime session: %s", e.one_line())
        await close(websocket, _FAILED, e.code)


async def messages(websocket: WebSocket, outbox: Outbox, clock: Clock) -> AsyncIterator[str | bytes]:
    """As they come, until the client goes, or leaves too much unread. Whoever sends more than anybody speaks
    is read more slowly, and nothing of it is lost."""
    pieces = Rate(MESSAGES_PER_S, MESSAGE_BURST)
    amounts = Rate(BYTES_PER_S, BYTE_BURST)
    while not outbox.over:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text")
        said = text if text is not None else message.get("bytes") or b""
        now_s = clock.now_s()
        if wait_s := max(pieces.take(1.0, now_s), amounts.take(len(said), now_s)):
            await asyncio.sleep(wait_s)
        yield said


async def _refuse(websocket: WebSocket, error: BadInput) -> None:
    """As OpenAI's server does it: an event that says why, then the end."""
    code = "model_not_found" if error.code == "not_found" else error.code
    detail = ErrorDetail(type="invalid_request_error", code=code, message=error.one_line())
    if websocket.application_state is WebSocketState.CONNECTED:
        await websocket.send_text(msgspec.json.encode(Error(event_id="event_refused", error=detail)).decode())
    await close(websocket, _REFUSED, error.one_line()[:120])


async def close(websocket: WebSocket, code: int, reason: str) -> None:
    """If it is open."""
    both = (websocket.client_state, websocket.application_state)
    if all(state is WebSocketState.CONNECTED for state in both):
        await websocket.close(code, reason)
