"""Workers without models or processes: they sit at the other end of a real socket and speak the real framing.

Each answers every request of its protocol, in order, and can be told to die.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, closing
from typing import Protocol

import numpy as np

from sensorium.errors import SensoriumError, WorkerDied
from sensorium.front.line import Channel
from sensorium.front.supervisor import Link
from sensorium.request import Part, Prompt, Usage
from sensorium.wire.payloads import Payloads, Rings
from sensorium.wire.records import (
    AdapterLoaded,
    Began,
    Cancel,
    CloseEar,
    Codes,
    Draft,
    Drafted,
    EarClosed,
    Failed,
    Finished,
    Generate,
    Grant,
    Hear,
    Heard,
    Inspect,
    LoadAdapter,
    OpenEar,
    PhraseSpoken,
    Ping,
    Pong,
    Ready,
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
    SpeechStarted,
    Spoken,
    StageTuple,
    Stats,
    ToHearing,
    ToLlm,
    ToSpeech,
    Unclear,
    Words,
    WordSpoken,
)

SAMPLES_PER_WORD = 1_600
SAMPLES_PER_FRAME, BYTES_PER_FRAME = 640, 4
EAR_RATE_HZ = 16_000
UTTERANCE_END_MS = 192


class FakeLlm:
    """Answers with the pieces that `reply` gives; a piece in <|...|> is special. Remembers what it was asked.

    Where speech is asked for, every word sounds in one frame of codes (word, word). With `hold` set, a reply
    stops before its last piece until `go` is set. An error that `reply` raises becomes `Failed`. Words
    that are given are said. Asked who answers, it `expects` the opening that ends so.
    """

    outgoing: object = ToLlm

    def __init__(self, reply: Callable[[Prompt], Iterable[str]]) -> None:
        self._reply = reply
        self._known: dict[str, int] = {}
        self._running: dict[int, asyncio.Task[None]] = {}
        self.asked_for: list[Generate] = []
        self.prompts: list[Prompt] = []
        self.words: list[str] = []
        self.rows: list[bytes] = []
        self.settled: list[Prompt] = []
        self.drafts: list[Prompt] = []
        self.p_close = 0.0
        self.expects = ""
        self.asked: list[tuple[tuple[Part, ...], ...]] = []
        self.cancelled: list[int] = []
        self.hold = False
        self.go = asyncio.Event()
        self.reached_hold = asyncio.Event()

    def handle(self, record: Record, payload: bytes, channel: Channel) -> None:
        match record:
            case Generate():
                self.asked_for.append(record)
                self.rows.append(payload)
                self._running[record.turn_id] = asyncio.create_task(self._generate(record, channel))
            case Cancel(turn_id=turn_id):
                self.cancelled.append(turn_id)
                if (task := self._running.pop(turn_id, None)) is not None:
                    task.cancel()
                channel.send(Finished(turn_id, "cancelled", _usage(0, 0)))
            case Settle(prompt=prompt):
                self.settled.append(prompt)
                new = len(prompt.blocks) - self._known.get(prompt.persona_id, 0)
                self._known[prompt.persona_id] = len(prompt.blocks)
                channel.send(Settled(prompt.persona_id, max(0, new)))
            case Draft(prompt=prompt, openings=openings):
                self.drafts.append(prompt)
                self.asked.append(openings)
                shares = tuple(0.9 * (parts[-1].text.strip() == self.expects) for parts in openings)
                channel.send(Drafted(prompt.persona_id, 1, self.p_close, shares))
            case LoadAdapter(adapter_id=adapter_id):
                channel.send(AdapterLoaded(adapter_id, 1))

    async def _generate(self, record: Generate, channel: Channel) -> None:
        self.prompts.append(record.prompt)
        self.words.append(record.words)
        total = len(record.prompt.blocks)
        usage = _usage(total, min(total, self._known.get(record.prompt.persona_id, 0)))
        try:
            pieces = [f" {w}" for w in record.words.split()] or list(self._reply(record.prompt))
        except SensoriumError as e:
            channel.send(Failed(record.turn_id, e.code, e.message, e.remedy))
            return
        channel.send(Began(record.turn_id, usage, (1,) * total))
        for i, piece in enumerate(pieces):
            if self.hold and i == len(pieces) - 1:
                self.reached_hold.set()
                await self.go.wait()
            channel.send(Said(record.turn_id, piece, piece.startswith("<|")))
        text = "".join(piece for piece in pieces if not piece.startswith("<|"))
        for word in range(len(text.split()) if record.speech_tokens else 0):
            channel.send(Codes(record.turn_id, word), np.array([word, word], "<i2").tobytes())
        self._running.pop(record.turn_id, None)
        channel.send(Finished(record.turn_id, "end", usage, (("llm.decode", 0.0, 0.001),)))


class FakeEar:
    """Hears `words`, with so much `confidence`, in whatever comes, up to the last sample that is not zero;
    silence after it counts, and after a fifth of a second of it comes another utterance.

    With `row_width` it is a native ear, which gives a row for each word: its number, as often. While `asks`
    each utterance ends unclear, until the test says with `reconsider` what it was.
    """

    outgoing: object = ToHearing

    def __init__(self, words: str, *, row_width: int = 0) -> None:
        self.words = words
        self.confidence = 1.0
        self._row_width = row_width
        self._streams: dict[int, _FakeStream] = {}
        self.num_samples = 0
        self.asks = False
        self.unclear: list[Unclear] = []
        self._num_unclear = 0
        self._closing: set[int] = set()

    def handle(self, record: Record, payload: bytes, channel: Channel) -> None:
        match record:
            case OpenEar(stream_id=stream_id, sample_rate_hz=rate):
                self._streams[stream_id] = _FakeStream(rate)
            case Hear(stream_id=stream_id):
                self.num_samples += len(payload) // 2
                self._hear(stream_id, self._streams[stream_id], payload, channel)
            case CloseEar(stream_id=stream_id):
                stream = self._streams.pop(stream_id)
                if stream.is_open:
                    channel.send(self._words(stream_id, stream))
                    self._ask(stream_id, stream, channel)
                self._closing.add(stream_id)
                self._end_if_over(stream_id, channel)

    def reconsider(self, text: str, channel: Channel) -> None:
        """The utterance that was unclear first was this."""
        unclear = self.unclear.pop(0)
        channel.send(Reconsidered(unclear.stream_id, unclear.utterance, text))
        self._end_if_over(unclear.stream_id, channel)

    def _end_if_over(self, stream_id: int, channel: Channel) -> None:
        if stream_id in self._closing and all(u.stream_id != stream_id for u in self.unclear):
            self._closing.remove(stream_id)
            channel.send(EarClosed(stream_id))

    def _ask(self, stream_id: int, stream: _FakeStream, channel: Channel) -> None:
        if self.asks:
            self._num_unclear += 1
            self.unclear.append(Unclear(stream_id, self._num_unclear, stream.last_speech))
            channel.send(self.unclear[-1])

    def _hear(self, stream_id: int, stream: _FakeStream, payload: bytes, channel: Channel) -> None:
        samples = np.frombuffer(payload, dtype="<i2")
        loud = np.flatnonzero(samples)
        if loud.size:
            if not stream.is_open:
                stream.is_open = True
                channel.send(SpeechStarted(stream_id, stream.at(0)))
                if self._row_width:
                    rows = np.repeat(np.arange(len(self.words.split()), dtype="<f4"), self._row_width)
                    channel.send(Heard(stream_id, 0), rows.tobytes())
            stream.last_speech = stream.at(int(loud[-1]) + 1)
            channel.send(self._words(stream_id, stream, ("hearing.chunk", 0.0, 0.001)))
        stream.num_samples += samples.size
        silence_ms = (stream.at(0) - stream.last_speech) * 1000 // EAR_RATE_HZ
        if not stream.last_speech or silence_ms <= 0:
            return
        if stream.is_open and silence_ms >= UTTERANCE_END_MS:
            stream.is_open = False
            self._ask(stream_id, stream, channel)
        channel.send(SpeechPaused(stream_id, stream.at(0), silence_ms, 1.0))

    def _words(self, stream_id: int, stream: _FakeStream, *stages: StageTuple) -> Words:
        by_bridge = not self._row_width
        return Words(stream_id, self.words, stream.last_speech, stages, self.confidence, by_bridge)


class _FakeStream:
    def __init__(self, sample_rate_hz: int) -> None:
        self._sample_rate_hz = sample_rate_hz
        self.num_samples = 0
        self.last_speech = 0
        self.is_open = False

    def at(self, offset: int) -> int:
        return (self.num_samples + offset) * EAR_RATE_HZ // self._sample_rate_hz


class FakeMouth:
    """Every word is a tenth of a second at 16 kHz; every `Say` is a phrase. `Cancel` gives `Spoken`.

    Codes sound for 40 ms a frame; a word of them is over when the next one comes, or at the end. What is not
    granted waits; `num_sent` samples of a turn were.
    """

    outgoing: object = ToSpeech

    def __init__(self) -> None:
        self._samples: dict[int, int] = {}
        self.texts: dict[int, str] = {}
        self.codes: dict[int, bytes] = {}
        self._words: dict[int, tuple[int, int]] = {}  # number and first sample of the one under way
        self._waiting: dict[int, deque[tuple[Record, bytes]]] = {}
        self._granted: dict[int, int] = {}
        self.num_sent: dict[int, int] = {}

    def handle(self, record: Record, payload: bytes, channel: Channel) -> None:
        match record:
            case Speak(turn_id=turn_id, until_ms=until_ms):
                self._samples[turn_id] = self.num_sent[turn_id] = 0
                self._waiting[turn_id], self._granted[turn_id] = deque(), until_ms
                self.texts[turn_id], self.codes[turn_id] = "", b""
                self._words[turn_id] = (0, 0)
            case Say(turn_id=turn_id, text=text):
                self.texts[turn_id] += text
                num_samples = SAMPLES_PER_WORD * len(text.split())
                start = self._samples[turn_id]
                if num_samples:
                    self._give(Sound(turn_id, EAR_RATE_HZ), bytes(2 * num_samples))
                    self._samples[turn_id] += num_samples
                    stages = (("speech.phrase", 0.0, 0.001),)
                    self._give(PhraseSpoken(turn_id, text.strip(), start, start + num_samples, stages))
            case SayCodes(turn_id=turn_id, word=word):
                if word != self._words[turn_id][0]:
                    self._end_word(turn_id)
                    self._words[turn_id] = (word, self._samples[turn_id])
                self.codes[turn_id] += payload
                num_samples = SAMPLES_PER_FRAME * len(payload) // BYTES_PER_FRAME
                self._give(Sound(turn_id, EAR_RATE_HZ), bytes(2 * num_samples))
                self._samples[turn_id] += num_samples
            case SayEnd(turn_id=turn_id):
                self._end_word(turn_id)
                self._give(Spoken(turn_id, self._samples.pop(turn_id, 0)))
            case Grant(turn_id=turn_id, until_ms=until_ms):
                self._granted[turn_id] = until_ms
            case Cancel(turn_id=turn_id):
                self._waiting.pop(turn_id, None)
                channel.send(Spoken(turn_id, self._samples.pop(turn_id, 0)))
        for turn_id in self._waiting:
            self._send_granted(turn_id, channel)

    def _end_word(self, turn_id: int) -> None:
        word, start = self._words[turn_id]
        if self.codes[turn_id] and self._samples[turn_id] > start:
            self._give(WordSpoken(turn_id, word, start, self._samples[turn_id]))

    def _give(self, record: Sound | PhraseSpoken | WordSpoken | Spoken, payload: bytes = b"") -> None:
        if record.turn_id in self._waiting:
            self._waiting[record.turn_id].append((record, payload))

    def _send_granted(self, turn_id: int, channel: Channel) -> None:
        waiting = self._waiting[turn_id]
        while waiting and self.num_sent[turn_id] * 1000 < self._granted[turn_id] * EAR_RATE_HZ:
            record, payload = waiting.popleft()
            self.num_sent[turn_id] += len(payload) // 2
            channel.send(record, payload)


class FakeWorker(Protocol):
    """One of the above, or one like them. `outgoing`: the union of records that it takes."""

    outgoing: object

    def handle(self, record: Record, payload: bytes, channel: Channel) -> None: ...


class FakeProcess:
    """One fake worker at the end of its line; `theirs` is its own end."""

    def __init__(self, link: Link, worker: FakeWorker, facts: dict[str, object]) -> None:
        self._link = link
        self._worker = worker
        self._facts = facts
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        ours, theirs = socket.socketpair()
        with closing(Rings.create(self._link.line.worker)) as rings:
            self._channel = await Channel.open(ours, self._link.incoming, Payloads.of_front(rings))
            self.theirs = await Channel.open(theirs, self._worker.outgoing, Payloads.of_worker(rings))
        self._tasks = [asyncio.create_task(self._serve()), asyncio.create_task(self._deliver())]
        self._link.line.up(self._channel, Ready(self._link.line.worker, 0.0, self._facts))

    async def die(self) -> None:
        """As after kill -9: the socket closes without a word."""
        await self.theirs.close()
        await asyncio.gather(*self._tasks)

    async def stop(self) -> None:
        await self.die()
        await self._channel.close()

    async def _serve(self) -> None:
        async for record, payload in self.theirs.messages():
            if isinstance(record, Ping):
                self.theirs.send(Pong(record.nonce, alive=True))
            elif isinstance(record, Inspect):
                self.theirs.send(Stats(record.nonce, {"fake": True}))
            else:
                self._worker.handle(record, payload, self.theirs)

    async def _deliver(self) -> None:
        async for record, payload in self._channel.messages():
            self._link.receive(record, payload)
        self._link.line.down(WorkerDied(f"the {self._link.line.title} process ended; it is being restarted"))


@asynccontextmanager
async def connected(
    link: Link, worker: FakeWorker, facts: dict[str, object] | None = None
) -> AsyncIterator[FakeProcess]:
    """A link with a fake worker behind it."""
    process = FakeProcess(link, worker, facts or {})
    await process.start()
    try:
        yield process
    finally:
        await process.stop()


def _usage(total: int, cached: int) -> Usage:
    return Usage(prompt_tokens=total, cached_tokens=cached, processed_tokens=total - cached)
