"""A realtime session of openai-agents whose model is a persona: asks, hears, breaks in, calls. One JSON line.

Run by test_clients.py in an environment of its own: agents_client.py URL QUESTION.pcm SECOND.pcm
(mono s16le at 24 kHz).
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Literal

from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeRunner
from agents.realtime.model_inputs import RealtimeModelSendRawMessage

RATE_HZ, PIECE_BYTES = 24_000, 4_800


async def main(url: str, question: bytes, second: bytes) -> dict[str, Any]:
    called: list[str] = []
    heard: list[str] = []
    errors: list[str] = []
    said: list[str] = []
    counts = {"samples": 0, "interruptions": 0, "turns": 0}
    changed = asyncio.Event()

    @function_tool
    async def light(room: Literal["kitchen", "hall"]) -> str:
        """Puts on the light in a room."""
        called.append(room)
        return "the light is on"

    settings: Any = {
        "model_name": "maya",
        "modalities": ["audio"],
        "input_audio_transcription": {"model": "any"},
        "turn_detection": {"type": "semantic_vad", "interrupt_response": True},
    }
    agent = RealtimeAgent(name="maya", instructions="answer briefly", tools=[light])
    runner = RealtimeRunner(agent, config={"model_settings": settings})
    address = url.replace("http://", "ws://") + "/realtime?model=maya"
    session = await runner.run(
        model_config={"api_key": "x", "url": address, "initial_model_settings": settings}
    )

    async def follow() -> None:
        async for event in session:
            match event.type:
                case "audio":
                    counts["samples"] += len(event.audio.data) // 2
                case "audio_interrupted":
                    counts["interruptions"] += 1
                case "error":
                    errors.append(str(event.error))
                case "raw_model_event" if event.data.type == "turn_ended":
                    counts["turns"] += 1
                case "raw_model_event" if event.data.type == "input_audio_transcription_completed":
                    heard.append(event.data.transcript)
                case "raw_model_event" if event.data.type == "transcript_delta":
                    said.append(event.data.delta)
            changed.set()

    async def speak(pcm: bytes) -> None:
        for at in range(0, len(pcm), PIECE_BYTES):
            await session.send_audio(pcm[at : at + PIECE_BYTES])
            await asyncio.sleep(0.1)

    async def send(kind: str, **fields: Any) -> None:
        await session.model.send_event(
            RealtimeModelSendRawMessage(message={"type": kind, "other_data": fields})
        )

    async def until(condition: Any) -> None:
        async with asyncio.timeout(40):
            while not condition():
                changed.clear()
                await changed.wait()

    async with session:
        following = asyncio.create_task(follow())
        await speak(question)
        await until(lambda: counts["turns"] == 1)
        samples = counts["samples"]
        # one in writing, and speech over its answer
        await session.send_message("who is here")
        await until(lambda: counts["samples"] > samples)
        await speak(second)
        await until(lambda: counts["interruptions"] and counts["turns"] == 3)
        # a call, and the answer to what it gave
        content = [{"type": "input_text", "text": "put on the light in the hall"}]
        item = {"type": "message", "role": "user", "content": content}
        await send("conversation.item.create", item=item)
        await send("response.create", response={"tool_choice": "required"})
        await until(lambda: called and counts["turns"] == 5)
        following.cancel()
    return {"heard": heard, "said": said, "samples": samples, "errors": errors, "called": called, **counts}


if __name__ == "__main__":
    sounds = [Path(path).read_bytes() for path in sys.argv[2:4]]
    print(json.dumps(asyncio.run(main(sys.argv[1], *sounds))))
