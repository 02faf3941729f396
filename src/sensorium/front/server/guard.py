"""The door's decisions on every request and every WebSocket, and the headers that go with every answer."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sensorium.front.server.doors import PAGE_HEADERS, Door, Refusal

POLICY_VIOLATION = 1008
_HEADERS = [(name.lower().encode(), value.encode()) for name, value in PAGE_HEADERS.items()]
_log = logging.getLogger("sensorium.room")


class Guard:
    """ASGI middleware. `room_path` is told why by a close code, which a page can read; a status it cannot."""

    def __init__(self, app: ASGIApp, door: Door, room_path: str) -> None:
        self._app = app
        self._door = door
        self._room_path = room_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        websocket = scope["type"] == "websocket"
        refusal = self._door.refusal(
            scope.get("method", "GET"), scope["path"], scope["headers"], websocket=websocket
        )
        if not websocket:
            return await self._http(refusal, scope, receive, send)
        if refusal is None:
            return await self._app(scope, receive, send)
        _note(refusal, scope)
        if refusal.code == "token" and scope["path"] == self._room_path:
            # A browser breaks off when none of the subprotocols that it offers is taken.
            offered = scope["subprotocols"]
            await send({"type": "websocket.accept", "subprotocol": offered[0] if offered else None})
            return await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": refusal.reason})
        return await _refuse(refusal, send, "websocket.http.response")

    async def _http(self, refusal: Refusal | None, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *_HEADERS]}
            await send(message)

        if refusal is not None:
            _note(refusal, scope)
            return await _refuse(refusal, send_guarded, "http.response")
        return await self._app(scope, receive, send_guarded)


async def _refuse(refusal: Refusal, send: Send, kind: str) -> None:
    body = msgspec.json.encode({"error": {"code": refusal.code, "message": refusal.reason}})
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if refusal.code == "token":
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": f"{kind}.start", "status": int(refusal.status), "headers": headers})
    await send({"type": f"{kind}.body", "body": body})


def _note(refusal: Refusal, scope: Mapping[str, Any]) -> None:
    client = scope.get("client") or ("", 0)
    _log.warning("refused", extra={"said": {"code": refusal.code, "path": scope["path"], "from": client[0]}})
