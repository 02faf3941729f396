"""A Realtime session in the house: carries out what the session's state machine asks of the room.

A person of the room, whose every turn is for one persona. Knows nothing of sockets; `send` takes each event
as JSON and never waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, suppress

import msgspec

from sensorium.dialogue.names import with_names
from sensorium.errors import BadInput, SensoriumError
from sensorium.front.audience import Listener, Piece
from sensorium.front.house import House
from sensorium.front.listening import Utterance, at_once
from sensorium.front.realtime import calls, wishes
from sensorium.front.realtime.ear import Ear, ears_of
from sensorium.front.realtime.response import Cost, Outcome
from sensorium.front.realtime.server_events import ServerEvent
from sensorium.front.realtime.session import Session
from sensorium.front.realtime.sound import Format
from sensorium.front.realtime.voice import Reports, Voice
from sensorium.front.realtime.wishes import Answer
from sensorium.front.report import TurnReport
from sensorium.persona import Persona
from sensorium.store.people import Person
from sensorium.wire.events import Event, Hearing, Listening, TurnBegan, Writing

_OUTCOMES: dict[str, Outcome] = {
    "done": "completed", "silent": "completed", "interrupted": "cancelled", "failed": "failed",
}  # fmt: skip
_MAX_UTTERANCES = 64


class _Over(Exception):
    """Ends what is under way."""


class Connection:
    """Made for one client; `run` it."""

    def __init__(
        self, house: House, session: Session, persona: Persona, person: Person, send: Callable[[bytes], None]
    ) -> None:
        self._house = house
        self._session = session
        self._persona = persona
        self._person = person
        self._send = send
        self._reports = Reports()
        self._utterances: dict[str, Utterance] = {}  # what was heard, by item
        self._ear: tuple[Ear, asyncio.Task[None]] | None = None
        self._clips = 0
        self._next_look: tuple[bytes, str] | None = None
        self._looking = False
        self._task: asyncio.Task[None] | None = None  # that makes the reply under way
        self._voice: Voice | None = None
        self._turn_id = 0
        self._written = ""

    async def run(self, messages: AsyncIterator[str | bytes]) -> None:
        """Until the client's messages end; then what is under way for it is stopped."""
        with ExitStack() as stack:
            self._listener: Listener = stack.enter_context(self._house.audience.listening(_not_heard_here))
            stack.enter_context(self._house.happenings.told_to(self._told))
            try:
                async with asyncio.TaskGroup() as self._tasks:
                    self._flush()
                    async for message in messages:
                        self._session.receive(message)
                        self._flush()
                        # Whoever floods us shares the loop with the room.
                        await asyncio.sleep(0)
                    if self._turn_id:
                        await self._house.conversation.running.interrupt(self._turn_id)
                    raise _Over
            except* _Over:
                pass

    # -- what the ear says ------------------------------------------------------------------------------

    def ear_began(self, at_ms: float) -> None:
        self._session.speech_began(at_ms)
        self._flush()

    def ear_over(self, utterance: Utterance, start_ms: float, end_ms: float) -> None:
        item_id = self._session.speech_over(self._named(utterance.text), start_ms, end_ms)
        self._keep(item_id, utterance)
        self._flush()

    def ear_closed(self, item_id: str, utterance: Utterance) -> None:
        self._keep(item_id, utterance)
        self._session.understood(item_id, self._named(utterance.text))
        self._flush()

    def interrupting(self, turn_id: int, at_ms: float) -> None:
        if turn_id == self._turn_id:
            self._session.interrupted()
        self.ear_began(at_ms)

    # -- what the session wants -------------------------------------------------------------------------

    def _flush(self) -> None:
        for out in self._session.take():
            if isinstance(out, ServerEvent):
                self._send(msgspec.json.encode(out))
            else:
                self._do(out)

    def _do(self, wish: wishes.Action) -> None:
        match wish:
            case wishes.OpenEar():
                self._open_ear(wish)
            case wishes.Feed(pcm=pcm):
                if self._ear is not None:
                    self._ear[0].feed(pcm)
            case wishes.CloseEar(item_id=item_id):
                if self._ear is not None:
                    self._ear[0].commit(item_id)
                self._ear = None
            case wishes.DropEar():
                if self._ear is not None:
                    self._ear[1].cancel()
                self._ear = None
            case wishes.Hear():
                self._tasks.create_task(self._hear(wish))
            case wishes.Look(picture=picture, event_id=event_id):
                self._look_soon(picture, event_id)
            case wishes.Answer():
                self._turn_id, self._written, self._voice = 0, "", None
                self._task = self._tasks.create_task(self._answer(wish))
            case wishes.Stop():
                self._tasks.create_task(self._stop(self._turn_id))
            case wishes.HeardUntil(ms=ms):
                if self._voice is not None:
                    self._voice.heard_until(ms)

    def _open_ear(self, wish: wishes.OpenEar) -> None:
        detection = wish.detection
        ear = Ear(
            self,
            wish.sample_rate_hz,
            detection.endpointing(self._house.endpointing()) if detection is not None else None,
            self._house.counters,
            interrupts=detection is not None and detection.interrupt_response,
        )
        self._ear = (ear, self._tasks.create_task(self._listen(ear)))

    async def _listen(self, ear: Ear) -> None:
        try:
            await ear.run(self._house.conversation, self._person, self._persona.id)
        except SensoriumError as e:
            if self._ear is not None and self._ear[0] is ear:
                self._ear = None
            self._session.deaf(e.code, e.one_line(), ear.item_id)
            self._flush()

    async def _hear(self, wish: wishes.Hear) -> None:
        self._clips += 1
        words = ""
        try:
            ears = ears_of(self._house.conversation)
            sound = at_once(wish.pcm, wish.sample_rate_hz)
            async with ears.open(sound, wish.sample_rate_hz, self._person, to=self._persona.id) as microphone:
                utterance = await microphone.utterance()
            words = self._named(utterance.text)
            self._keep(wish.item_id, utterance)
        except SensoriumError as e:
            self._session.troubled(e.code, e.one_line(), ours=not isinstance(e, BadInput))
        finally:
            self._clips -= 1
        self._session.understood(wish.item_id, words)
        self._flush()

    def _look_soon(self, picture: bytes, event_id: str) -> None:
        """One look at a time; of pictures that wait the newest is the one that counts."""
        if self._next_look is not None:
            self._house.counters.add("skipped_frames_total", why="busy")
            self._session.looked()
        self._next_look = (picture, event_id)
        if not self._looking:
            self._looking = True
            self._tasks.create_task(self._look())

    async def _look(self) -> None:
        while (wanted := self._next_look) is not None:
            self._next_look = None
            picture, event_id = wanted
            try:
                await self._house.look(picture)
            except SensoriumError as e:
                self._session.troubled(e.code, e.one_line(), event_id, ours=not isinstance(e, BadInput))
            self._session.looked()
            self._flush()
        self._looking = False

    async def _answer(self, asked: Answer) -> None:
        try:
            report = await self._turn(asked)
        except SensoriumError as e:
            self._session.ended(
                asked.response_id, "failed", "", Cost(), code=e.code, message=e.one_line(), began=False
            )
        except asyncio.CancelledError:
            cut_off = self._house.conversation.last_report
            if cut_off is None or cut_off.turn_id != self._turn_id:
                self._session.ended(asked.response_id, "cancelled", "", Cost(), began=False)
            else:
                self._ended(asked.response_id, cut_off)
            raise
        else:
            self._ended(asked.response_id, report)
        finally:
            self._flush()

    async def _turn(self, asked: Answer) -> TurnReport:
        conversation, to = self._house.conversation, self._persona.id
        if asked.tools:
            offered = calls.offer(asked.tools, asked.words, self._house.prompt_format)
            report = await conversation.text_turn(
                asked.words, self._person, to=to, instructions=offered.told, grammar=offered.grammar
            )
            if report.outcome == "done":
                self._session.called(asked.response_id, *offered.read(report.chosen))
            return report
        response = self._session.active
        assert response is not None
        voice = self._voice = self._voice_of(asked, response.settings.output_format) if asked.aloud else None
        by_ear = self._utterances.get(asked.item_ids[0]) if len(asked.item_ids) == 1 else None
        told = asked.instructions
        if told and not self._house.prompt_format.prose:
            self._house.counters.add("instructions_ignored_total")
        if by_ear is not None:
            return await conversation.heard_turn(by_ear, self._person, voice, to=to, instructions=told)
        if asked.words:
            return await conversation.text_turn(
                asked.words, self._person, to=to, publisher=voice, instructions=told
            )
        return await conversation.unasked_turn(to, voice, instructions=told)

    def _voice_of(self, asked: Answer, audio_format: Format) -> Voice:
        self._reports.came.clear()

        def take(data: bytes) -> None:
            self._session.sounded(asked.response_id, data)
            self._flush()

        def all_sent() -> None:
            self._session.all_sent(asked.response_id, self._written)
            self._flush()

        led = self._house.audience.led_by(self._listener)
        return Voice(led, self._listener, audio_format, self._reports, take, all_sent)

    def _ended(self, response_id: str, report: TurnReport) -> None:
        self._turn_id = 0
        cost = Cost(
            prompt_tokens=report.prompt_tokens,
            cached_tokens=report.cached_tokens,
            reply_tokens=report.reply_tokens,
            speech_tokens=report.speech_tokens,
        )
        outcome = _OUTCOMES[report.outcome]
        self._session.ended(
            response_id, outcome, report.said, cost, code=report.error_code, message=report.error
        )

    async def _stop(self, turn_id: int) -> None:
        if turn_id:
            await self._house.conversation.running.interrupt(turn_id)
        elif self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait([self._task])

    # -- what happens in the room -----------------------------------------------------------------------

    def _told(self, event: Event) -> None:
        match event:
            case TurnBegan(turn_id=turn_id) if asyncio.current_task() is self._task:
                self._turn_id = turn_id
            case Writing(turn_id=turn_id, text=text) if turn_id == self._turn_id:
                self._written = text
                if (response := self._session.active) is not None:
                    self._session.wrote(response.id, text)
                    self._flush()
            case Listening(person_id=person_id) | Hearing(person_id=person_id):
                if person_id == self._person.id and self._ear is not None and not self._clips:
                    replying = bool(self._house.conversation.running.turn_id)
                    self._ear[0].told(event, replying=replying)

    def _keep(self, item_id: str, utterance: Utterance) -> None:
        self._utterances[item_id] = utterance
        while len(self._utterances) > _MAX_UTTERANCES:
            del self._utterances[next(iter(self._utterances))]

    def _named(self, words: str) -> str:
        return with_names(words, [p.name for p in self._house.room.personas])


def _not_heard_here(piece: Piece) -> None:
    """A client hears the replies to itself; those come through `Voice`."""
