"""One turn, from top to bottom: hear, floor, store, compose, generate, speak, publish, record, settle.

Cancelling the task that runs a turn is the only way to stop a reply; what was heard of it stays. Knows no
process, no socket and no model.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import NamedTuple

from sensorium.clock import Clock
from sensorium.dialogue.endpointing import Endpointing
from sensorium.dialogue.floor import Choice, Floor
from sensorium.dialogue.names import with_names
from sensorium.dialogue.turn import Turns, TurnState
from sensorium.errors import BadInput, ContextFull, SensoriumError
from sensorium.front.adapters import AdapterTable
from sensorium.front.links import HearingLink, LlmLink, Pcm, SpeechLink
from sensorium.front.listening import Utterance, listen
from sensorium.front.publisher import Publisher
from sensorium.front.report import Draft, TurnReport
from sensorium.front.room import RoomState
from sensorium.front.settling import Settler
from sensorium.history import MAX_ENTRY_CHARS, Entry
from sensorium.metrics import Counters
from sensorium.persona import Persona
from sensorium.prompting.view import View
from sensorium.request import Prompt
from sensorium.store import turns
from sensorium.store.people import Person
from sensorium.store.store import Store
from sensorium.trace import Stage, Trace
from sensorium.wire.records import Began, Finished, Generate, PhraseSpoken, StageTuple


class Parts(NamedTuple):
    """What a conversation is put together from; `show` writes a reply as people read it.

    Without `hearing` and `speech` it is in text only.
    """

    store: Store
    room: RoomState
    llm: LlmLink
    hearing: HearingLink | None
    speech: SpeechLink | None
    compose: Callable[[View], Prompt]
    settler: Settler | None
    show: Callable[[str], str]
    adapters: AdapterTable
    turns: Turns
    floor: Floor
    clock: Clock
    trace: Trace
    counters: Counters


class _Heard(NamedTuple):
    """Where the newest message comes from: a person, or an entry that stands in the history already."""

    person: Person | None = None
    entry: Entry | None = None
    by_ear: bool = False


class Conversation:
    """The turns of one room, one after the other."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._one_at_a_time = asyncio.Lock()

    async def text_turn(
        self, text: str, person: Person, *, to: str = "", publisher: Publisher | None = None
    ) -> TurnReport:
        """A message and its reply, spoken aloud if there is a publisher. `to` names who must answer.

        Raises BadInput for an empty or too long message, NotFound for `to`; then nothing was stored. What
        goes wrong later is in the report.
        """
        _check_text(text.strip())
        async with self._one_at_a_time:
            now_s = self._parts.clock.now_s()
            utterance = Utterance(text.strip(), now_s, now_s)
            return await self._turn(utterance, self._choose(utterance.text, to), publisher, _Heard(person))

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
        if parts.hearing is None:
            raise BadInput("this house was opened without ears")
        if to:
            parts.room.persona(to)
        utterance = await listen(parts.hearing, sound, sample_rate_hz, parts.clock, endpointing)
        _check_text(utterance.text)
        # The mind knows its name; the ear may have spelt it otherwise.
        names = [p.name for p in parts.room.personas]
        utterance = utterance._replace(text=with_names(utterance.text, names))
        async with self._one_at_a_time:
            choice = self._choose(utterance.text, to)
            return await self._turn(utterance, choice, publisher, _Heard(person, by_ear=True))

    async def follow_up(self, publisher: Publisher | None = None) -> TurnReport | None:
        """When the last thing said was a persona calling another by name, that one answers; else None."""
        parts = self._parts
        async with self._one_at_a_time:
            last = parts.room.last_entry
            if last is None or last.kind != "persona":
                return None
            choice = parts.floor.choose(last.text, parts.room.now(from_persona_id=last.speaker_id))
            if choice.persona_id is None:
                return None
            now_s = parts.clock.now_s()
            return await self._turn(Utterance(last.text, now_s, now_s), choice, publisher, _Heard(entry=last))

    async def _turn(
        self, utterance: Utterance, choice: Choice, publisher: Publisher | None, heard: _Heard
    ) -> TurnReport:
        parts = self._parts
        turn = parts.turns.open(choice.persona_id or "", utterance.text)
        draft = Draft(turn, choice.why, utterance.decided_s)
        if heard.by_ear:
            self._note_hearing(draft, utterance)
        try:
            with parts.trace.stage("store", turn.turn_id):
                newest = await self._newest(heard, utterance.text, turn.turn_id)
            if choice.persona_id is not None:
                persona = parts.room.persona(choice.persona_id)
                await self._reply(draft, persona, newest, publisher)
                await self._keep(draft, persona, newest)
            draft.silent = not turn.said.strip()
        except SensoriumError as e:
            draft.error = e
            parts.counters.add("turns_failed_total", code=e.code)
        except asyncio.CancelledError:
            draft.interrupted = True
            raise
        finally:
            parts.turns.move(turn, _end_state(draft))
            self._settle_all(first=choice.persona_id)
        return draft.finish(parts.trace.stages(turn.turn_id))

    async def _reply(
        self, draft: Draft, persona: Persona, newest: Entry, publisher: Publisher | None
    ) -> None:
        parts, turn_id = self._parts, draft.turn.turn_id
        recalled = await parts.room.recall(persona, newest.text)
        while True:
            with parts.trace.stage("compose", turn_id):
                draft.prompt = parts.compose(parts.room.view(persona, newest=newest, recalled=recalled))
            try:
                return await self._speak(draft, persona, draft.prompt, publisher)
            except ContextFull:
                # Words that the model must spell take more room than the window reckoned with.
                if not parts.room.shorten():
                    raise

    async def _speak(
        self, draft: Draft, persona: Persona, prompt: Prompt, publisher: Publisher | None
    ) -> None:
        """Two nested iterators: the mind's words inside the mouth's sounds."""
        speech, turn_id = self._parts.speech, draft.turn.turn_id
        whole = False
        try:
            async with aclosing(self._words(draft, persona, prompt)) as words:
                if publisher is None or speech is None:
                    async for _ in words:
                        pass
                else:
                    async with aclosing(speech.speak(turn_id, persona.voice, words)) as sounds:
                        async for sound in sounds:
                            await self._sound(draft, sound, publisher)
                    await publisher.played(turn_id)
            whole = True
        finally:
            await self._record(draft, persona, publisher, whole=whole)

    async def _words(self, draft: Draft, persona: Persona, prompt: Prompt) -> AsyncGenerator[str]:
        parts, turn = self._parts, draft.turn
        recipe = parts.room.room.recipe
        draft.adapters = await parts.adapters.ensure(persona)
        request = Generate(turn.turn_id, prompt, recipe.sampling, recipe.max_reply_tokens, draft.adapters)
        asked_s = parts.clock.now_s()
        async with aclosing(parts.llm.generate(request)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Began):
                    draft.usage, draft.block_tokens = piece.usage, piece.block_tokens
                elif isinstance(piece, Finished):
                    draft.usage = piece.usage
                    self._note("llm", turn.turn_id, piece.stages)
                elif not piece.special and piece.text:
                    if draft.first_words_s is None:
                        draft.first_words_s = parts.clock.now_s()
                        parts.trace.add("first_words", turn.turn_id, asked_s, draft.first_words_s)
                    turn.said += piece.text
                    yield piece.text

    async def _sound(self, draft: Draft, sound: Pcm | PhraseSpoken, publisher: Publisher) -> None:
        parts, turn = self._parts, draft.turn
        if isinstance(sound, PhraseSpoken):
            draft.spoken.phrase(sound)
            draft.num_phrases += 1
            parts.counters.add("bridge_calls_total", kind="tts")
            self._note("speech", turn.turn_id, sound.stages)
            return
        if draft.first_sound_s is None:
            parts.turns.move(turn, TurnState.SPEAKING)
            draft.first_sound_s = parts.clock.now_s()
            parts.trace.add(
                "first_sound", turn.turn_id, draft.first_words_s or draft.started_s, draft.first_sound_s
            )
        draft.pcm += sound.data
        draft.sample_rate_hz = sound.sample_rate_hz
        await publisher.send_audio(turn.turn_id, sound.data, sound.sample_rate_hz)

    async def _record(
        self, draft: Draft, persona: Persona, publisher: Publisher | None, *, whole: bool
    ) -> None:
        """Stores the reply as it was heard: all of it, or what was played before it broke off."""
        parts, turn = self._parts, draft.turn
        said, heard_samples = parts.show(turn.said.strip()), len(draft.pcm) // 2
        if publisher is None or parts.speech is None or whole:
            draft.heard_text = said
        else:
            heard_samples = min(heard_samples, publisher.heard_samples(turn.turn_id))
            draft.heard_text = parts.show(draft.spoken.heard_text(heard_samples))
        if draft.heard_text:
            with parts.trace.stage("record", turn.turn_id):
                await parts.room.said(
                    persona, draft.heard_text, turn.turn_id, spoken=said, heard_samples=heard_samples
                )

    async def _keep(self, draft: Draft, persona: Persona, newest: Entry) -> None:
        """What `sensorium explain` and the persona itself will want to know later."""
        parts = self._parts
        kept = draft.kept(parts.room.room.id, newest.at_s, parts.trace.stages(draft.turn.turn_id))
        await asyncio.wrap_future(parts.store.submit(turns.keep, kept))
        if newest.kind == "person":
            await parts.room.remember(persona, newest)

    async def _newest(self, heard: _Heard, text: str, turn_id: int) -> Entry:
        if heard.person is not None:
            return await self._parts.room.heard(heard.person, text, turn_id)
        assert heard.entry is not None
        return heard.entry

    def _choose(self, text: str, to: str) -> Choice:
        if to:
            return Choice(self._parts.room.persona(to).id, "asked")
        return self._parts.floor.choose(text, self._parts.room.now())

    def _settle_all(self, first: str | None) -> None:
        """Everybody's history grew. Whoever just spoke is the likeliest to speak next."""
        if self._parts.settler is not None:
            ids = [p.id for p in self._parts.room.personas]
            self._parts.settler.want(sorted(ids, key=lambda persona_id: persona_id != first))

    def _note_hearing(self, draft: Draft, utterance: Utterance) -> None:
        turn_id = draft.turn.turn_id
        draft.num_stt = 1
        draft.last_speech_s = utterance.last_speech_s
        self._parts.counters.add("bridge_calls_total", kind="stt")
        self._parts.trace.extend(stage._replace(turn_id=turn_id) for stage in utterance.stages)
        self._parts.trace.add("listen", turn_id, utterance.last_speech_s, utterance.decided_s)

    def _note(self, process: str, turn_id: int, stages: tuple[StageTuple, ...]) -> None:
        self._parts.trace.extend(
            Stage(process, name, turn_id, start_s, end_s) for name, start_s, end_s in stages
        )


def _end_state(draft: Draft) -> TurnState:
    if draft.interrupted:
        return TurnState.INTERRUPTED
    if draft.error is not None:
        return TurnState.FAILED
    return TurnState.SILENT if draft.silent else TurnState.DONE


def _check_text(text: str) -> None:
    if not text:
        raise BadInput("no words were understood")
    if len(text) > MAX_ENTRY_CHARS:
        raise BadInput(f"a message has at most {MAX_ENTRY_CHARS} characters, not {len(text)}")
