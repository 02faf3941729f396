"""The WebSocket of a Live session: /v1/live/sessions?name=WHO; the persona is named in its first message.

Knows nothing of what the events mean; who may connect at all is the server's to decide.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from sensorium.errors import BadInput, SensoriumError
from sensorium.front.background import all_of
from sensorium.front.house import House
from sensorium.front.realtime import live_events as live
from sensorium.front.realtime import socket
from sensorium.front.realtime.client_events import Refused
from sensorium.front.realtime.connection import Connection
from sensorium.front.realtime.guests import guest
from sensorium.front.realtime.live_session import LiveSession
from sensorium.wire.events import Cleared, Event, Held, Resumed, Spoke

START_S = 30.0
# Sound leaves in pieces of so much.
_TICK_S = 0.04
_REFUSED, _FAILED = 1008, 1011


async def converse(house: House, websocket: WebSocket) -> None:
    """One session, until either side ends it."""
    await websocket.accept()
    try:
        async with asyncio.timeout(START_S):
            start = await _start(websocket)
        await _talk(house, websocket, start)
    except WebSocketDisconnect:
        pass
    except TimeoutError:
        await socket.close(websocket, _REFUSED, f"no session was started within {START_S:.0f} s")
    except (BadInput, Refused) as e:
        await _refuse(websocket, e)
        await socket.close(websocket, _REFUSED, e.message[:120])
    except SensoriumError as e:
        logging.getLogger("sensorium").warning("live session: %s", e.one_line())
        await socket.close(websocket, _FAILED, e.code)


async def _start(websocket: WebSocket) -> live.Start:
    """What else comes first is answered with an error."""
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        text = message.get("text")
        try:
            event = live.read(text if text is not None else message.get("bytes") or b"")
            if isinstance(event, live.Start):
                return event
            refused = Refused("start the session first", code="session_not_started")
            refused.event_id = event.event_id or ""
            raise refused
        except Refused as e:
            await _refuse(websocket, e)


async def _talk(house: House, websocket: WebSocket, start: live.Start) -> None:
    persona = house.room.persona(start.session.model)
    if house.speech is None:
        raise BadInput("nobody speaks aloud in this house", remedy="use /v1/realtime, in writing")
    outbox = socket.Outbox()
    async with guest(house, websocket.query_params.get("name", "")) as person:
        began_s = house.clock.now_s()

        def now_ms() -> float:
            return 1000.0 * (house.clock.now_s() - began_s)

        def send(event: live.AnyToClient) -> None:
            outbox.put(msgspec.json.encode(event))

        session = LiveSession(start, persona.id, house.clock.wall_s(), send)

        def receive(message: str | bytes) -> None:
            session.receive(message, now_ms())

        connection = Connection(house, session.session, persona, person, receive, session.shown)

        def told(event: Event) -> None:
            match event:
                case Spoke() if event.turn_id == connection.turn_id:
                    session.spoke(connection.reply_ms(event.until_sample), event.text)
                case Held() | Resumed() if event.turn_id == connection.turn_id:
                    session.hold(isinstance(event, Held))
                case Cleared() if event.turn_id == connection.turn_id:
                    session.cleared()
                    connection.flush()

        async def talk() -> None:
            with house.happenings.told_to(told):
                await connection.run(_until_closed(socket.messages(websocket, outbox, house.clock), session))
            outbox.end()

        async def play() -> None:
            while not (session.over or outbox.ended):
                await asyncio.sleep(_TICK_S)
                session.tick(now_ms())
            outbox.end()

        await all_of([talk(), play(), outbox.drain(websocket)])


async def _until_closed(
    messages: AsyncIterator[str | bytes], session: LiveSession
) -> AsyncIterator[str | bytes]:
    async for message in messages:
        yield message
        if session.over:
            return


async def _refuse(websocket: WebSocket, error: BadInput | Refused) -> None:
    """Before there is a session."""
    if isinstance(error, Refused):
        code, message, param, event_id = error.code, error.message, error.param, error.event_id
    else:
        code = "model_not_found" if error.code == "not_found" else error.code
        message, param, event_id = error.one_line(), "", ""
    detail = live.ErrorDetail(
        type="invalid_request_error",
        code=code,
        message=message,
        param=param or None,
        client_event_id=event_id or None,
    )
    refused = live.Error(event_id="event_refused", client_event_id=event_id or None, error=detail)
    await websocket.send_text(msgspec.json.encode(refused).decode())
