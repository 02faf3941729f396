"""What the conversation asks of each worker, as plain calls and async iterators.

Knows which record answers which. Messages for a turn that nobody waits for any more are dropped and counted.
Knows nothing of processes, rooms or prompts.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import NamedTuple

from sensorium.errors import WorkerFailed, from_wire
from sensorium.front.line import Answers, Channel, Line, Message
from sensorium.metrics import Counters
from sensorium.persona import Voice
from sensorium.request import AdapterUse, Part, Prompt
from sensorium.wire.records import (
    AdapterLoaded,
    Began,
    Cancel,
    CloseEar,
    Codes,
    Draft,
    Drafted,
    EarClosed,
    Finished,
    FromHearing,
    FromLlm,
    FromSpeech,
    Generate,
    Grant,
    Hear,
    Heard,
    LoadAdapter,
    OpenEar,
    PhraseSpoken,
    Reconsidered,
    Record,
    Said,
    Say,
    SayCodes,
    SayEnd,
    Settle,
    Settled,
    Sound,
    Speak,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    SpeechSuspected,
    Spoken,
    Unclear,
    Words,
    WordSpoken,
)

# How far a turn's sound may be ahead of whoever listens. What is not granted is not computed.
AHEAD_MS = 2_000

EarEvent = (
    SpeechSuspected
    | SpeechStarted
    | Words
    | Unclear
    | Reconsidered
    | SpeechPaused
    | SpeechResumed
    | EarClosed
)


class Pcm(NamedTuple):
    """Mono s16le."""

    data: bytes
    sample_rate_hz: int


class CodeFrames(NamedTuple):
    """Whole frames of a reply's sound, int16 little-endian (frames, groups), in word number `word` of it."""

    word: int
    data: bytes


class LlmLink:
    incoming: object = FromLlm

    def __init__(self, counters: Counters) -> None:
        self.line = Line("llm", "language model", counters)

    async def generate(
        self, request: Generate, rows: bytes = b""
    ) -> AsyncGenerator[Began | Said | CodeFrames | Finished]:
        """`Began`, then `Said` pieces, then `CodeFrames` where speech was asked for, then `Finished`.

        `rows` are the prompt's embedding rows as `Generate` wants them. Closing the iterator sends `Cancel`.
        Raises WorkerDied when the worker ends, and whatever it refuses the request with.
        """
        channel = await self.line.channel()
        with self.line.waiting(request.turn_id) as answers:
            try:
                channel.send(request, rows)
                while not answers.over:
                    record, payload = await answers.get()
                    assert isinstance(record, Began | Said | Codes | Finished)
                    answers.over = isinstance(record, Finished)
                    yield CodeFrames(record.word, payload) if isinstance(record, Codes) else record
            finally:
                if not answers.over:
                    self.line.send_if_up(Cancel(request.turn_id))

    async def settle(self, prompt: Prompt, adapters: tuple[AdapterUse, ...] = ()) -> int:
        """Prefills a stable prompt in the background; how many tokens that took. Raises WorkerDied."""
        channel = await self.line.channel()
        with self.line.waiting(("settle", prompt.persona_id)) as answers:
            channel.send(Settle(prompt, adapters))
            record, _ = await answers.get()
        assert isinstance(record, Settled)
        return record.processed_tokens

    async def draft(
        self,
        prompt: Prompt,
        rows: bytes,
        close: str,
        adapters: tuple[AdapterUse, ...] = (),
        openings: tuple[tuple[Part, ...], ...] = (),
    ) -> Drafted:
        """Prefills what somebody is saying; see `Draft`. Raises WorkerDied, BadInput for a second one of the
        same persona."""
        channel = await self.line.channel()
        with self.line.waiting(("draft", prompt.persona_id)) as answers:
            channel.send(Draft(prompt, close, adapters, openings), rows)
            record, _ = await answers.get()
        assert isinstance(record, Drafted)
        return record

    async def load_adapter(self, adapter_id: str, path: str) -> int:
        """Bytes of memory it took. Raises AdapterError."""
        channel = await self.line.channel()
        with self.line.waiting(("adapter", adapter_id)) as answers:
            channel.send(LoadAdapter(adapter_id, path))
            record, _ = await answers.get()
        assert isinstance(record, AdapterLoaded)
        if record.code:
            raise from_wire(record.code, record.message, record.remedy)
        return record.num_bytes

    def receive(self, record: Record, payload: bytes) -> None:
        match record:
            case Began() | Said() | Codes() | Finished():
                self.line.deliver(record.turn_id, (record, payload))
            case Settled(persona_id=persona_id):
                self.line.deliver(("settle", persona_id), (record, payload))
            case Drafted(persona_id=persona_id):
                self.line.deliver(("draft", persona_id), (record, payload))
            case AdapterLoaded(adapter_id=adapter_id):
                self.line.deliver(("adapter", adapter_id), (record, payload))
            case _:
                self.line.deliver_common(record)


class EarStream:
    """One stream of sound to the ear. The events end after `EarClosed`.

    `rows`: what a native ear heard of the utterance of the last event, float32 little-endian (words,
    `row_width`), b"" of bridges. It grows with the utterance and starts anew with `SpeechStarted`.
    """

    def __init__(
        self, stream_id: int, sample_rate_hz: int, channel: Channel, answers: Answers, row_width: int = 0
    ) -> None:
        self.rows = b""
        self.row_width = row_width
        self._stream_id = stream_id
        self._sample_rate_hz = sample_rate_hz
        self._channel = channel
        self._answers = answers
        self.closed = False

    async def send_audio(self, pcm: bytes) -> None:
        """Mono s16le at the stream's rate, any length. Waits while the ear has not taken what lies in its
        ring, and loses nothing (`capture` does, of live sound). Raises WorkerDied, WorkerFailed."""
        step = 2 * (self._sample_rate_hz // 2)
        for at in range(0, len(pcm), step):
            self._channel.send(Hear(self._stream_id, time.monotonic()), pcm[at : at + step])
            await self._channel.drain()

    def close(self) -> None:
        """No more sound will come; the rest is recognised and `EarClosed` follows."""
        if not self.closed:
            self.closed = True
            self._channel.send(CloseEar(self._stream_id))

    async def next_event(self) -> EarEvent:
        """Nothing comes after `EarClosed`. Raises WorkerDied, what `fail` was given, and WorkerFailed when
        rows are missing."""
        while isinstance((message := await self._answers.get())[0], Heard):
            self._keep_rows(*message)
        record, _ = message
        assert isinstance(record, EarEvent)
        if isinstance(record, SpeechStarted):
            self.rows = b""
        return record

    def _keep_rows(self, record: Record, payload: bytes) -> None:
        assert isinstance(record, Heard)
        row_bytes = 4 * self.row_width
        if not row_bytes or len(payload) % row_bytes or record.first_row * row_bytes != len(self.rows):
            raise WorkerFailed("the ear's rows do not follow one another", remedy="ask again")
        self.rows += payload

    def fail(self, error: Exception) -> None:
        """The source of the sound broke: `next_event` raises this."""
        self._answers.fail(error)


class HearingLink:
    incoming: object = FromHearing

    def __init__(self, counters: Counters) -> None:
        self.line = Line("hearing", "hearing", counters)
        self._next_stream_id = 1

    @asynccontextmanager
    async def open(self, sample_rate_hz: int) -> AsyncIterator[EarStream]:
        """A stream at 8000 to 96000 Hz; closed on the way out. Raises WorkerDied."""
        channel = await self.line.channel()
        stream_id = self._next_stream_id
        self._next_stream_id += 1
        with self.line.waiting(stream_id) as answers:
            channel.send(OpenEar(stream_id, sample_rate_hz))
            ready = self.line.ready
            row_width = int(ready.facts.get("row_width", 0)) if ready else 0
            stream = EarStream(stream_id, sample_rate_hz, channel, answers, row_width)
            try:
                yield stream
            finally:
                stream.close()

    def receive(self, record: Record, payload: bytes) -> None:
        if isinstance(record, EarEvent | Heard):
            self.line.deliver(record.stream_id, (record, payload))
        else:
            self.line.deliver_common(record)


class SpeechLink:
    incoming: object = FromSpeech

    def __init__(self, counters: Counters) -> None:
        self.line = Line("speech", "speech", counters)

    async def speak(
        self, turn_id: int, voice: Voice, texts: AsyncIterator[str]
    ) -> AsyncGenerator[Pcm | PhraseSpoken]:
        """Sound while `texts` still grows; none, and no work for the worker, when there is no text.

        No more than `AHEAD_MS` and a chunk are made before the sound is taken; nothing is left out.

        Closing the iterator stops the voice and cancels whoever makes the text. Raises WorkerDied, and what
        `texts` raises.
        """
        said = ((Say(turn_id, text), b"") async for text in texts)
        async with aclosing(self._sound(turn_id, voice, said)) as sounds:
            async for sound in sounds:
                assert not isinstance(sound, WordSpoken)
                if not isinstance(sound, Spoken):
                    yield sound

    async def speak_codes(
        self, turn_id: int, codes: AsyncIterator[CodeFrames]
    ) -> AsyncGenerator[Pcm | WordSpoken | Spoken]:
        """As `speak`, for what the mind speaks itself, words in order; `Spoken` last, if it tells of stages.
        Raises what `speak` does."""
        said = ((SayCodes(turn_id, word), frames) async for word, frames in codes)
        async with aclosing(self._sound(turn_id, Voice(), said)) as sounds:
            async for sound in sounds:
                assert not isinstance(sound, PhraseSpoken)
                yield sound

    async def _sound(
        self, turn_id: int, voice: Voice, said: AsyncIterator[Message]
    ) -> AsyncGenerator[Pcm | PhraseSpoken | WordSpoken | Spoken]:
        channel = await self.line.channel()
        with self.line.waiting(turn_id) as answers:
            # Not a TaskGroup: it would cancel the consumer's task from inside a generator.
            feeding = asyncio.create_task(self._feed(channel, turn_id, voice, said, answers))
            taken_ms = 0.0
            try:
                while not answers.over:
                    record, payload = await answers.get()
                    if isinstance(record, Sound):
                        yield Pcm(payload, record.sample_rate_hz)
                        # Here again: it was taken.
                        taken_ms += 1000 * len(payload) / (2 * record.sample_rate_hz)
                        channel.send(Grant(turn_id, round(taken_ms) + AHEAD_MS))
                    elif isinstance(record, PhraseSpoken | WordSpoken):
                        yield record
                    else:
                        assert isinstance(record, Spoken)
                        answers.over = True
                        if record.stages:
                            yield record
                await feeding
            finally:
                if not answers.over:
                    self.line.send_if_up(Cancel(turn_id))
                feeding.cancel()
                with suppress(asyncio.CancelledError):
                    await feeding

    async def _feed(
        self, channel: Channel, turn_id: int, voice: Voice, said: AsyncIterator[Message], answers: Answers
    ) -> None:
        opened = False
        try:
            async for record, payload in said:
                if not opened:
                    channel.send(Speak(turn_id, voice, AHEAD_MS))
                    opened = True
                channel.send(record, payload)
        except Exception as e:
            answers.fail(e)
        else:
            if opened:
                channel.send(SayEnd(turn_id))
            else:
                answers.put((Spoken(turn_id, 0), b""))

    def receive(self, record: Record, payload: bytes) -> None:
        if isinstance(record, Sound | PhraseSpoken | WordSpoken | Spoken):
            self.line.deliver(record.turn_id, (record, payload))
        else:
            self.line.deliver_common(record)
