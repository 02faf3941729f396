"""A house with nano that serves OpenAI's protocols on a port of its own, for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import samplerate

import sensorium.cli
from sensorium.audio import read_wav, to_int16
from sensorium.config import Config
from sensorium.front.house import House
from sensorium.front.server.app import application
from sensorium.front.server.doors import Door
from sensorium.front.server.hall import Hall
from sensorium.front.server.logs import EventLog
from sensorium.front.server.serving import listening, served

EVENING = Path(sensorium.cli.__file__).parent / "evening"


@asynccontextmanager
async def serving(home: Path) -> AsyncIterator[tuple[House, str]]:
    """The house and its address, e.g. http://127.0.0.1:40123/v1."""
    async with House(Config(bundle="nano", home=str(home)), sees=True) as house:
        await house.warm("maya")
        with listening("127.0.0.1", 0) as listener:
            port = listener.getsockname()[1]
            async with Hall(house, EventLog(speech=False)) as hall:
                app = application(house, hall, {}, Door("127.0.0.1", port))
                async with served(app, listener):
                    yield house, f"http://127.0.0.1:{port}/v1"


def spoken(name: str, rate_hz: int = 24_000) -> bytes:
    """A question of the evening as mono s16le, with a second of silence behind it."""
    wav = read_wav(EVENING / f"{name}.wav")
    resampled = samplerate.resample(wav.samples, rate_hz / wav.sample_rate_hz, "sinc_best")
    return to_int16(resampled).tobytes() + bytes(2 * rate_hz)
