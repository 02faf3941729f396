"""One turn, from top to bottom: hear, floor, store, compose, generate, speak, publish, record, settle.

Cancelling the task that runs a turn is the only way to stop a reply; what was heard of it stays. Knows no
process, no socket and no model.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from sensorium.clock import Clock
from sensorium.dialogue.endpointing import Endpointing
from sensorium.dialogue.floor import CALLED, Choice
from sensorium.dialogue.names import with_names
from sensorium.dialogue.turn import Turns
from sensorium.errors import BadInput, ContextFull, SensoriumError
from sensorium.front.ears import Ears
from sensorium.front.happenings import Tell, to_nobody
from sensorium.front.listening import Utterance, as_heard, typed
from sensorium.front.publisher import Publisher
from sensorium.front.reply import Speaker
from sensorium.front.report import Draft, TurnReport
from sensorium.front.room import RoomState
from sensorium.front.running import Running
from sensorium.front.settling import Settler
from sensorium.front.source import Source, check_text
from sensorium.front.tooling import Result, Tooling
from sensorium.front.vision_link import Sight, VisionLink
from sensorium.history import Entry
from sensorium.metrics import Counters
from sensorium.persona import Persona
from sensorium.prompting.view import View
from sensorium.request import Prompt
from sensorium.store import turns
from sensorium.store.people import Person
from sensorium.store.store import Store
from sensorium.trace import Stage, Trace
from sensorium.wire.events import TurnBegan


class Parts(NamedTuple):
    """What a conversation is made of. Nobody is heard without `ears`, nothing seen without `vision`."""

    store: Store
    room: RoomState
    ears: Ears | None
    vision: VisionLink | None
    speaker: Speaker
    compose: Callable[[View], Prompt]
    settler: Settler | None
    turns: Turns
    clock: Clock
    trace: Trace
    counters: Counters
    tell: Tell = to_nobody
    tools: Tooling | None = None


class Conversation:
    """The turns of one room, one after the other. `last_report` is of the last turn, interrupted or not."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._one_at_a_time = asyncio.Lock()
        self.running = Running()
        self.last_report: TurnReport | None = None

    async def idle(self) -> None:
        """Returns when no turn is under way."""
        async with self._one_at_a_time:
            return

    @property
    def ears(self) -> Ears | None:
        return self._parts.ears

    async def text_turn(
        self,
        text: str,
        person: Person,
        *,
        to: str = "",
        publisher: Publisher | None = None,
        instructions: str = "",
        grammar: str = "",
        tools: bool = False,
    ) -> TurnReport:
        """A message and its reply, spoken aloud if there is a publisher. `to` names who must answer;
        `instructions` are for this reply only, and for minds that read prose. With a `grammar` nothing is
        said: the report's `chosen` is what the mind picked of it. `tools`: the room's may be used for it.

        Raises BadInput for an empty or too long message, NotFound for `to`; then nothing was stored. What
        goes wrong later is in the report.
        """
        check_text(text.strip())
        async with self._one_at_a_time:
            utterance = typed(self._parts.clock, text.strip())
            source = Source(person, None, None, instructions, grammar, tools)
            return await self._turn(utterance, self._choose(utterance, to), publisher, source)

    async def voice_turn(
        self,
        sound: AsyncIterator[bytes],
        sample_rate_hz: int,
        person: Person,
        publisher: Publisher,
        *,
        to: str = "",
        endpointing: Endpointing | None = None,
    ) -> TurnReport:
        """The same from mono s16le pieces. Without `endpointing` the end of `sound` is the end of the turn.

        Raises BadInput also when no words were understood.
        """
        parts = self._parts
        if parts.ears is None:
            raise BadInput("this house was opened without ears")
        if to:
            parts.room.persona(to)
        opened = parts.ears.open(sound, sample_rate_hz, person, to=to, endpointing=endpointing)
        async with opened as microphone:
            utterance = await microphone.utterance()
        return await self.heard_turn(utterance, person, publisher, to=to, tools=True)

    async def heard_turn(
        self,
        utterance: Utterance,
        person: Person,
        publisher: Publisher | None,
        *,
        to: str = "",
        instructions: str = "",
        tools: bool = False,
    ) -> TurnReport:
        """What a microphone heard, and its reply. Raises BadInput when no words were understood."""
        check_text(utterance.text)
        # The mind knows its name; the ear may have spelt it otherwise.
        here = [p.name for p in self._parts.room.personas]
        named = utterance._replace(text=with_names(utterance.text, here))
        async with self._one_at_a_time:
            source = Source(person, by_ear=utterance, instructions=instructions, tools=tools)
            return await self._turn(named, self._choose(named, to), publisher, source)

    async def unasked_turn(
        self, to: str, publisher: Publisher | None = None, *, instructions: str = ""
    ) -> TurnReport:
        """That persona answers whatever stands last in the history, who came in included.

        Raises NotFound, and BadInput when that was itself, or there is nothing yet.
        """
        parts = self._parts
        async with self._one_at_a_time:
            choice, last = Choice(parts.room.persona(to).id, "asked"), parts.room.last_entry
            if last is None or last.speaker_id == choice.persona_id:
                raise BadInput("there is nothing to answer yet", remedy="say something first")
            source = Source(None, last, None, instructions)
            return await self._turn(typed(parts.clock, last.text), choice, publisher, source)

    async def tool_turn(
        self, to: str, results: tuple[Result, ...], publisher: Publisher | None = None
    ) -> TurnReport:
        """That persona says, unasked, what tools gave. Raises NotFound when it is not here any more."""
        parts = self._parts
        async with self._one_at_a_time:
            choice = Choice(parts.room.persona(to).id, "tool")
            source = Source(entry=parts.room.last_entry, tools=True, results=results)
            return await self._turn(typed(parts.clock, ""), choice, publisher, source)

    async def look(self, picture: bytes) -> Sight:
        """Everybody in the room sees the picture, a JPEG or PNG file, from now on, until another one comes.

        Raises BadInput when it is none, WorkerDied; then what was in view stays.
        """
        parts = self._parts
        if parts.vision is None:
            raise BadInput("this house was opened without eyes")
        parts.room.check_sense("vision")
        with parts.trace.stage("vision.frame"):
            sight = await parts.vision.look(picture)
            parts.room.see(sight)
        parts.trace.extend(Stage("vision", name, 0, start_s, end_s) for name, start_s, end_s in sight.stages)
        return sight

    async def follow_up(self, publisher: Publisher | None = None) -> TurnReport | None:
        """The turn of whoever speaks on after what was said last, by the room's recipe; None: nobody does."""
        parts = self._parts
        async with self._one_at_a_time:
            choice, entry = parts.room.follow()
            if entry is None or choice.persona_id is None:
                return None
            return await self._turn(typed(parts.clock, entry.text), choice, publisher, Source(entry=entry))

    async def _turn(
        self, utterance: Utterance, choice: Choice, publisher: Publisher | None, source: Source
    ) -> TurnReport:
        parts = self._parts
        turn = parts.turns.open(choice.persona_id or "", utterance.text)
        draft = Draft(turn, choice.why, utterance.decided_s, grammar=source.grammar)
        parts.counters.add("floor_choices_total", why=choice.why)
        parts.trace.add(f"floor.{choice.why}", turn.turn_id, draft.started_s, draft.started_s)
        person_id = source.person.id if source.person is not None else ""
        parts.tell(TurnBegan(turn.turn_id, turn.persona_id, choice.why, person_id))
        if source.by_ear:
            self._note_hearing(draft, utterance)
        try:
            with self.running.turn(turn.turn_id, publisher):
                with parts.trace.stage("store", turn.turn_id):
                    newest = await self._newest(source, utterance.text, draft)
                if choice.persona_id is not None:
                    persona = parts.room.persona(choice.persona_id)
                    if parts.tools is not None and source.tools:
                        newest = await parts.tools.take_part(
                            draft, persona, newest, source.results, publisher
                        )
                    await self._reply(draft, persona, newest, source, publisher)
                    await self._keep(draft, persona, newest)
                    if parts.tools is not None and source.tools:
                        parts.tools.follow(draft, persona, publisher)
                    if not turn.said.strip():
                        parts.room.asked.passes(persona.id)
            draft.silent = not turn.said.strip()
        except SensoriumError as e:
            draft.error = e
            parts.counters.add("turns_failed_total", code=e.code)
        except asyncio.CancelledError:
            draft.interrupted = True
            raise
        finally:
            parts.turns.move(turn, draft.end_state())
            parts.trace.add("turn", turn.turn_id, utterance.last_speech_s, parts.clock.now_s())
            if parts.settler is not None:
                parts.settler.want_first(choice.persona_id, [p.id for p in parts.room.personas])
            self.last_report = draft.finish(parts.trace.stages(turn.turn_id))
            parts.tell(self.last_report.ended())
        return self.last_report

    async def _reply(
        self,
        draft: Draft,
        persona: Persona,
        newest: Entry,
        source: Source,
        publisher: Publisher | None,
    ) -> None:
        parts, turn_id = self._parts, draft.turn.turn_id
        recalled = await parts.room.recall(persona, newest.text)
        by_ear = source.by_ear if newest.kind == "person" else None
        heard, by_word = as_heard(by_ear, newest.text) if by_ear else ((), b"")
        while True:
            with parts.trace.stage("compose", turn_id):
                # Who must say one of a grammar's sentences cannot be silent anyway.
                view = parts.room.view(
                    persona, newest=newest, recalled=recalled, heard=heard, instructions=source.instructions,
                    asked=draft.why == "asked" and not source.grammar, again=newest is source.entry,
                )  # fmt: skip
                draft.prompt, draft.recipe = parts.compose(view), view.recipe
                # As in the prompt: what is in view comes before what was just said.
                rows = b"".join((*(sight.data for sight in parts.room.pictures), by_word))
                draft.in_view = parts.room.in_view
            try:
                return await parts.speaker.speak(draft, persona, draft.prompt, rows, publisher)
            except ContextFull:
                # Words that the model must spell take more room than the window reckoned with.
                if not parts.room.shorten():
                    raise

    async def _keep(self, draft: Draft, persona: Persona, newest: Entry) -> None:
        """What `sensorium explain` and the persona itself will want to know later."""
        parts = self._parts
        kept = draft.kept(parts.room.room.id, newest.at_s, parts.trace.stages(draft.turn.turn_id))
        await asyncio.wrap_future(parts.store.submit(turns.keep, kept))
        if newest.kind == "person":
            await parts.room.remember(persona, newest)

    async def _newest(self, source: Source, text: str, draft: Draft) -> Entry:
        if source.person is not None:
            room, called = self._parts.room, draft.why in CALLED
            return await room.heard(source.person, text, draft.turn.turn_id, called=called)
        return source.entry or Entry(id=0, kind="event", text=text)

    def _choose(self, utterance: Utterance, to: str) -> Choice:
        if to:
            return Choice(self._parts.room.persona(to).id, "asked")
        room = self._parts.room
        return room.floor.choose(utterance.text, room.now(), dict(utterance.p_answers))

    def _note_hearing(self, draft: Draft, utterance: Utterance) -> None:
        turn_id = draft.turn.turn_id
        draft.last_speech_s = utterance.last_speech_s
        if utterance.by_bridge:
            draft.num_stt = 1
            self._parts.counters.add("bridge_calls_total", kind="stt")
        self._parts.trace.extend(stage._replace(turn_id=turn_id) for stage in utterance.stages)
        self._parts.trace.add("listen", turn_id, utterance.last_speech_s, utterance.decided_s)
