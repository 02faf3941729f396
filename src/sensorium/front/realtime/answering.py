"""The reply under way for a Realtime client: a turn of the room becomes a response of the session.

Either the client asked for it, or the session's persona speaks on after another one, as personas may.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from sensorium.errors import SensoriumError
from sensorium.front.audience import Listener, Piece
from sensorium.front.listening import Utterance
from sensorium.front.live import carry_on
from sensorium.front.realtime import calls
from sensorium.front.realtime.inside import Inside
from sensorium.front.realtime.overheard import Overheard
from sensorium.front.realtime.response import Cost, Outcome
from sensorium.front.realtime.sound import Format
from sensorium.front.realtime.voice import Reports, Voice
from sensorium.front.realtime.wishes import Answer
from sensorium.front.report import TurnReport
from sensorium.wire.events import Event, TurnBegan, TurnEnded, Writing

_OUTCOMES: dict[str, Outcome] = {
    "done": "completed", "silent": "completed", "interrupted": "cancelled", "failed": "failed",
}  # fmt: skip
_MAX_UTTERANCES = 64


class Answering:
    """`listener` is the client among the room's, who gives `hear` every piece of sound; `turn_id` is of the
    turn that it is being answered with, 0 between two of them."""

    def __init__(self, inside: Inside, listener: Listener) -> None:
        self._inside = inside
        self._listener = listener
        self._reports = Reports()
        self._utterances: dict[str, Utterance] = {}  # what was heard, by item
        self._task: asyncio.Task[None] | None = None  # that makes the reply under way
        self._following: asyncio.Task[None] | None = None  # that makes the answers of those it calls
        self._following_id = 0  # the newest of their turns
        self._voice: Voice | None = None
        self._overheard: Overheard | None = None
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
        if (reply := self._overheard or self._voice) is not None:
            reply.heard_until(ms)

    def reply_ms(self, samples: int) -> float:
        """How long so many samples of the reply's sound are."""
        reply = self._overheard or self._voice
        return reply.ms_of(samples) if reply is not None else 0.0

    async def end(self) -> None:
        """Nobody is there any more to hear it."""
        for turn_id in {self.turn_id, self._following_id} - {0}:
            await self._inside.house.conversation.running.interrupt(turn_id)

    def told(self, event: Event) -> None:
        """What happens in the room."""
        if isinstance(event, TurnBegan) and asyncio.current_task() is self._following:
            self._following_id = event.turn_id
        match event:
            case TurnBegan(turn_id=turn_id) if asyncio.current_task() is self._task:
                self.turn_id = turn_id
            case TurnBegan() if self._speaks_on(event):
                self._overhear(event.turn_id)
            case TurnEnded(turn_id=turn_id) if self._overheard and turn_id == self._overheard.turn_id:
                self._overheard_all(self._overheard)
            case Writing(turn_id=turn_id, text=text) if turn_id == self.turn_id:
                self._written = text
                if (response := self._inside.session.active) is not None:
                    self._inside.session.wrote(response.id, text)
                    self._inside.flush()

    def hear(self, piece: Piece) -> None:
        """What everybody in the room hears."""
        if (overheard := self._overheard) is not None and piece.turn_id == overheard.turn_id:
            self._inside.session.sounded(overheard.response_id, overheard.hear(piece))
            self._inside.flush()

    def _speaks_on(self, began: TurnBegan) -> bool:
        """Does the session's persona speak because another one called it, or the recipe has it next?"""
        return (
            began.persona_id == self._inside.persona.id
            and not began.person_id
            and began.why not in ("asked", "tool")
        )

    def _overhear(self, turn_id: int) -> None:
        session = self._inside.session
        if (response := session.unasked()) is None:
            # It waits for its turn behind this one.
            self._inside.house.counters.add("replies_not_overheard_total")
            return
        audio_format = response.settings.output_format
        self._overheard = Overheard(turn_id, response.id, audio_format, self._listener)
        self.turn_id, self._written = turn_id, ""
        self._inside.flush()

    def _overheard_all(self, overheard: Overheard) -> None:
        self._inside.session.sounded(overheard.response_id, overheard.rest())
        self._overheard = None
        report = self._inside.house.conversation.last_report
        assert report is not None and report.turn_id == overheard.turn_id
        self._ended(overheard.response_id, report)
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
            if report.outcome == "done" and not asked.tools:
                self._following = self._inside.start(self._follow_up(aloud=asked.aloud))
        finally:
            self._inside.flush()

    async def _follow_up(self, *, aloud: bool) -> None:
        """Whoever speaks on does so in the room, which hears it; the client hears its own persona only."""
        led = self._inside.house.audience.led_by(self._listener) if aloud else None
        conversation = self._inside.house.conversation
        await carry_on(lambda: conversation.follow_up(led), lambda report: None)

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
