"""The reply under way for a Realtime client: a turn of the room becomes a response of the session."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from sensorium.errors import SensoriumError
from sensorium.front.audience import Listener
from sensorium.front.listening import Utterance
from sensorium.front.realtime import calls
from sensorium.front.realtime.inside import Inside
from sensorium.front.realtime.response import Cost, Outcome
from sensorium.front.realtime.sound import Format
from sensorium.front.realtime.voice import Reports, Voice
from sensorium.front.realtime.wishes import Answer
from sensorium.front.report import TurnReport
from sensorium.wire.events import Event, TurnBegan, Writing

_OUTCOMES: dict[str, Outcome] = {
    "done": "completed", "silent": "completed", "interrupted": "cancelled", "failed": "failed",
}  # fmt: skip
_MAX_UTTERANCES = 64


class Answering:
    """`listener` is the client among the room's; `turn_id` is of the turn that it is being answered with, 0
    between two of them."""

    def __init__(self, inside: Inside, listener: Listener) -> None:
        self._inside = inside
        self._listener = listener
        self._reports = Reports()
        self._utterances: dict[str, Utterance] = {}  # what was heard, by item
        self._task: asyncio.Task[None] | None = None  # that makes the reply under way
        self._voice: Voice | None = None
        self.turn_id = 0
        self._written = ""

    def keep(self, item_id: str, utterance: Utterance) -> None:
        """How the item came by ear, for whoever will answer it."""
        self._utterances[item_id] = utterance
        while len(self._utterances) > _MAX_UTTERANCES:
            del self._utterances[next(iter(self._utterances))]

    def answer(self, asked: Answer) -> None:
        self.turn_id, self._written, self._voice = 0, "", None
        self._task = self._inside.start(self._answer(asked))

    def stop(self) -> None:
        self._inside.start(self._stop(self.turn_id))

    def heard_until(self, ms: int) -> None:
        """So much of the reply was played."""
        if self._voice is not None:
            self._voice.heard_until(ms)

    def reply_ms(self, samples: int) -> float:
        """How long so many samples of the reply's sound are."""
        return self._voice.ms_of(samples) if self._voice is not None else 0.0

    async def end(self) -> None:
        """Nobody is there any more to hear it."""
        if self.turn_id:
            await self._inside.house.conversation.running.interrupt(self.turn_id)

    def told(self, event: Event) -> None:
        """What happens in the room."""
        match event:
            case TurnBegan(turn_id=turn_id) if asyncio.current_task() is self._task:
                self.turn_id = turn_id
            case Writing(turn_id=turn_id, text=text) if turn_id == self.turn_id:
                self._written = text
                if (response := self._inside.session.active) is not None:
                    self._inside.session.wrote(response.id, text)
                    self._inside.flush()

    async def _answer(self, asked: Answer) -> None:
        session, conversation = self._inside.session, self._inside.house.conversation
        try:
            report = await self._turn(asked)
        except SensoriumError as e:
            session.ended(
                asked.response_id, "failed", "", Cost(), code=e.code, message=e.one_line(), began=False
            )
        except asyncio.CancelledError:
            cut_off = conversation.last_report
            if cut_off is None or cut_off.turn_id != self.turn_id:
                session.ended(asked.response_id, "cancelled", "", Cost(), began=False)
            else:
                self._ended(asked.response_id, cut_off)
            raise
        else:
            self._ended(asked.response_id, report)
        finally:
            self._inside.flush()

    async def _turn(self, asked: Answer) -> TurnReport:
        house, session, person = self._inside.house, self._inside.session, self._inside.person
        conversation, to = house.conversation, self._inside.persona.id
        if asked.tools:
            offered = calls.offer(asked.tools, asked.words, house.prompt_format)
            report = await conversation.text_turn(
                asked.words, person, to=to, instructions=offered.told, grammar=offered.grammar
            )
            if report.outcome == "done":
                session.called(asked.response_id, *offered.read(report.chosen))
            return report
        response = session.active
        assert response is not None
        voice = self._voice = self._voice_of(asked, response.settings.output_format) if asked.aloud else None
        by_ear = self._utterances.get(asked.item_ids[0]) if len(asked.item_ids) == 1 else None
        told = asked.instructions
        if told and not house.prompt_format.prose:
            house.counters.add("instructions_ignored_total")
        if by_ear is not None:
            return await conversation.heard_turn(by_ear, person, voice, to=to, instructions=told)
        if asked.words:
            return await conversation.text_turn(
                asked.words, person, to=to, publisher=voice, instructions=told
            )
        return await conversation.unasked_turn(to, voice, instructions=told)

    def _voice_of(self, asked: Answer, audio_format: Format) -> Voice:
        session, flush = self._inside.session, self._inside.flush
        self._reports.came.clear()

        def take(data: bytes) -> None:
            session.sounded(asked.response_id, data)
            flush()

        def all_sent() -> None:
            session.all_sent(asked.response_id, self._written)
            flush()

        led = self._inside.house.audience.led_by(self._listener)
        return Voice(led, self._listener, audio_format, self._reports, take, all_sent)

    def _ended(self, response_id: str, report: TurnReport) -> None:
        self.turn_id = 0
        cost = Cost(
            prompt_tokens=report.prompt_tokens,
            cached_tokens=report.cached_tokens,
            reply_tokens=report.reply_tokens,
            speech_tokens=report.speech_tokens,
        )
        outcome = _OUTCOMES[report.outcome]
        self._inside.session.ended(
            response_id, outcome, report.said, cost, code=report.error_code, message=report.error
        )

    async def _stop(self, turn_id: int) -> None:
        if turn_id:
            await self._inside.house.conversation.running.interrupt(turn_id)
        elif self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait([self._task])
