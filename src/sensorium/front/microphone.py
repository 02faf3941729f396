"""One person's sound from the first sample to the last: what was said, and when to be quiet for it.

Puts the ear's events, the drafts' opinions and what becomes of replies through one TurnTaker. Sound comes as
an async iterator of mono s16le pieces. Knows nothing of who will answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple, Protocol

from sensorium.clock import Clock
from sensorium.dialogue.endpointing import Endpointing
from sensorium.dialogue.turn_taking import (
    Event,
    Hold,
    Interrupt,
    Opinion,
    Reply,
    ReplyEnded,
    ReplyStarted,
    Resume,
    Tick,
    TurnTaker,
    Wait,
)
from sensorium.front.captions import Captions
from sensorium.front.happenings import to_nobody
from sensorium.front.links import EarEvent, EarStream, HearingLink
from sensorium.front.listening import HeardSoFar, SentLog, Utterance
from sensorium.trace import Stage
from sensorium.wire.records import EarClosed, Reconsidered, Words


class Drafting(Protocol):
    """Prefills what is being said; see `drafter.py`."""

    def said(self, so_far: Utterance, tell: Callable[[Opinion], None]) -> None:
        """More was heard; `tell` is called when the mind has an opinion of it."""
        ...


class _FromEar(NamedTuple):
    """With the rows of its utterance at that moment."""

    event: EarEvent
    rows: bytes


class Microphone:
    """Made by `open`. `decisions` ends when all sound was heard and answered."""

    def __init__(
        self,
        ear: EarStream,
        sent: SentLog,
        clock: Clock,
        endpointing: Endpointing | None,
        drafting: Drafting | None,
        captions: Captions,
        late: Callable[[], None],
    ) -> None:
        self._ear = ear
        self._late = late
        self._sent = sent
        self._clock = clock
        self._started_s = clock.now_s()
        self._taker = TurnTaker(endpointing)
        self._drafting = drafting
        self._captions = captions
        self._events: asyncio.Queue[Event | _FromEar | Exception] = asyncio.Queue()
        self._heard = HeardSoFar()
        self._stages: list[Stage] = []
        self._opinion = Opinion("", 0.0)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        hearing: HearingLink,
        sound: AsyncIterator[bytes],
        sample_rate_hz: int,
        clock: Clock,
        endpointing: Endpointing | None = None,
        drafting: Drafting | None = None,
        captions: Captions | None = None,
    ) -> AsyncIterator[Microphone]:
        """Listens from now on. Raises WorkerDied."""
        captions = captions or Captions("", to_nobody)
        sent = SentLog(sample_rate_hz)
        async with hearing.open(sample_rate_hz) as ear:
            microphone = cls(ear, sent, clock, endpointing, drafting, captions, hearing.line.late)
            tasks = [
                asyncio.create_task(_feed(ear, sound, sent, clock)),
                asyncio.create_task(microphone._pump()),
            ]
            try:
                yield microphone
            finally:
                for task in tasks:
                    task.cancel()
                for task in tasks:
                    with suppress(asyncio.CancelledError):
                        await task

    def reply_started(self, turn_id: int) -> None:
        """From now on what is heard may interrupt this reply."""
        self._events.put_nowait(ReplyStarted(turn_id))

    def reply_ended(self, turn_id: int) -> None:
        self._events.put_nowait(ReplyEnded(turn_id))

    async def decisions(self) -> AsyncIterator[Utterance | Hold | Resume | Interrupt]:
        """An `Utterance` whenever the person has finished, and what its sound means for the reply under way.

        The last one has no text when nothing was said since the one before. Raises WorkerDied, and what the
        source of the sound raises.
        """
        due_s: float | None = None
        while True:
            event = await self._next(due_s)
            if isinstance(event, Opinion):
                self._opinion = event
            decision = self._taker.handle(event, self._clock.now_s())
            due_s = decision.until_s if isinstance(decision, Wait | Hold) else self._clock.now_s()
            if isinstance(decision, Reply):
                self._captions.over(decision.text)
                yield self._made(decision.text, decision.until_sample)
            else:
                self._captions.so_far(self._taker.text)
                if not isinstance(decision, Wait):
                    yield decision
            if isinstance(event, EarClosed):
                return
            if not self._taker.text:
                self._heard, self._stages = HeardSoFar(), []
            elif isinstance(event, Words) and self._drafting and not self._taker.replying:
                so_far = self._made(self._taker.text, event.until_sample)
                self._drafting.said(so_far, self._events.put_nowait)

    async def utterance(self) -> Utterance:
        """The first one; its text is "" when nothing was said."""
        async for decision in self.decisions():
            if isinstance(decision, Utterance):
                return decision
        raise AssertionError("the stream ended without a decision")

    def _made(self, text: str, until_sample: int) -> Utterance:
        return Utterance(
            text=text,
            last_speech_s=self._sent.sent_s(until_sample, self._started_s),
            decided_s=self._clock.now_s(),
            stages=tuple(self._stages),
            rows=self._heard.rows,
            row_width=self._ear.row_width,
            confidence=self._heard.confidence,
            by_bridge=self._heard.by_bridge,
            p_answers=self._opinion.p_answers if self._opinion.text == text else (),
        )

    async def _next(self, due_s: float | None) -> Event:
        try:
            async with asyncio.timeout(None if due_s is None else max(0.0, due_s - self._clock.now_s())):
                event = await self._events.get()
        except TimeoutError:
            return Tick()
        if isinstance(event, Exception):
            raise event
        if not isinstance(event, _FromEar):
            return event
        heard, rows = event
        if isinstance(heard, Reconsidered) and not self._taker.awaits(heard.utterance, self._clock.now_s()):
            self._late()
            return heard
        self._heard.take(heard, rows)
        self._captions.heard(heard)
        if isinstance(heard, Words):
            self._stages += [
                Stage("hearing", name, 0, start_s, end_s) for name, start_s, end_s in heard.stages
            ]
        return heard

    async def _pump(self) -> None:
        try:
            while True:
                event = await self._ear.next_event()
                self._events.put_nowait(_FromEar(event, self._ear.rows))
                if isinstance(event, EarClosed):
                    return
        except Exception as e:
            self._events.put_nowait(e)


async def _feed(ear: EarStream, sound: AsyncIterator[bytes], sent: SentLog, clock: Clock) -> None:
    try:
        async for pcm in sound:
            await ear.send_audio(pcm)
            sent.add(len(pcm) // 2, clock.now_s())
    except Exception as e:
        ear.fail(e)
    else:
        ear.close()
