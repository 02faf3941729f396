"""One room with everything in it put together: its state, its conversation and what works beside that.

Decides nothing about turns. Knows no process: the links to the workers come from outside.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from sensorium.clock import Clock
from sensorium.config import Config
from sensorium.dialogue.endpointing import Endpointing
from sensorium.dialogue.turn import Turns
from sensorium.errors import WorkerFailed
from sensorium.front.adapters import AdapterTable
from sensorium.front.audience import Audience
from sensorium.front.background import Background
from sensorium.front.conversation import Conversation, Parts
from sensorium.front.drafter import DraftParts
from sensorium.front.ears import Ears
from sensorium.front.frames import Frames
from sensorium.front.happenings import Tell
from sensorium.front.reminding import Reminders
from sensorium.front.reply import Speaker
from sensorium.front.room import RoomState
from sensorium.front.settling import Settler
from sensorium.front.staff import Staff
from sensorium.front.toolbox import Toolbox
from sensorium.front.tooling import Tooling
from sensorium.front.touching import TouchPad
from sensorium.front.watching import Camera
from sensorium.metrics import Counters
from sensorium.prompting import format as prompt_formats
from sensorium.prompting.cache import CompositionCache
from sensorium.prompting.compose import before_close
from sensorium.prompting.format import PromptFormat
from sensorium.prompting.next_speaker import openings
from sensorium.prompting.view import View
from sensorium.prompting.words import written
from sensorium.refusals import RefusalLog
from sensorium.request import Prompt
from sensorium.store import messages
from sensorium.store.store import Store
from sensorium.trace import Trace

# The longest silence inside a sentence is so much longer than the one that ends it.
_UNSURE_MORE_MS = 600
# How much of the conversation a prompt shows, per token of context. A spoken word is a token and about five
# characters; the rest is for identity, reply, and words that the model must spell.
_CHARS_PER_TOKEN = 1.0


class Around(NamedTuple):
    """What everything in the room measures with and tells of itself through."""

    clock: Clock
    trace: Trace
    counters: Counters
    refusals: RefusalLog
    tell: Tell


class OpenRoom:
    """Made by `open`."""

    def __init__(
        self,
        config: Config,
        store: Store,
        state: RoomState,
        turns: Turns,
        prompt_format: PromptFormat,
        staff: Staff,
        adapters: AdapterTable,
        frames: Frames,
        around: Around,
        background: Background,
    ) -> None:
        clock, trace, counters, refusals, tell = self._around = around
        self._config = config
        self._staff = staff
        self._adapters = adapters
        self._turns = turns
        self.state = state
        self.prompt_format = prompt_format
        self.compositions = CompositionCache(clock)
        self.settler = Settler(staff.llm, self._compose_stable, adapters, counters)
        self.audience = Audience(clock, turns, tell)
        self.tooling = self._tooling(store, background) if staff.tools is not None else None
        self.touch_pad = TouchPad(state, clock, trace, counters, refusals)
        self.camera = (
            Camera(staff.vision, state, clock, trace, counters, refusals, frames) if staff.vision else None
        )
        self.conversation = Conversation(
            Parts(
                store=store,
                room=state,
                ears=self._ears(),
                vision=staff.vision,
                speaker=self._speaker(),
                compose=self._compose,
                settler=self.settler if config.settle else None,
                turns=turns,
                clock=clock,
                trace=trace,
                counters=counters,
                tell=tell,
                tools=self.tooling,
            )
        )

    @classmethod
    async def open(
        cls,
        config: Config,
        store: Store,
        room_id: str,
        staff: Staff,
        adapters: AdapterTable,
        frames: Frames,
        around: Around,
        background: Background,
    ) -> OpenRoom:
        """Raises NotFound for the room, WorkerFailed when the model does not say what it reads."""
        ready = staff.llm.line.ready
        assert ready is not None
        if "prompt" not in ready.facts or "context_tokens" not in ready.facts:
            raise WorkerFailed("the language model process did not say how it wants its prompt")
        prompt_format = prompt_formats.from_bundle(ready.facts["prompt"])
        state = await RoomState.open(
            store,
            room_id,
            around.clock,
            max_chars=round(int(ready.facts["context_tokens"]) * _CHARS_PER_TOKEN),
            prose=prompt_format.prose,
            tell=around.tell,
        )
        await adapters.ensure_all(state.personas)
        last_turn_id = await asyncio.wrap_future(store.read(messages.last_turn_id))
        turns = Turns(last_turn_id + 1)
        return cls(config, store, state, turns, prompt_format, staff, adapters, frames, around, background)

    @property
    def turns(self) -> Turns:
        return self._turns

    def prompts_changed(self) -> None:
        """Those that name who is here, or the recipe before, are of no use any more."""
        self.compositions.forget(room_id=self.state.room.id)
        self.refill()

    async def fill_again(self) -> None:
        """The model has forgotten everything."""
        await self._adapters.ensure_all(self.state.personas)
        self.refill()

    def refill(self) -> None:
        if self._config.settle:
            self.settler.want(p.id for p in self.state.personas)

    def endpointing(self) -> Endpointing:
        """The silence that ends a turn; a bridge must have heard all of the sentence by then."""
        ready = self._staff.hearing.line.ready if self._staff.hearing is not None else None
        least_ms = int(ready.facts.get("utterance_end_ms", 0)) if ready is not None else 0
        sure_ms = max(self._config.endpoint_silence_ms, least_ms)
        return Endpointing(sure_ms=sure_ms, unsure_ms=sure_ms + _UNSURE_MORE_MS)

    def _ears(self) -> Ears | None:
        if self._staff.hearing is None:
            return None
        clock, trace, counters, _, tell = self._around
        drafts = DraftParts(
            room=self.state,
            llm=self._staff.llm,
            compose=lambda view: before_close(self._compose(view), self.prompt_format),
            close=self.prompt_format.message_close,
            openings=lambda reader, here: openings(reader, here, self.prompt_format),
            adapters=self._adapters,
            clock=clock,
            trace=trace,
            counters=counters,
            one_at_a_time=asyncio.Lock(),
        )
        reads_along = drafts.close and self._config.read_along
        return Ears(self._staff.hearing, clock, drafts if reads_along else None, tell, self.state)

    def _speaker(self) -> Speaker:
        speech, mind = self._staff.speech, self._staff.llm.line.ready
        assert mind is not None
        mouth = speech.line.ready if speech is not None else None
        clock, trace, counters, _, tell = self._around
        return Speaker(
            room=self.state,
            llm=self._staff.llm,
            speech=speech,
            native=mouth is not None and mouth.facts.get("engine") == "codec",
            show=self._show,
            adapters=self._adapters,
            turns=self._turns,
            clock=clock,
            trace=trace,
            counters=counters,
            context_tokens=int(mind.facts["context_tokens"]),
            tell=tell,
            call_marks=self.prompt_format.tool_call,
        )

    def _tooling(self, store: Store, background: Background) -> Tooling:
        link, ready = self._staff.tools, self._staff.llm.line.ready
        assert link is not None and ready is not None
        clock, _, counters, _, tell = self._around
        calls_itself = bool(ready.facts.get("capabilities", {}).get("tools"))
        return Tooling(
            link,
            Toolbox(link, self.state, calls_itself=calls_itself, changed=self.prompts_changed),
            self.state,
            Reminders(store, self.state.room.id, clock),
            self.prompt_format,
            counters,
            tell,
            start=background.start,
            aloud=lambda: self.audience.to_all() if self._staff.speech is not None else None,
        )

    def _compose(self, view: View) -> Prompt:
        return self.compositions.compose(view, self.prompt_format)

    def _compose_stable(self, persona_id: str) -> Prompt | None:
        persona = next((p for p in self.state.personas if p.id == persona_id), None)
        return None if persona is None else self._compose(self.state.view(persona)).stable()

    def _show(self, said: str) -> str:
        """A reply as people write it, whatever form the model speaks in."""
        if self.prompt_format.text_form != "spoken":
            return said
        room = self.state.room
        return written(said, [*(p.name for p in room.personas), *(p.name for p in room.people)])
