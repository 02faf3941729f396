"""Given nano as it ships, served to the openai SDK, then people talk with a persona as with any model."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from tests.processes.conftest import until as until_gone
from tests.processes.realtime_service import serving, spoken

from sensorium.front.house import House

PIECE_BYTES = 4_800  # 100 ms


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[tuple[House, AsyncOpenAI]]:
    async with serving(tmp_path) as (house, url):
        async with AsyncOpenAI(base_url=url, api_key="x") as client:
            yield house, client


async def until(connection: AsyncRealtimeConnection, kind: str) -> list[Any]:
    """The events up to the first of that kind."""
    events: list[Any] = []
    async with asyncio.timeout(60):
        while not events or events[-1].type != kind:
            events.append(await connection.recv())
            assert events[-1].type != "error", events[-1]
    return events


async def speak(connection: AsyncRealtimeConnection, pcm: bytes, *, real_time: bool = True) -> None:
    for at in range(0, len(pcm), PIECE_BYTES):
        await connection.input_audio_buffer.append(
            audio=base64.b64encode(pcm[at : at + PIECE_BYTES]).decode()
        )
        await asyncio.sleep(0.1 if real_time else 0)


def sound_of(events: list[Any]) -> np.ndarray:
    deltas = [base64.b64decode(e.delta) for e in events if e.type == "response.output_audio.delta"]
    return np.frombuffer(b"".join(deltas), "<i2")


@pytest.mark.anyio
async def test_a_spoken_question_is_answered_aloud_and_interrupted(
    service: tuple[House, AsyncOpenAI],
) -> None:
    house, client = service
    async with client.realtime.connect(model="maya", extra_query={"name": "Joe"}) as connection:
        await until(connection, "session.created")
        assert [person.name for person in house.room.room.people] == ["Sam", "Joe"]
        hears: Any = {"input": {"transcription": {"model": "any"}}}
        await connection.session.update(session={"type": "realtime", "audio": hears})
        await until(connection, "session.updated")

        # when a question is spoken
        await speak(connection, spoken("01-maya-likes"))
        events = await until(connection, "response.done")

        # then it is understood, and the answer sounds as long as its words take
        heard = next(e for e in events if e.type.endswith("transcription.completed"))
        assert heard.transcript == "maya what do you like"
        response = events[-1].response
        assert response.status == "completed" and "apples" in response.output[0].content[0].transcript
        sound = sound_of(events)
        assert 0.5 < sound.size / 24_000 < 6 and np.abs(sound.astype(int)).max() > 2_000
        assert response.usage.input_tokens > response.usage.input_token_details.cached_tokens > 0
        assert house.room.last_entry is not None
        assert house.room.last_entry.text == response.output[0].content[0].transcript
        assert house.conversation.last_report.bridge_calls == {"stt": 0, "tts": 0}

        # when somebody speaks over the next answer
        await connection.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "who is here"}],
            }
        )
        await connection.response.create(response={"metadata": {"client_event_id": "mine"}})
        begun = await until(connection, "response.output_audio.delta")
        assert begun[2].response.metadata == {"client_event_id": "mine"}
        speaking = asyncio.create_task(speak(connection, spoken("07-maya-job")))
        broken = await until(connection, "input_audio_buffer.speech_started")
        await connection.conversation.item.truncate(
            item_id=begun[-1].item_id, content_index=0, audio_end_ms=80
        )
        rest = await until(connection, "response.done")
        await speaking

        # then it ends there, and what was heard of it is what its listener says
        assert rest[-1].response.status == "cancelled"
        assert rest[-1].response.status_details.reason == "turn_detected"
        full = "".join(e.delta for e in [*begun, *broken, *rest] if e.type.endswith("transcript.delta"))
        heard_of_it = [e.text for e in house.room.history() if e.kind == "persona"][1:]
        assert full.split() and full not in heard_of_it
        # and what was said over it is answered
        assert (await until(connection, "response.done"))[-1].response.status == "completed"
    await until_gone(lambda: len(house.room.room.people) == 1)


@pytest.mark.anyio
async def test_by_hand_with_a_picture_and_in_writing(service: tuple[House, AsyncOpenAI]) -> None:
    _, client = service
    async with client.realtime.connect(model="maya") as connection:
        manual: Any = {"input": {"turn_detection": None}}
        await connection.session.update(
            session={"type": "realtime", "output_modalities": ["text"], "audio": manual}
        )
        await until(connection, "session.updated")

        # when a recording comes as fast as it can be sent, and is committed
        await speak(connection, spoken("01-maya-likes"), real_time=False)
        await connection.input_audio_buffer.commit()
        await connection.response.create()
        events = await until(connection, "response.done")

        # then the answer is in writing
        assert "apples" in events[-1].response.output[0].content[0].text
        assert not sound_of(events).size

        # when a picture is shown
        uri = "data:image/jpeg;base64," + base64.b64encode(picture()).decode()
        content: Any = [
            {"type": "input_image", "image_url": uri},
            {"type": "input_text", "text": "what do you see"},
        ]
        await connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": content}
        )
        await connection.response.create()
        said = (await until(connection, "response.done"))[-1].response.output[0].content[0].text
        assert {"red", "circle", "blue", "square"} <= set(said.lower().replace(".", "").split())


@pytest.mark.anyio
async def test_a_function_is_called_and_its_result_is_answered(
    service: tuple[House, AsyncOpenAI],
) -> None:
    _, client = service
    room = {"type": "string", "enum": ["kitchen", "hall"]}
    schema = {"type": "object", "properties": {"room": room}, "required": ["room"]}
    tools: Any = [{"type": "function", "name": "light", "parameters": schema}]
    async with client.realtime.connect(model="maya") as connection:
        await connection.session.update(session={"type": "realtime", "tools": tools})
        await until(connection, "session.updated")
        content: Any = [{"type": "input_text", "text": "put on the light in the hall"}]
        await connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": content}
        )
        await connection.response.create(response={"tool_choice": "required"})
        events = await until(connection, "response.done")

        call = next(e for e in events if e.type == "response.function_call_arguments.done")
        assert call.name == "light" and json.loads(call.arguments)["room"] in ("kitchen", "hall")
        assert events[-1].response.output[0].call_id == call.call_id

        await connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": call.call_id, "output": "the light is on"}
        )
        await connection.response.create()
        assert (await until(connection, "response.done"))[-1].response.status == "completed"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("words", "spoken", "reply"),
    [
        ("hello maya how are you", "Hello Maya how are you.", "I am fine Ada."),
        ("hello maya", "Hello Maya.", "Hello Ada."),
        ("thanks maya", "Thanks Maya.", "You are welcome Ada."),
        ("maya what is your name", "Maya what is your name.", "I am Maya."),
    ],
)
async def test_a_persona_that_another_one_calls_answers_its_own_client(
    service: tuple[House, AsyncOpenAI], words: str, spoken: str, reply: str
) -> None:
    """Given two clients, when the persona of one calls the other's, then that one answers, unasked."""
    house, client = service
    with_maya = client.realtime.connect(model="maya", extra_query={"name": "Joe"})
    with_ada = client.realtime.connect(model="ada", extra_query={"name": "Ann"})
    async with with_maya as joe, with_ada as ann:
        await until(joe, "session.created")
        content: Any = [{"type": "input_text", "text": f"say after me {words}"}]
        await ann.conversation.item.create(item={"type": "message", "role": "user", "content": content})
        await ann.response.create()
        asked = (await until(ann, "response.done"))[-1].response
        events = await until(joe, "response.done")

        assert asked.output[0].content[0].transcript == spoken
        assert [e.type for e in events].count("response.created") == 1
        answer = events[-1].response
        assert answer.status == "completed" and answer.output[0].content[0].transcript == reply
        assert np.abs(sound_of(events).astype(int)).max() > 1_000
        said = [entry.text for entry in house.room.entries]
        assert said[-2:] == [spoken, reply]


@pytest.mark.anyio
async def test_a_bad_event_is_answered_and_the_session_goes_on(service: tuple[House, AsyncOpenAI]) -> None:
    _, client = service
    async with client.realtime.connect(model="maya") as connection:
        await until(connection, "session.created")
        await connection.send_raw(json.dumps({"type": "response.sing", "event_id": "e1"}))
        error: Any = await connection.recv()
        assert (error.type, error.error.event_id, error.error.param) == ("error", "e1", "type")
        await connection.send_raw(b"\xff\xfe")
        assert (await connection.recv()).type == "error"
        await connection.session.update(session={"type": "realtime"})
        await until(connection, "session.updated")
    async with client.realtime.connect(model="nobody") as connection:
        refused: Any = await connection.recv()
        assert refused.error.code == "model_not_found" and "maya" in refused.error.message


def picture() -> bytes:
    """A red circle on the left and a blue square on the right, as JPEG."""
    pixels = np.full((192, 192, 3), 235, np.uint8)
    y, x = np.mgrid[:192, :192]
    pixels[(x - 50) ** 2 + (y - 96) ** 2 < 30**2] = (215, 30, 35)
    pixels[(abs(x - 142) < 28) & (abs(y - 96) < 28)] = (35, 60, 210)
    return simplejpeg.encode_jpeg(pixels, quality=92)
