"""Reads along while a person speaks: what was heard so far is prefilled for whoever will likely answer.

After the last sample almost nothing is left to read, and the mind says how likely the sentence is over, and
who answers it where the words call nobody. Knows nothing of sound and decides nothing: a draft of the wrong
persona only costs its own tokens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sensorium.clock import Clock
from sensorium.dialogue.names import with_names
from sensorium.dialogue.turn_taking import Opinion
from sensorium.errors import SensoriumError
from sensorium.front.adapters import AdapterTable
from sensorium.front.links import LlmLink
from sensorium.front.listening import Utterance, as_heard
from sensorium.front.room import RoomState
from sensorium.history import Entry
from sensorium.metrics import Counters
from sensorium.persona import Persona
from sensorium.prompting.view import View
from sensorium.request import Part, Prompt
from sensorium.store.people import Person
from sensorium.trace import Trace
from sensorium.wire.records import MAX_OPENINGS

# Newer than any entry that is stored.
_UNSTORED = 1 << 60


class DraftParts(NamedTuple):
    """What drafts are made of. `compose` gives the prompt as far as the newest message goes; `close` is the
    token that would end it; `openings` are how each of the room would begin to answer, as one of them reads
    it. `one_at_a_time`: of all who speak in the room."""

    room: RoomState
    llm: LlmLink
    compose: Callable[[View], Prompt]
    close: str
    openings: Callable[[Persona, Sequence[Persona]], dict[str, tuple[Part, ...]]]
    adapters: AdapterTable
    clock: Clock
    trace: Trace
    counters: Counters
    one_at_a_time: asyncio.Lock


class Drafter:
    """For one person's sound; `run` until cancelled. `to` is who must answer, if anybody was named so."""

    def __init__(self, parts: DraftParts, person: Person, to: str = "") -> None:
        self._parts = parts
        self._person = person
        self._to = to
        self._newest: tuple[Utterance, Callable[[Opinion], None]] | None = None
        self._wanted = asyncio.Event()
        # Of whom it was asked behind which words, and who was expected; a pause brings the same words again.
        self._asked: tuple[str, str] = ("", "")
        self._p_answers: tuple[tuple[str, float], ...] = ()

    def said(self, so_far: Utterance, tell: Callable[[Opinion], None]) -> None:
        """More was heard. What is not yet drafted of before is left out."""
        self._newest = so_far, tell
        self._wanted.set()

    async def run(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            if self._newest is not None:
                so_far, tell = self._newest
                async with self._parts.one_at_a_time:
                    try:
                        await self._draft(so_far, tell)
                    except SensoriumError as e:
                        # Reading along is a favour: the turn itself meets the same error and reports it.
                        self._parts.counters.add("drafts_failed_total", code=e.code)

    async def _draft(self, so_far: Utterance, tell: Callable[[Opinion], None]) -> None:
        parts = self._parts
        text = with_names(so_far.text, [p.name for p in parts.room.personas])
        heard, by_word = as_heard(so_far, text)
        persona, called = self._likely(text)
        if persona is None or not by_word:
            return
        started_s = parts.clock.now_s()
        newest = Entry(
            id=_UNSTORED,
            kind="person",
            text=text,
            speaker_id=self._person.id,
            speaker_name=self._person.name,
        )
        recalled = await parts.room.recall(persona, text)
        view = parts.room.view(persona, newest=newest, recalled=recalled, heard=heard, asked=bool(self._to))
        rows = b"".join((*(sight.data for sight in parts.room.pictures), by_word))
        adapters = await parts.adapters.ensure(persona)
        if self._asked != (persona.id, text):
            self._asked, self._p_answers = (persona.id, text), ()
        here = parts.room.personas
        ask = not called and not self._p_answers and 1 < len(here) <= MAX_OPENINGS
        openings = parts.openings(persona, here) if ask else {}
        begins = tuple(openings.values())
        drafted = await parts.llm.draft(parts.compose(view), rows, parts.close, adapters, begins)
        parts.trace.add("draft", 0, started_s, parts.clock.now_s())
        parts.counters.add("draft_tokens_total", drafted.processed_tokens)
        self._p_answers = self._p_answers or tuple(zip(openings, drafted.p_openings, strict=False))
        tell(Opinion(so_far.text, drafted.p_close, self._p_answers))

    def _likely(self, text: str) -> tuple[Persona | None, bool]:
        """Who is named or in talk with the person; else who spoke last. And was it called, so that there is
        nothing to ask?"""
        room = self._parts.room
        if self._to:
            return room.persona(self._to), True
        now = room.now()
        choice = room.floor.choose(text, now)
        chosen = choice.persona_id or now.last_persona_id
        return next((p for p in room.personas if p.id == chosen), None), choice.why == "named"
