"""Where OpenAI's clients find the room."""

from __future__ import annotations

from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from sensorium.front.house import House
from sensorium.front.realtime import socket


def routes(house: House) -> list[Route | WebSocketRoute]:
    """Under /v1; who may use them is for whoever mounts them to decide."""

    async def realtime(websocket: WebSocket) -> None:
        await socket.converse(house, websocket)

    return [WebSocketRoute("/v1/realtime", realtime)]
