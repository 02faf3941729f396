"""Given nano as it ships, served to the openai SDK's Live client, people talk with a persona full-duplex."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from openai import AsyncOpenAI
from openai.resources.live.live import AsyncLiveConnection
from openai.types.live.server_event import ServerEvent
from pydantic import TypeAdapter
from tests.processes.conftest import until as until_gone
from tests.processes.realtime_service import serving, spoken
from websockets.exceptions import ConnectionClosedOK

from sensorium.front.house import House

RATE_HZ = 24_000
PIECE_BYTES = 2 * RATE_HZ // 10
_server_event: TypeAdapter[Any] = TypeAdapter(ServerEvent)


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[tuple[House, AsyncOpenAI]]:
    async with serving(tmp_path) as (house, url):
        async with AsyncOpenAI(base_url=url, api_key="x") as client:
            yield house, client


class Caller:
    """Hears everything as it comes; `words` and `heard` are the transcripts so far."""

    def __init__(self, connection: AsyncLiveConnection) -> None:
        self._connection = connection
        self.events: list[Any] = []
        self.sound = bytearray()

    async def until(self, kind: str, fits: Any = lambda event: True) -> Any:
        async with asyncio.timeout(60):
            while True:
                data = await self._connection.recv_bytes()
                event = _server_event.validate_json(data, strict=True)
                assert event.type != "error", event
                self.events.append(event)
                if event.type == "session.output_audio.delta":
                    self.sound += base64.b64decode(event.delta)
                if event.type == kind and fits(event):
                    return event

    @property
    def words(self) -> str:
        return "".join(e.delta for e in self.events if e.type == "session.output_transcript.delta")

    def loudness(self, since: int = 0) -> float:
        samples = np.frombuffer(bytes(self.sound[since:]), "<i2").astype(float)
        return float(np.abs(samples).max()) if samples.size else 0.0


async def speak(connection: AsyncLiveConnection, pcm: bytes) -> None:
    for at in range(0, len(pcm), PIECE_BYTES):
        audio = base64.b64encode(pcm[at : at + PIECE_BYTES]).decode()
        await connection.session.input_audio.append(audio=audio)
        await asyncio.sleep(0.1)


@pytest.mark.anyio
async def test_a_spoken_question_is_answered_aloud_and_interrupted(
    service: tuple[House, AsyncOpenAI],
) -> None:
    house, client = service
    async with client.live.connect(extra_query={"name": "Joe"}) as connection:
        await connection.session.start(session={"model": "maya"})
        caller = Caller(connection)
        started = await caller.until("session.started")
        assert started.session.model == "maya" and started.session.audio.format.rate == RATE_HZ
        assert [person.name for person in house.room.room.people] == ["Sam", "Joe"]

        # when a question is spoken
        speaking = asyncio.create_task(speak(connection, spoken("01-maya-likes")))
        heard = await caller.until("session.input_transcript.delta")
        await caller.until("session.usage.updated")
        await speaking

        # then it is understood, and answered in sound, with the words as they are heard
        assert heard.delta == "maya what do you like" and 0 <= heard.start_ms < heard.end_ms
        assert house.room.last_entry is not None and "apples" in house.room.last_entry.text
        assert caller.words and house.room.last_entry.text.startswith(caller.words.strip())
        assert caller.loudness() > 2_000
        assert house.conversation.last_report.bridge_calls == {"stt": 0, "tts": 0}
        # and the sound goes on, as silence, no faster than time
        # (the room is done with a reply a moment before the last of it was given)
        was = len(caller.sound)
        await caller.until("session.output_audio.delta", lambda e: len(caller.sound) > was + 2 * RATE_HZ)
        assert caller.loudness(was + RATE_HZ) == 0.0

        # when somebody speaks over the next answer
        told = "tell me about your job and what you like"
        await connection.session.commentary.append(content=told, delegation_id=None)
        await caller.until("session.output_audio.delta", lambda e: loud(e))
        speaking = asyncio.create_task(speak(connection, spoken("07-maya-job")))
        await caller.until("session.usage.updated")
        cut_off = house.conversation.last_report

        # then it ends there, and what was said over it is answered
        assert cut_off is not None and cut_off.outcome == "interrupted"
        await caller.until("session.input_transcript.delta")
        await caller.until("session.usage.updated")
        await speaking
        assert house.conversation.last_report.outcome == "done"

        # when the client ends it
        await connection.session.close()
        closed = await caller.until("session.closed")
        assert closed.reason == "close_requested" and closed.usage.seconds > 1
        with pytest.raises(ConnectionClosedOK):
            await connection.recv()
    await until_gone(lambda: len(house.room.room.people) == 1)


@pytest.mark.anyio
async def test_what_cannot_be_is_answered_with_why(service: tuple[House, AsyncOpenAI]) -> None:
    _, client = service
    async with client.live.connect() as connection:
        await connection.session.input_audio.mute()
        early: Any = await connection.recv()
        assert early.error.code == "session_not_started"
        await connection.session.start(session={"model": "nobody"})
        refused: Any = await connection.recv()
        assert refused.error.code == "model_not_found" and "maya" in refused.error.message
    async with client.live.connect() as connection:
        form: Any = {"type": "audio/pcm", "rate": 16_000}
        await connection.session.start(session={"model": "maya", "audio": {"format": form}})
        started: Any = await connection.recv()
        assert started.session.audio.format.rate == 16_000
        await connection.response.create()
        while (event := await connection.recv()).type == "session.output_audio.delta":
            pass
        assert event.type == "error" and event.error.code == "unsupported"


def loud(event: Any) -> bool:
    return bool(np.abs(np.frombuffer(base64.b64decode(event.delta), "<i2").astype(int)).max() > 500)
