"""A house with nano that serves OpenAI's protocols on a port of its own, for tests."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import samplerate
import uvicorn
from starlette.applications import Starlette

import sensorium.cli
from sensorium.audio import read_wav, to_int16
from sensorium.config import Config
from sensorium.front.house import House
from sensorium.front.realtime.routes import routes

EVENING = Path(sensorium.cli.__file__).parent / "evening"


@asynccontextmanager
async def serving(home: Path) -> AsyncIterator[tuple[House, str]]:
    """The house and its address, e.g. http://127.0.0.1:40123/v1."""
    async with House(Config(bundle="nano", home=str(home)), sees=True) as house:
        await house.warm("maya")
        app = Starlette(routes=routes(house))
        listening = socket.create_server(("127.0.0.1", 0))
        options = {"log_level": "warning", "lifespan": "off", "ws": "websockets-sansio"}
        server = uvicorn.Server(uvicorn.Config(app, **options))
        running = asyncio.create_task(server.serve([listening]))
        try:
            yield house, f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        finally:
            server.should_exit = True
            await running


def spoken(name: str, rate_hz: int = 24_000) -> bytes:
    """A question of the evening as mono s16le, with a second of silence behind it."""
    wav = read_wav(EVENING / f"{name}.wav")
    resampled = samplerate.resample(wav.samples, rate_hz / wav.sample_rate_hz, "sinc_best")
    return to_int16(resampled).tobytes() + bytes(2 * rate_hz)
