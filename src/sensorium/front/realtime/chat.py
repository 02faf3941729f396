"""Chat completions: a message to one persona and its reply, in the room's conversation.

A letter, not a visit: who writes does not come in, and the reply's sound is the writer's alone, as fast as
it is made. The room keeps the history; of what the client sends again, only the newest is said.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Any

import numpy as np

from sensorium.audio import parse_wav, to_int16, wav_bytes
from sensorium.errors import SensoriumError, from_wire
from sensorium.front.house import House
from sensorium.front.listening import Utterance, at_once
from sensorium.front.realtime import calls
from sensorium.front.realtime.calls import Call
from sensorium.front.realtime.chat_request import Question
from sensorium.front.realtime.ear import ears_of
from sensorium.front.realtime.guests import name_of
from sensorium.front.realtime.items import new_id
from sensorium.front.realtime.sound import RATE_HZ, Resampler
from sensorium.front.realtime.words import Words
from sensorium.front.report import TurnReport
from sensorium.persona import Persona
from sensorium.store.people import Person
from sensorium.wire.events import Event, TurnBegan, Writing


class Letter:
    """One completion. `words` and `sound` are called with the reply as it comes; neither may wait."""

    def __init__(self, house: House, persona: Persona, question: Question) -> None:
        self.id = new_id("chatcmpl")
        self.created_s = int(time.time())
        self.persona = persona
        self.question = question
        self._house = house
        self.call: Call | None = None  # made instead of a reply
        self._turn_id = 0
        self._task: asyncio.Task[Any] | None = None
        self._so_far: Callable[[str], None] = lambda text: None

    async def answered(
        self,
        so_far: Callable[[str], None] = lambda text: None,
        sound: Callable[[bytes], None] = lambda pcm: None,
    ) -> TurnReport:
        """`so_far` is given the reply's words so far, `sound` mono s16le at 24 kHz. Raises what a turn does,
        and what went wrong in it, so that there is always an answer."""
        house, question = self._house, self.question
        person = await house.person_called(name_of(question.name))
        for picture in question.pictures:
            await house.look(picture)
        heard = [await self._heard(data, person) for data in question.sounds]
        if question.instructions and not house.prompt_format.prose:
            house.counters.add("instructions_ignored_total")
        voice = _Taken(sound) if question.audio else None
        self._so_far, self._task = so_far, asyncio.current_task()
        to, told, conversation = self.persona.id, question.instructions, house.conversation
        with house.happenings.told_to(self._told):
            if question.tools:
                words = " ".join([question.words, *(utterance.text for utterance in heard)]).strip()
                offered = calls.offer(question.tools, words, house.prompt_format)
                report = await conversation.text_turn(
                    words, person, to=to, instructions=offered.told, grammar=offered.grammar
                )
                if report.outcome == "done":
                    self.call = offered.read(report.chosen)
            elif len(heard) == 1 and not question.words:
                report = await conversation.heard_turn(heard[0], person, voice, to=to, instructions=told)
            else:
                words = " ".join([question.words, *(utterance.text for utterance in heard)])
                report = await conversation.text_turn(
                    words, person, to=to, publisher=voice, instructions=told
                )
        if report.error:
            raise from_wire(report.error_code, report.error)
        return report

    async def _heard(self, wav: bytes, person: Person) -> Utterance:
        sound = await asyncio.to_thread(parse_wav, wav, "the sound")
        pcm = await asyncio.to_thread(lambda: to_int16(sound.samples).tobytes())
        pieces = at_once(pcm, sound.sample_rate_hz)
        opened = ears_of(self._house.conversation).open(
            pieces, sound.sample_rate_hz, person, to=self.persona.id
        )
        async with opened as microphone:
            return await microphone.utterance()

    def _told(self, event: Event) -> None:
        match event:
            case TurnBegan(turn_id=turn_id) if asyncio.current_task() is self._task:
                self._turn_id = turn_id
            case Writing(turn_id=turn_id, text=text) if turn_id == self._turn_id:
                self._so_far(text)


class _Taken:
    """A `Publisher` that plays nothing: all that was made counts as heard."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self._resampler: Resampler | None = None
        self._num_samples = 0

    async def send_audio(self, turn_id: int, pcm: bytes, sample_rate_hz: int) -> None:
        if self._resampler is None:
            self._resampler = Resampler(sample_rate_hz, RATE_HZ["audio/pcm"])
        self._num_samples += len(pcm) // 2
        self._take(self._resampler.feed(pcm))

    async def played(self, turn_id: int) -> None:
        if self._resampler is not None:
            self._take(self._resampler.flush())

    def heard_samples(self, turn_id: int) -> int:
        return self._num_samples

    async def hold(self, turn_id: int) -> None:
        pass

    async def resume(self, turn_id: int) -> None:
        pass

    async def clear(self, turn_id: int) -> None:
        pass


async def chunks(letter: Letter) -> AsyncGenerator[dict[str, Any]]:
    """The completion as OpenAI streams it. Closing it ends the turn. Raises as `Letter.answered`."""
    pieces: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
    aloud = bool(letter.question.audio)
    words, audio_id = Words(), new_id("audio")

    def write(text: str) -> None:
        if text:
            pieces.put_nowait({"audio": {"id": audio_id, "transcript": text}} if aloud else {"content": text})

    def sound(pcm: bytes) -> None:
        if pcm:
            pieces.put_nowait({"audio": {"id": audio_id, "data": base64.b64encode(pcm).decode()}})

    turn = asyncio.create_task(letter.answered(lambda text: write(words.more(text)), sound))
    turn.add_done_callback(lambda _: pieces.put_nowait(None))
    try:
        began = False
        while (piece := await pieces.get()) is not None:
            if not began:
                began = True
                yield _chunk(letter, {"role": "assistant"} | ({} if aloud else {"content": ""}))
            yield _chunk(letter, piece)
        report = turn.result()
        if not began:
            yield _chunk(letter, {"role": "assistant", "content": ""})
        write(words.rest(report.said))
        if not pieces.empty() and (piece := pieces.get_nowait()) is not None:
            yield _chunk(letter, piece)
        if letter.call is not None:
            yield _chunk(letter, {"tool_calls": [{"index": 0, **_called(letter.call)}]})
        yield _chunk(letter, {}, finish_reason=_finish(letter))
        if letter.question.tells_usage:
            yield {**_chunk(letter, {}), "choices": [], "usage": usage(report)}
    finally:
        turn.cancel()
        with suppress(asyncio.CancelledError, SensoriumError):
            await turn


async def whole(letter: Letter) -> dict[str, Any]:
    """The completion at once. Raises as `Letter.answered`."""
    pcm = bytearray()
    report = await letter.answered(sound=pcm.extend)
    message: dict[str, Any] = {"role": "assistant", "content": report.said, "refusal": None}
    if letter.question.audio and letter.call is None:
        message["content"] = None
        data = bytes(pcm) if letter.question.audio == "pcm16" else _wav(bytes(pcm))
        message["audio"] = {
            "id": new_id("audio"),
            "data": await asyncio.to_thread(lambda: base64.b64encode(data).decode()),
            "transcript": report.said,
            "expires_at": letter.created_s,
        }
    if letter.call is not None:
        message |= {"content": None, "tool_calls": [_called(letter.call)]}
    choice = {"index": 0, "message": message, "finish_reason": _finish(letter), "logprobs": None}
    return {**_head(letter, "chat.completion"), "choices": [choice], "usage": usage(report)}


def _called(call: Call) -> dict[str, Any]:
    return {"id": new_id("call"), "type": "function", "function": call._asdict()}


def _finish(letter: Letter) -> str:
    return "stop" if letter.call is None else "tool_calls"


def usage(report: TurnReport) -> dict[str, Any]:
    """As the SDK's `CompletionUsage`; the engine counted."""
    out = report.reply_tokens + report.speech_tokens
    return {
        "prompt_tokens": report.prompt_tokens,
        "completion_tokens": out,
        "total_tokens": report.prompt_tokens + out,
        "prompt_tokens_details": {"cached_tokens": report.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {"audio_tokens": report.speech_tokens, "reasoning_tokens": 0},
    }


def _head(letter: Letter, kind: str) -> dict[str, Any]:
    return {"id": letter.id, "object": kind, "created": letter.created_s, "model": letter.persona.id}


def _chunk(letter: Letter, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
    return {**_head(letter, "chat.completion.chunk"), "choices": [choice]}


def _wav(pcm: bytes) -> bytes:
    return wav_bytes(np.frombuffer(pcm, "<i2"), RATE_HZ["audio/pcm"])
