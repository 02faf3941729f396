"""A room in a fresh store, with fake workers behind real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from sensorium.bundles import catalogue
from sensorium.clock import ManualClock
from sensorium.dialogue.turn import Turns
from sensorium.front.adapters import AdapterTable
from sensorium.front.background import Background
from sensorium.front.conversation import Conversation, Parts
from sensorium.front.drafter import DraftParts
from sensorium.front.ears import Ears
from sensorium.front.fake import FakeEar, FakeLlm, FakeMouth, FakeProcess, connected
from sensorium.front.fake_tools import FakeTools
from sensorium.front.fake_vision import FakeVision
from sensorium.front.happenings import Happenings
from sensorium.front.links import HearingLink, LlmLink, SpeechLink
from sensorium.front.publisher import Recording
from sensorium.front.reminding import Reminders
from sensorium.front.reply import Speaker
from sensorium.front.room import RoomState
from sensorium.front.settling import Settler
from sensorium.front.tool_link import ToolLink
from sensorium.front.toolbox import Toolbox
from sensorium.front.tooling import Tooling
from sensorium.front.vision_link import VisionLink
from sensorium.metrics import Counters
from sensorium.persona import Persona
from sensorium.prompting import format as prompt_formats
from sensorium.prompting.cache import CompositionCache
from sensorium.prompting.compose import before_close
from sensorium.prompting.next_speaker import openings
from sensorium.prompting.view import View
from sensorium.request import Prompt, Tier
from sensorium.store.people import Person
from sensorium.store.store import Store
from sensorium.trace import Trace
from sensorium.voices.library import Library


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(now_s=100.0)


@pytest.fixture
def counters() -> Counters:
    return Counters()


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> Iterator[Store]:
    with Store.open(tmp_path / "house.db", clock=clock) as opened:
        yield opened


ROW_WIDTH = 3


class House:
    """A conversation with everything in front of the workers real, and the workers fake."""

    def __init__(self, store: Store, clock: ManualClock, counters: Counters, *, native: bool = False) -> None:
        self.native = native
        self.store, self.clock, self.counters = store, clock, counters
        self.llm, self.hearing, self.speech = LlmLink(counters), HearingLink(counters), SpeechLink(counters)
        self.fake_llm = FakeLlm(self._reply)
        self.fake_ear = FakeEar("maya what do you like", row_width=ROW_WIDTH if native else 0)
        self.fake_mouth = FakeMouth()
        self.vision = VisionLink(counters)
        self.tools, self.fake_tools = ToolLink(counters), FakeTools()
        self.fake_vision = FakeVision(ROW_WIDTH)
        self.reply: Callable[[Prompt], Iterable[str]] = lambda prompt: [" i", " like", " apples"]
        self.turns = Turns()
        self.library = Library(store.path.parent)
        self.trace = Trace("front", clock)
        self.sam = Person(id="sam", name="Sam")
        self.happenings = Happenings(counters)
        self.own_format: dict[str, object] = {}
        self.context_tokens = 100_000
        self.calls_itself, self.within_s, self.aloud = False, 20.0, Recording()

    async def open(self, stack: AsyncExitStack, room: str = "living-room") -> None:
        self.llm_process: FakeProcess = await stack.enter_async_context(connected(self.llm, self.fake_llm))
        ear_facts: dict[str, object] = {"row_width": ROW_WIDTH} if self.native else {}
        self.ear_process = await stack.enter_async_context(connected(self.hearing, self.fake_ear, ear_facts))
        self.mouth_process = await stack.enter_async_context(connected(self.speech, self.fake_mouth))
        facts: dict[str, object] = {"row_width": ROW_WIDTH}
        self.eye_process = await stack.enter_async_context(connected(self.vision, self.fake_vision, facts))
        self.tools_process = await stack.enter_async_context(connected(self.tools, self.fake_tools))
        self.background = await stack.enter_async_context(Background())
        tell = self.happenings.tell
        self.room = await RoomState.open(
            self.store, room, self.clock, max_chars=3_000, prose=bool(self.own_format), tell=tell
        )
        self.format = prompt_formats.from_bundle({**catalogue.find("nano").prompt, **self.own_format})
        self.cache = CompositionCache(self.clock)
        self.adapters = AdapterTable(self.llm, self.counters, self.library)
        self.settler = Settler(self.llm, self._stable, self.adapters, self.counters)
        self.background.start(self.settler.run())
        self.tooling = self._tooling()
        speaker = Speaker(
            room=self.room,
            llm=self.llm,
            speech=self.speech,
            native=self.native,
            show=lambda said: said,
            adapters=self.adapters,
            turns=self.turns,
            clock=self.clock,
            trace=self.trace,
            counters=self.counters,
            context_tokens=self.context_tokens,
            tell=tell,
            call_marks=self.format.tool_call,
        )
        self.conversation = Conversation(
            Parts(
                store=self.store,
                room=self.room,
                ears=Ears(self.hearing, self.clock, self._drafts(), tell, self.room),
                vision=self.vision,
                speaker=speaker,
                compose=self._compose,
                settler=self.settler,
                turns=self.turns,
                clock=self.clock,
                trace=self.trace,
                counters=self.counters,
                tell=tell,
                tools=self.tooling,
            )
        )
        self.background.start(self.tooling.run(self.conversation))

    def _tooling(self) -> Tooling:
        def changed() -> None:
            self.cache.forget(room_id=self.room.room.id)

        return Tooling(
            self.tools,
            Toolbox(self.tools, self.room, calls_itself=self.calls_itself, changed=changed),
            self.room,
            Reminders(self.store, self.room.room.id, self.clock),
            self.format,
            self.counters,
            self.happenings.tell,
            start=self.background.start,
            aloud=lambda: self.aloud,
            within_s=self.within_s,
        )

    def _drafts(self) -> DraftParts:
        return DraftParts(
            room=self.room,
            llm=self.llm,
            compose=lambda view: before_close(self._compose(view), self.format),
            close=self.format.message_close,
            openings=lambda reader, here: openings(reader, here, self.format),
            adapters=self.adapters,
            clock=self.clock,
            trace=self.trace,
            counters=self.counters,
            one_at_a_time=asyncio.Lock(),
        )

    def persona(self, name: str) -> Persona:
        return self.room.persona(name)

    def _reply(self, prompt: Prompt) -> Iterable[str]:
        return self.reply(prompt)

    def _compose(self, view: View) -> Prompt:
        return self.cache.compose(view, self.format)

    def _stable(self, persona_id: str) -> Prompt | None:
        found = next((p for p in self.room.personas if p.id == persona_id), None)
        return None if found is None else self._compose(self.room.view(found)).stable()


@pytest.fixture
async def house(store: Store, clock: ManualClock, counters: Counters) -> AsyncIterator[House]:
    opened = House(store, clock, counters)
    async with AsyncExitStack() as stack:
        await opened.open(stack)
        yield opened


@pytest.fixture
async def native_house(store: Store, clock: ManualClock, counters: Counters) -> AsyncIterator[House]:
    """Of a mind that hears and speaks itself."""
    opened = House(store, clock, counters, native=True)
    async with AsyncExitStack() as stack:
        await opened.open(stack)
        yield opened


def shown(prompt: Prompt, tier: Tier) -> str:
    """The tier's text, parts joined."""
    return "".join(part.text for block in prompt.blocks if block.tier is tier for part in block.parts)
