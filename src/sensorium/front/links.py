"""What the conversation asks of each worker, as plain calls and async iterators.

Knows which record answers which. Messages for a turn that nobody waits for any more are dropped and counted.
Knows nothing of processes, rooms or prompts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

from sensorium.errors import from_wire
from sensorium.front.line import Answers, Channel, Line
from sensorium.metrics import Counters
from sensorium.persona import Voice
from sensorium.request import AdapterUse, Prompt
from sensorium.wire.records import (
    AdapterLoaded,
    Began,
    Cancel,
    CloseEar,
    EarClosed,
    Finished,
    FromHearing,
    FromLlm,
    FromSpeech,
    Generate,
    Hear,
    LoadAdapter,
    OpenEar,
    PhraseSpoken,
    Record,
    Said,
    Say,
    SayEnd,
    Settle,
    Settled,
    Sound,
    Speak,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    Spoken,
    Words,
)

EarEvent = SpeechStarted | Words | SpeechPaused | SpeechResumed | EarClosed


class Pcm(NamedTuple):
    """Mono s16le."""

    data: bytes
    sample_rate_hz: int


class LlmLink:
    incoming: object = FromLlm

    def __init__(self, counters: Counters) -> None:
        self.line = Line("llm", "language model", counters)

    async def generate(self, request: Generate) -> AsyncGenerator[Began | Said | Finished]:
        """`Began`, then `Said` pieces, then `Finished`. Closing the iterator sends `Cancel`.

        Raises WorkerDied when the worker ends, and whatever it refuses the request with.
        """
        channel = await self.line.channel()
        with self.line.waiting(request.turn_id) as answers:
            try:
                channel.send(request)
                while not answers.over:
                    record, _ = await answers.get()
                    assert isinstance(record, Began | Said | Finished)
                    answers.over = isinstance(record, Finished)
                    yield record
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
            case Began() | Said() | Finished():
                self.line.deliver(record.turn_id, (record, payload))
            case Settled(persona_id=persona_id):
                self.line.deliver(("settle", persona_id), (record, payload))
            case AdapterLoaded(adapter_id=adapter_id):
                self.line.deliver(("adapter", adapter_id), (record, payload))
            case _:
                self.line.deliver_common(record)


class EarStream:
    """One stream of sound to the ear. `events` ends after `EarClosed`."""

    def __init__(self, stream_id: int, sample_rate_hz: int, channel: Channel, answers: Answers) -> None:
        self._stream_id = stream_id
        self._sample_rate_hz = sample_rate_hz
        self._channel = channel
        self._answers = answers
        self.closed = False

    async def send_audio(self, pcm: bytes) -> None:
        """Mono s16le at the stream's rate, any length. Raises WorkerDied."""
        step = 2 * (self._sample_rate_hz // 2)
        for at in range(0, len(pcm), step):
            self._channel.send(Hear(self._stream_id), pcm[at : at + step])
            await self._channel.drain()

    def close(self) -> None:
        """No more sound will come; the rest is recognised and `EarClosed` follows."""
        if not self.closed:
            self.closed = True
            self._channel.send(CloseEar(self._stream_id))

    async def next_event(self) -> EarEvent:
        """Nothing comes after `EarClosed`. Raises WorkerDied, and what `fail` was given."""
        record, _ = await self._answers.get()
        assert isinstance(record, EarEvent)
        return record

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
            stream = EarStream(stream_id, sample_rate_hz, channel, answers)
            try:
                yield stream
            finally:
                stream.close()

    def receive(self, record: Record, payload: bytes) -> None:
        if isinstance(record, EarEvent):
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

        Closing the iterator stops the voice and cancels whoever makes the text. Raises WorkerDied, and what
        `texts` raises.
        """
        channel = await self.line.channel()
        with self.line.waiting(turn_id) as answers:
            # Not a TaskGroup: it would cancel the consumer's task from inside a generator.
            feeding = asyncio.create_task(self._feed(channel, turn_id, voice, texts, answers))
            try:
                while not answers.over:
                    record, payload = await answers.get()
                    if isinstance(record, Sound):
                        yield Pcm(payload, record.sample_rate_hz)
                    elif isinstance(record, PhraseSpoken):
                        yield record
                    else:
                        assert isinstance(record, Spoken)
                        answers.over = True
                await feeding
            finally:
                if not answers.over:
                    self.line.send_if_up(Cancel(turn_id))
                feeding.cancel()
                with suppress(asyncio.CancelledError):
                    await feeding

    async def _feed(
        self, channel: Channel, turn_id: int, voice: Voice, texts: AsyncIterator[str], answers: Answers
    ) -> None:
        opened = False
        try:
            async for text in texts:
                if not opened:
                    channel.send(Speak(turn_id, voice))
                    opened = True
                channel.send(Say(turn_id, text))
        except Exception as e:
            answers.fail(e)
        else:
            if opened:
                channel.send(SayEnd(turn_id))
            else:
                answers.put((Spoken(turn_id, 0), b""))

    def receive(self, record: Record, payload: bytes) -> None:
        if isinstance(record, Sound | PhraseSpoken | Spoken):
            self.line.deliver(record.turn_id, (record, payload))
        else:
            self.line.deliver_common(record)
