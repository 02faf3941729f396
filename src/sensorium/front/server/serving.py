"""Listening at an address and serving an application on the loop that runs already, until cancelled."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.applications import Starlette

from sensorium.errors import BadInput
from sensorium.wire import page

_LOOKED_AT_PORTS = 50
# What is larger is not even read; up to here it is refused in words (session.py).
_MAX_MESSAGE_BYTES = 2 * page.MAX_MESSAGE_BYTES
_PING_S = 10.0
_MAX_CONNECTIONS = 256
# What a request or a WebSocket still has when the house goes down.
_GRACE_S = 1


class _Server(uvicorn.Server):
    """Signals belong to whoever started the loop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listening(host: str, port: int) -> socket.socket:
    """A socket bound to that address; `port` 0: any that is free.

    Raises BadInput when it is no address of this machine, or taken, with the next port that is free.
    """
    family, address = _address(host, port)
    try:
        return _bound(family, address)
    except OSError as e:
        if e.errno != errno.EADDRINUSE:
            raise BadInput(f"{host}:{port} cannot be listened at: {e.strerror}") from e
    free = next((p for p in range(port + 1, port + _LOOKED_AT_PORTS) if _is_free(family, (address[0], p))), 0)
    raise BadInput(
        f"port {port} is in use, maybe by another room",
        remedy=f"try --port {free}" if free else "try another",
    )


@asynccontextmanager
async def served(app: Starlette, listener: socket.socket) -> AsyncIterator[asyncio.Task[None]]:
    """Inside, `app` answers; the task ends when it can no longer. On the way out WebSockets are closed with
    1012 and requests have a second."""
    config = uvicorn.Config(
        app, ws="websockets-sansio", ws_per_message_deflate=False, ws_max_size=_MAX_MESSAGE_BYTES,
        ws_ping_interval=_PING_S, ws_ping_timeout=_PING_S, http="h11", lifespan="off", loop="none",
        log_config=None, access_log=False, server_header=False, proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_S, limit_concurrency=_MAX_CONNECTIONS,
    )  # fmt: skip
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started and not serving.done():  # noqa: ASYNC110 (it tells nobody)
            await asyncio.sleep(0.005)
        yield serving
    finally:
        server.should_exit = True
        done, _ = await asyncio.wait({serving}, timeout=2.0 * _GRACE_S)
        if not done:
            serving.cancel()
            await asyncio.wait({serving})
        listener.close()


def _address(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as e:
        raise BadInput(f"{host!r} is no address of this machine", remedy="try --host 127.0.0.1") from e
    family, _, _, _, address = found[0]
    return family, (str(address[0]), int(address[1]))


def _bound(family: socket.AddressFamily, address: tuple[str, int]) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(128)
    except BaseException:
        made.close()
        raise
    return made


def _is_free(family: socket.AddressFamily, address: tuple[str, int]) -> bool:
    if address[1] > 65_535:
        return False
    try:
        _bound(family, address).close()
    except OSError:
        return False
    return True
