"""`sensorium up`: the room as a page in the browser, until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import webbrowser
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from sensorium.bundles import catalogue
from sensorium.cli.output import Home, Json, Output, run
from sensorium.cli.running import opened, run_async
from sensorium.config import Config
from sensorium.errors import BadInput, WorkerFailed
from sensorium.front.house import House
from sensorium.front.server import files, logs
from sensorium.front.server.app import application
from sensorium.front.server.doors import Door, checked_token
from sensorium.front.server.hall import Hall
from sensorium.front.server.outbox import Closed
from sensorium.front.server.serving import listening, served
from sensorium.front.server.session import GOING_DOWN
from sensorium.store import rooms
from sensorium.store.store import Store

# Every address of this machine.
_EVERYWHERE = ("0.0.0.0", "::")
_SEE_LOG = "start it again; logs/room.log in the home folder says more"


def up(
    *,
    room: Annotated[str, Parameter(show_default=False, help="The room; else the configured one.")] = "",
    recipe: Annotated[
        str, Parameter(show_default=False, help="Play the room by this recipe from now on.")
    ] = "",
    host: Annotated[
        str | None,
        Parameter(help="Listen at this address; 0.0.0.0 is every one. Else the configured one: 127.0.0.1."),
    ] = None,
    port: Annotated[
        int | None,
        Parameter(help="Listen at this port; 0: any that is free. Else the configured one: 8470."),
    ] = None,
    browser: Annotated[
        bool, Parameter(name="--open", negative="--no-open", help="Open the link in a browser.")
    ] = True,
    token: Annotated[
        str,
        Parameter(
            show_default=False,
            help="Who comes in must have it; needed beyond this machine. Else the configured one.",
        ),
    ] = "",
    bundle: Annotated[str, Parameter(show_default=False, help="The model; else the configured one.")] = "",
    log_speech: Annotated[
        bool, Parameter(negative="", show_default=False, help="Write down in the log what is said, too.")
    ] = False,
    json: Json = False,
    home: Home = None,
) -> None:
    """Opens the room: a page where you talk with six personas, and OpenAI's protocols for programs.

    Prints a link when everybody is ready, and opens it. Allow the microphone, say a name and ask something;
    several people may be in the room at once. Ctrl-C closes it. What happened is in logs/room.log of the home
    folder, one JSON object a line; what was said is not in there unless you ask for it with --log-speech.

    The room listens on this machine only. For others in your network give it an address and a token:
    sensorium up --host 0.0.0.0 --token "$(openssl rand -hex 16)". Browsers let a page have the microphone
    only on this machine or over https, so put a proxy with a certificate in front of it then. Address, port
    and token may stand in config.toml; a token there shows in no list of processes.

    A recipe says what the room is for, e.g. --recipe stand-up; see: sensorium recipe list

    With --json the one line on stdout is {"url": ...}, when the room is ready.

    Example: sensorium up --no-open --port 8471
    """
    with run("up", json) as output:
        config = _settled(Config.load(home), bundle=bundle, room=room, host=host, port=port, token=token)
        page = files.of_client()
        log_path = Path(config.home) / "logs" / "room.log"
        with listening(config.host, config.port) as listener, logs.written(log_path):
            bound: int = listener.getsockname()[1]
            door = Door(config.host, bound, config.token, _names())
            if recipe:
                _play_by(config, recipe)
            house = House(config, sees=catalogue.find(config.bundle).capabilities.image_in, tools=True)
            log = logs.EventLog(speech=log_speech)
            run_async(_serve(house, page, listener, door, log, output, browser=browser and not json))


def _settled(config: Config, **flags: str | int | None) -> Config:
    """The configuration with the flags that were given over it. Raises BadInput, also for an address that
    others reach without a token, wherever either of them stands."""
    given = {name: flag for name, flag in flags.items() if flag not in (None, "")}
    config = msgspec.structs.replace(config, **given)
    if not 0 <= config.port <= 65_535:
        raise BadInput(f"a port is 0 to 65535, not {config.port}", remedy="the usual one is 8470")
    checked_token(config.host, config.token)
    return config


def _play_by(config: Config, recipe: str) -> None:
    with Store.open(config.store_path) as store:
        store.submit(rooms.set_recipe, config.room, recipe).result()


async def _serve(
    house: House,
    page: dict[str, files.File],
    listener: socket.socket,
    door: Door,
    log: logs.EventLog,
    output: Output,
    *,
    browser: bool,
) -> None:
    stopped = asyncio.Event()
    # As a service manager asks; Ctrl-C cancels this task.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(opened(house, quiet=output.as_json))
        hall = await stack.enter_async_context(Hall(house, log))
        app = application(house, hall, page, door)
        serving = await stack.enter_async_context(served(app, listener))
        stack.callback(hall.close_all, Closed(GOING_DOWN, "the room has closed"))
        url = link(door)
        output.announce({"url": url})
        names = ", ".join(persona.name for persona in house.room.personas)
        output.text(f"{house.room.room.name} is open, and {names} are there: {url}\nCtrl-C closes it.")
        if browser and _has_screen():
            await asyncio.to_thread(webbrowser.open, url)
        await _until_over(stopped.wait(), serving)


async def _until_over(stopped: Coroutine[Any, Any, Any], serving: asyncio.Task[None]) -> None:
    """Returns when somebody wants it to stop. Raises WorkerFailed when the server ends by itself."""
    stopping = asyncio.create_task(stopped)
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not stopping.done():
            raise WorkerFailed("the server ended by itself", remedy=_SEE_LOG)
    finally:
        stopping.cancel()


def link(door: Door) -> str:
    """What a person opens. The token is behind the #, which browsers do not send."""
    host = "127.0.0.1" if door.host in _EVERYWHERE else door.host
    named = f"[{host}]" if ":" in host else host
    return f"http://{named}:{door.port}/" + (f"#token={door.token}" if door.token else "")


def _has_screen() -> bool:
    """A browser that runs in this terminal would be of no use."""
    if sys.platform != "linux":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _names() -> frozenset[str]:
    """What others in the network may call this machine."""
    name = socket.gethostname().lower()
    return frozenset({name, f"{name}.local", name.partition(".")[0]}) - {""}
