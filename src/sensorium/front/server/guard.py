"""The door's decisions on every request and every WebSocket, and the headers that go with every answer."""

from __future__ import annotations

import logging
from http import HTTPStatus

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sensorium.clock import Clock
from sensorium.front.server.doors import PAGE_HEADERS, Door, Refusal, too_many
from sensorium.front.server.limits import Limits
from sensorium.metrics import Counters

POLICY_VIOLATION = 1008
_HEADERS = [(name.lower().encode(), value.encode()) for name, value in PAGE_HEADERS.items()]
_log = logging.getLogger("sensorium.room")


class Guard:
    """ASGI middleware. `room_path` is told why by a close code, which a page can read; a status it cannot.
    Counts `requests_limited_total`."""

    def __init__(self, app: ASGIApp, door: Door, room_path: str, clock: Clock, counters: Counters) -> None:
        self._app = app
        self._door = door
        self._room_path = room_path
        self._clock = clock
        self._counters = counters
        self._limits = Limits()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        websocket = scope["type"] == "websocket"
        refusal = self._refusal(scope, websocket=websocket)
        if not websocket:
            return await self._http(refusal, scope, receive, send)
        if refusal is None:
            return await self._app(scope, receive, send)
        self._note(refusal, scope)
        if refusal.status != HTTPStatus.FORBIDDEN and scope["path"] == self._room_path:
            # A browser breaks off when none of the subprotocols that it offers is taken.
            offered = scope["subprotocols"]
            await send({"type": "websocket.accept", "subprotocol": offered[0] if offered else None})
            return await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": refusal.reason})
        return await _refuse(refusal, send, "websocket.http.response")

    def _refusal(self, scope: Scope, *, websocket: bool) -> Refusal | None:
        address, now_s = _address(scope), self._clock.now_s()
        if wait_s := self._limits.request(address, now_s):
            return too_many("too many requests came from there", wait_s)
        refusal = self._door.refusal(
            scope.get("method", "GET"), scope["path"], scope["headers"],
            websocket=websocket, guess=lambda: self._limits.guess(address, now_s),
        )  # fmt: skip
        if refusal is not None and refusal.is_guess:
            self._limits.guessed_wrong(address, now_s)
        return refusal

    def _note(self, refusal: Refusal, scope: Scope) -> None:
        if refusal.wait_s:
            # A line for each would be what a flood wants.
            self._counters.add("requests_limited_total")
            return
        said = {"code": refusal.code, "path": scope["path"], "from": _address(scope)}
        _log.warning("refused", extra={"said": said})

    async def _http(self, refusal: Refusal | None, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *_HEADERS]}
            await send(message)

        if refusal is not None:
            self._note(refusal, scope)
            return await _refuse(refusal, send_guarded, "http.response")
        return await self._app(scope, receive, send_guarded)


async def _refuse(refusal: Refusal, send: Send, kind: str) -> None:
    body = msgspec.json.encode({"error": {"code": refusal.code, "message": refusal.reason}})
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Bearer"))
    if refusal.wait_s:
        headers.append((b"retry-after", str(refusal.wait_s).encode()))
    await send({"type": f"{kind}.start", "status": int(refusal.status), "headers": headers})
    await send({"type": f"{kind}.body", "body": body})


def _address(scope: Scope) -> str:
    """Of whoever asks; of a proxy, where there is one between."""
    client = scope.get("client") or ("", 0)
    return str(client[0])
