"""A real AgentSession of livekit-agents whose mind is a persona: asks, hears, breaks in. One JSON line.

Run by test_clients.py in an environment of its own: livekit_client.py URL QUESTION.pcm SECOND.pcm
(mono s16le at 24 kHz).
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any, Literal

from livekit import rtc
from livekit.agents import Agent, AgentSession, function_tool
from livekit.agents.voice import io
from livekit.plugins import openai

RATE_HZ, PIECE_BYTES = 24_000, 2_400  # 50 ms


class Microphone(io.AudioInput):
    """Silence, and what is put in."""

    def __init__(self) -> None:
        super().__init__(label="microphone")
        self._pieces: list[bytes] = []

    def say(self, pcm: bytes) -> None:
        self._pieces += [pcm[at : at + PIECE_BYTES] for at in range(0, len(pcm) - PIECE_BYTES, PIECE_BYTES)]

    async def __anext__(self) -> rtc.AudioFrame:
        await asyncio.sleep(0.05)
        piece = self._pieces.pop(0) if self._pieces else bytes(PIECE_BYTES)
        return rtc.AudioFrame(piece, RATE_HZ, 1, PIECE_BYTES // 2)


class Loudspeaker(io.AudioOutput):
    """Plays as time; says how far it came."""

    def __init__(self) -> None:
        super().__init__(
            label="loudspeaker", capabilities=io.AudioOutputCapabilities(pause=False), sample_rate=RATE_HZ
        )
        self.num_samples = 0
        self._segment = 0
        self._began_s = 0.0
        self._task: asyncio.Task[None] | None = None

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if not self._segment:
            self._began_s = time.monotonic()
            self.on_playback_started(created_at=time.time())
        self._segment += frame.samples_per_channel
        self.num_samples += frame.samples_per_channel

    def flush(self) -> None:
        super().flush()
        if self._segment and self._task is None:
            self._task = asyncio.create_task(self._finish())

    def clear_buffer(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._over(interrupted=True)

    async def _finish(self) -> None:
        await asyncio.sleep(max(0.0, self._began_s + self._segment / RATE_HZ - time.monotonic()))
        self._over(interrupted=False)

    def _over(self, *, interrupted: bool) -> None:
        if not self._segment:
            return
        played_s = min(self._segment / RATE_HZ, time.monotonic() - self._began_s)
        self._segment, self._task = 0, None
        self.on_playback_finished(playback_position=played_s, interrupted=interrupted)


async def main(url: str, question: bytes, second: bytes) -> dict[str, Any]:
    errors: list[str] = []
    heard: list[str] = []
    said: list[tuple[str, bool]] = []
    called: list[str] = []
    turned = asyncio.Event()

    @function_tool
    async def light(room: Literal["kitchen", "hall"]) -> str:
        """Puts on the light in a room."""
        called.append(room)
        return "the light is on"

    microphone, loudspeaker = Microphone(), Loudspeaker()
    model = openai.realtime.RealtimeModel(base_url=url, api_key="x", model="maya", voice="maya")
    # Its echo canceller would hear nothing in the first seconds of speech; there is no echo here.
    async with AgentSession(llm=model, aec_warmup_duration=None) as session:
        session.input.audio, session.output.audio = microphone, loudspeaker

        def item_added(event: Any) -> None:
            if getattr(event.item, "role", "") == "assistant":
                said.append((event.item.text_content or "", bool(event.item.interrupted)))
                turned.set()

        session.on("conversation_item_added", item_added)
        session.on("user_input_transcribed", lambda e: heard.append(e.transcript) if e.is_final else None)
        session.on("error", lambda e: errors.append(str(e.error)))
        await session.start(Agent(instructions="answer briefly", tools=[light]))

        async def turn() -> None:
            turned.clear()
            async with asyncio.timeout(40):
                await turned.wait()

        # a spoken turn
        microphone.say(question)
        await turn()
        first_samples = loudspeaker.num_samples
        # one in writing, and speech over its answer
        before = loudspeaker.num_samples
        session.generate_reply(user_input="who is here")
        async with asyncio.timeout(20):
            while loudspeaker.num_samples == before:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        microphone.say(second)
        await turn()
        await turn()
        # a call, and the answer to what it gave
        turned.clear()
        session.generate_reply(user_input="put on the light in the hall", tool_choice="required")
        await turn()
    return {
        "called": called,
        "heard": heard,
        "said": said,
        "samples": first_samples,
        "errors": errors,
    }


if __name__ == "__main__":
    sounds = [Path(path).read_bytes() for path in sys.argv[2:4]]
    print(json.dumps(asyncio.run(main(sys.argv[1], *sounds))))
