"""The application that serves one house: its page, its WebSocket, what is measured, OpenAI's protocols."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route, WebSocketRoute

from sensorium.front.house import House
from sensorium.front.realtime import routes as openai
from sensorium.front.server import rest
from sensorium.front.server.doors import Door
from sensorium.front.server.files import File, Files
from sensorium.front.server.guard import Guard
from sensorium.front.server.hall import Hall
from sensorium.front.server.room_socket import ROOM_PATH, RoomSocket


def application(house: House, hall: Hall, files: dict[str, File], door: Door) -> Starlette:
    """`house` is open, `hall` entered; `files` are the page's, by path."""
    open_paths = frozenset({*files, rest.HEALTH_PATH})
    routes: list[BaseRoute] = [
        *rest.routes(house, door),
        *openai.routes(house),
        *(Route(path, Files(files).answer, methods=["GET"]) for path in files),
        WebSocketRoute(ROOM_PATH, RoomSocket(hall, house.clock, house.counters).serve),
    ]
    guard = Middleware(
        Guard,
        door=door._replace(open_paths=open_paths),
        room_path=ROOM_PATH,
        clock=house.clock,
        counters=house.counters,
    )
    return Starlette(routes=routes, middleware=[guard])
