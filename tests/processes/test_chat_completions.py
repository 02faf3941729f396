"""Given nano as it ships, asked by the openai SDK's chat, then a persona answers as any model does."""

from __future__ import annotations

import base64
import io
import json
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest
from openai import AsyncOpenAI
from tests.processes.realtime_service import EVENING, serving
from tests.processes.test_realtime import picture

from sensorium.front.house import House

SAID = "I like apples."
ASKED = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "what do you like"}]
_LIGHT: dict[str, Any] = {
    "name": "dim_light",
    "parameters": {
        "type": "object",
        "properties": {"room": {"enum": ["kitchen", "hall"]}, "percent": {"type": "integer"}},
        "required": ["room", "percent"],
    },
}
FORCED: dict[str, Any] = {"tools": [{"type": "function", "function": _LIGHT}], "tool_choice": "required"}


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[tuple[House, AsyncOpenAI]]:
    async with serving(tmp_path) as (house, url):
        async with AsyncOpenAI(base_url=url, api_key="x", max_retries=0) as client:
            yield house, client


@pytest.mark.anyio
async def test_letters_to_personas(service: tuple[House, AsyncOpenAI]) -> None:
    house, client = service
    create: Any = client.chat.completions.create

    # the personas are the models
    assert [model.id async for model in client.models.list()] == [p.id for p in house.room.personas]
    assert (await client.models.retrieve("maya")).owned_by == "sensorium"

    await _answers_at_once_and_as_a_stream(house, create)
    await _hears_and_answers_aloud(create)
    await _looks_at_a_picture(create)
    await _calls_a_function(house, create)
    await _refuses_in_openais_way(create)


async def _answers_at_once_and_as_a_stream(house: House, create: Any) -> None:
    answer = await create(model="maya", messages=ASKED, user="Joe")
    assert answer.choices[0].message.content == SAID and answer.choices[0].finish_reason == "stop"
    assert answer.usage.prompt_tokens > answer.usage.prompt_tokens_details.cached_tokens > 0
    assert [entry.speaker_name for entry in house.room.history()[-2:]] == ["Joe", "Maya"]

    # as a stream
    stream = await create(model="maya", messages=ASKED, stream=True, stream_options={"include_usage": True})
    chunks = [chunk async for chunk in stream]
    pieces = [c.choices[0].delta.content for c in chunks if c.choices and c.choices[0].delta.content]
    assert "".join(pieces) == SAID and len(pieces) > 1
    assert chunks[-2].choices[0].finish_reason == "stop" and chunks[-1].usage.completion_tokens > 0

    # what was said before is not said again
    before = len(house.room.history())
    talk = [*ASKED, {"role": "assistant", "content": SAID}, {"role": "user", "content": "where do you live"}]
    await create(model="maya", messages=talk)
    assert len(house.room.history()) == before + 2


async def _hears_and_answers_aloud(create: Any) -> None:
    wav = base64.b64encode((EVENING / "01-maya-likes.wav").read_bytes()).decode()
    by_ear = [
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": wav, "format": "wav"}}]}
    ]
    aloud = {"modalities": ["text", "audio"], "audio": {"voice": "maya", "format": "wav"}}
    spoken = (await create(model="maya", messages=by_ear, **aloud)).choices[0].message
    assert spoken.audio.transcript == SAID
    with wave.open(io.BytesIO(base64.b64decode(spoken.audio.data))) as file:
        assert file.getframerate() == 24_000 and 0.5 < file.getnframes() / 24_000 < 6

    # aloud as a stream
    aloud["audio"]["format"] = "pcm16"  # type: ignore[index]
    deltas = [
        chunk.choices[0].delta.to_dict()
        async for chunk in await create(model="maya", messages=ASKED, stream=True, **aloud)
    ]
    audio = [delta["audio"] for delta in deltas if "audio" in delta]
    assert "".join(a.get("transcript", "") for a in audio) == SAID
    pcm = np.frombuffer(b"".join(base64.b64decode(a.get("data", "")) for a in audio), "<i2")
    assert 0.5 < pcm.size / 24_000 < 6 and np.abs(pcm.astype(int)).max() > 2_000


async def _looks_at_a_picture(create: Any) -> None:
    uri = "data:image/jpeg;base64," + base64.b64encode(picture()).decode()
    look = [{"type": "image_url", "image_url": {"url": uri}}, {"type": "text", "text": "what do you see"}]
    seen = (await create(model="maya", messages=[{"role": "user", "content": look}])).choices[0].message
    assert {"red", "circle", "blue", "square"} <= set(seen.content.lower().replace(".", "").split())


async def _calls_a_function(house: House, create: Any) -> None:
    ask_light = [{"role": "user", "content": "dim the kitchen to ten"}]
    choice = (await create(model="maya", messages=ask_light, **FORCED)).choices[0]
    assert choice.finish_reason == "tool_calls" and choice.message.content is None
    call = choice.message.tool_calls[0].function
    assert call.name == "dim_light" and json.loads(call.arguments)["percent"] == 10
    # of which nothing was said
    assert house.room.last_entry is not None and house.room.last_entry.text == "dim the kitchen to ten"
    streamed = [c async for c in await create(model="maya", messages=ask_light, stream=True, **FORCED)]
    assert streamed[-1].choices[0].finish_reason == "tool_calls"
    piece = streamed[-2].choices[0].delta.tool_calls[0].function
    assert (piece.name, piece.arguments) == (call.name, call.arguments)


async def _refuses_in_openais_way(create: Any) -> None:
    with pytest.raises(openai.NotFoundError, match="maya"):
        await create(model="nobody", messages=ASKED)
    with pytest.raises(openai.BadRequestError, match="n is 1"):
        await create(model="maya", messages=ASKED, n=2)
    with pytest.raises(openai.BadRequestError, match="not a user"):
        await create(model="maya", messages=[{"role": "assistant", "content": "hello"}])
    with pytest.raises(openai.BadRequestError, match="data URI"):
        far = [{"type": "image_url", "image_url": {"url": "http://10.0.0.1/x.jpg"}}]
        await create(model="maya", messages=[{"role": "user", "content": far}])
    with pytest.raises(openai.BadRequestError, match="percent"):
        await create(model="maya", messages=ASKED, **FORCED)
