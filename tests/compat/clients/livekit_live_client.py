"""A real AgentSession of livekit-agents on the Live API, whose mind is a persona: asks, hears, breaks in.

Run by test_clients.py in an environment of its own: livekit_live_client.py URL QUESTION.pcm SECOND.pcm
(mono s16le at 24 kHz). Prints one JSON line.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from livekit.agents import Agent, AgentSession
from livekit.plugins import openai
from livekit_client import Loudspeaker, Microphone


async def main(url: str, question: bytes, second: bytes) -> dict[str, Any]:
    errors: list[str] = []
    heard: list[str] = []
    said: list[str] = []
    changed = asyncio.Event()

    microphone, loudspeaker = Microphone(), Loudspeaker()
    model = openai.realtime.GPTLiveModel(
        base_url=url, api_key="x", model="maya", voice="maya", delegation="client"
    )
    # Its echo canceller would hear nothing in the first seconds of speech; there is no echo here.
    async with AgentSession(llm=model, aec_warmup_duration=None) as session:
        session.input.audio, session.output.audio = microphone, loudspeaker

        def item_added(event: Any) -> None:
            if getattr(event.item, "role", "") == "assistant":
                said.append((event.item.text_content or "").strip())
            changed.set()

        def transcribed(event: Any) -> None:
            if event.is_final:
                heard.append(event.transcript.strip())
            changed.set()

        session.on("conversation_item_added", item_added)
        session.on("user_input_transcribed", transcribed)
        session.on("error", lambda e: errors.append(str(e.error)))
        await session.start(Agent(instructions="answer briefly"))

        async def until(fits: Any) -> None:
            async with asyncio.timeout(40):
                while not fits():
                    changed.clear()
                    await changed.wait()

        # a spoken turn
        microphone.say(question)
        await until(lambda: len(said) == 1 and len(heard) == 1)
        first_samples = loudspeaker.num_samples
        # the same again, and speech over its answer
        before = loudspeaker.num_samples
        microphone.say(question)
        async with asyncio.timeout(20):
            while loudspeaker.num_samples == before:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        microphone.say(second)
        await until(lambda: len(heard) == 3 and any("baker" in words for words in said))
    return {"heard": heard, "said": said, "samples": first_samples, "errors": errors}


if __name__ == "__main__":
    sounds = [Path(path).read_bytes() for path in sys.argv[2:4]]
    print(json.dumps(asyncio.run(main(sys.argv[1], *sounds))))
