"""Where OpenAI's clients find the room, and how its errors look to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from sensorium.errors import BadInput, NotFound, SensoriumError
from sensorium.front.house import House
from sensorium.front.realtime import chat, chat_request, live_socket, socket
from sensorium.front.realtime.chat import Letter
from sensorium.front.realtime.client_events import Refused
from sensorium.persona import Persona


def routes(house: House) -> list[Route | WebSocketRoute]:
    """Under /v1; who may use them is for whoever mounts them to decide."""

    async def realtime(websocket: WebSocket) -> None:
        await socket.converse(house, websocket)

    async def live(websocket: WebSocket) -> None:
        await live_socket.converse(house, websocket)

    async def models(request: Request) -> Response:
        return _json({"object": "list", "data": [_model(house, p) for p in house.room.personas]})

    async def model(request: Request) -> Response:
        try:
            return _json(_model(house, house.room.persona(request.path_params["model"])))
        except NotFound as e:
            return _error(e)

    async def completions(request: Request) -> Response:
        try:
            question = await asyncio.to_thread(chat_request.read, await _body(request))
            letter = Letter(house, house.room.persona(question.model), question)
            if not question.streams:
                return _json(await chat.whole(letter))
        except (Refused, SensoriumError) as e:
            return _error(e)
        return StreamingResponse(_events(letter), media_type="text/event-stream")

    return [
        WebSocketRoute("/v1/realtime", realtime),
        WebSocketRoute("/v1/live/sessions", live),
        Route("/v1/models", models),
        Route("/v1/models/{model}", model),
        Route("/v1/chat/completions", completions, methods=["POST"]),
    ]


async def _events(letter: Letter) -> AsyncIterator[bytes]:
    try:
        async with aclosing(chat.chunks(letter)) as chunks:
            async for chunk in chunks:
                yield b"data: " + msgspec.json.encode(chunk) + b"\n\n"
    except SensoriumError as e:
        yield b"data: " + msgspec.json.encode(_shown(e)[1]) + b"\n\n"
    yield b"data: [DONE]\n\n"


async def _body(request: Request) -> bytes:
    """Raises Refused for more than a request may have."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > chat_request.MAX_BODY_BYTES:
            raise Refused(
                f"a request has at most {chat_request.MAX_BODY_BYTES:,} bytes", code="request_too_large"
            )
    return bytes(body)


def _model(house: House, persona: Persona) -> dict[str, Any]:
    created_s = int(house.room.room.created_at)
    return {"id": persona.id, "object": "model", "created": created_s, "owned_by": "sensorium"}


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def _error(error: Refused | SensoriumError) -> Response:
    status, body = _shown(error)
    return _json(body, status)


def _shown(error: Refused | SensoriumError) -> tuple[int, dict[str, Any]]:
    """The HTTP status and OpenAI's shape of an error."""
    if isinstance(error, Refused):
        status = 413 if error.code == "request_too_large" else 400
        message, code, param = error.message, error.code, error.param or None
    else:
        status = 404 if isinstance(error, NotFound) else 400 if isinstance(error, BadInput) else 500
        code = "model_not_found" if isinstance(error, NotFound) else error.code
        message, param = error.one_line(), None
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return status, {"error": {"message": message, "type": kind, "param": param, "code": code}}
