"""Pipecat's OpenAI Realtime service in a pipeline, its mind a persona: asks, hears, breaks in. One JSON line.

Run by test_clients.py in an environment of its own: pipecat_client.py URL QUESTION.pcm SECOND.pcm
(mono s16le at 24 kHz).
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    ErrorFrame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.runner import PipelineRunner
from pipecat.pipeline.task import PipelineParams, PipelineTask
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.llm_service import FunctionCallParams
from pipecat.services.openai.realtime.events import (
    AudioConfiguration,
    AudioInput,
    ConversationItem,
    ConversationItemCreateEvent,
    InputAudioTranscription,
    ItemContent,
    ResponseCreateEvent,
    ResponseProperties,
    SemanticTurnDetection,
    SessionProperties,
)
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService

RATE_HZ, PIECE_BYTES = 24_000, 2_400


class Seen(FrameProcessor):
    """What passes by."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []
        self.said: list[str] = []
        self.errors: list[str] = []
        self.num_bytes = self.num_interruptions = 0
        self.changed = asyncio.Event()

    async def process_frame(self, frame: Any, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        match frame:
            case TranscriptionFrame():
                self.heard.append(frame.text)
            case TTSTextFrame():
                self.said.append(frame.text)
            case TTSAudioRawFrame():
                self.num_bytes += len(frame.audio)
            case InterruptionFrame():
                self.num_interruptions += 1
            case ErrorFrame():
                self.errors.append(frame.error)
            case LLMFullResponseEndFrame():
                self.said.append("|")
        self.changed.set()
        await self.push_frame(frame, direction)


async def main(url: str, question: bytes, second: bytes) -> dict[str, Any]:
    properties = SessionProperties(
        audio=AudioConfiguration(
            input=AudioInput(transcription=InputAudioTranscription(), turn_detection=SemanticTurnDetection())
        ),
        instructions="answer briefly",
        tools=[
            {
                "type": "function",
                "name": "light",
                "description": "puts on the light in a room",
                "parameters": {
                    "type": "object",
                    "properties": {"room": {"type": "string", "enum": ["kitchen", "hall"]}},
                    "required": ["room"],
                },
            }
        ],
    )
    service = OpenAIRealtimeLLMService(
        api_key="x",
        base_url=url.replace("http://", "ws://") + "/realtime",
        settings=OpenAIRealtimeLLMService.Settings(model="maya", session_properties=properties),
    )
    called: list[str] = []

    async def light(params: FunctionCallParams) -> None:
        called.append(params.arguments["room"])
        await params.result_callback("the light is on")

    service.register_function("light", light)
    before, after = Seen(), Seen()
    aggregators = LLMContextAggregatorPair(LLMContext())
    pipeline = Pipeline([aggregators.user(), before, service, after, aggregators.assistant()])
    params = PipelineParams(audio_in_sample_rate=RATE_HZ, audio_out_sample_rate=RATE_HZ)
    task = PipelineTask(pipeline, params=params, idle_timeout_secs=None)
    running = asyncio.create_task(PipelineRunner(handle_sigint=False).run(task))
    pieces: list[bytes] = []

    async def microphone() -> None:
        while True:
            await asyncio.sleep(0.05)
            piece = pieces.pop(0) if pieces else bytes(PIECE_BYTES)
            await task.queue_frame(InputAudioRawFrame(piece, RATE_HZ, 1))

    def say(pcm: bytes) -> None:
        pieces.extend(pcm[at : at + PIECE_BYTES] for at in range(0, len(pcm) - PIECE_BYTES, PIECE_BYTES))

    async def until(condition: Any) -> None:
        async with asyncio.timeout(40):
            while not condition():
                after.changed.clear()
                await after.changed.wait()

    recording = asyncio.create_task(microphone())
    say(question)
    await until(lambda: "|" in after.said)
    first_bytes = after.num_bytes
    # one in writing, and speech over its answer
    content = [ItemContent(type="input_text", text="who is here")]
    item = ConversationItem(type="message", role="user", content=content)
    await service.send_client_event(ConversationItemCreateEvent(item=item))
    await service.send_client_event(ResponseCreateEvent())
    await until(lambda: after.num_bytes > first_bytes)
    num_interruptions = after.num_interruptions
    say(second)
    await until(lambda: after.num_interruptions > num_interruptions)
    interrupted_at = len(after.said)
    await until(lambda: "baker." in "".join(after.said[interrupted_at:]))
    # a call, and the answer to what it gave
    await until(lambda: after.said[-1] == "|")
    content = [ItemContent(type="input_text", text="put on the light in the hall")]
    item = ConversationItem(type="message", role="user", content=content)
    await service.send_client_event(ConversationItemCreateEvent(item=item))
    await service.send_client_event(ResponseCreateEvent(response=ResponseProperties(tool_choice="required")))
    await until(lambda: called and after.said[-1] == "|")
    recording.cancel()
    await task.queue_frame(EndFrame())
    try:
        await asyncio.wait_for(running, 10)
    except TimeoutError:
        await task.queue_frame(CancelFrame())
    return {
        "called": called,
        "heard": before.heard + after.heard,
        "said": after.said,
        "samples": first_bytes // 2,
        "interruptions": after.num_interruptions - num_interruptions,
        "errors": before.errors + after.errors,
    }


if __name__ == "__main__":
    sounds = [Path(path).read_bytes() for path in sys.argv[2:4]]
    print(json.dumps(asyncio.run(main(sys.argv[1], *sounds))))
