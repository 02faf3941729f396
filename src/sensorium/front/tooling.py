"""A room's tools in its turns: who asks for one, what becomes of the call, and how its answer is said.

A mind that makes calls of its own is told of the tools; for all others the words of a message are looked at.
A turn waits a second for a tool; what comes later has a turn of its own. Knows no process and no tool.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from sensorium.errors import BadInput, NotFound, SensoriumError
from sensorium.front.happenings import Tell
from sensorium.front.publisher import Publisher
from sensorium.front.reminding import Reminders
from sensorium.front.report import Draft, TurnReport
from sensorium.front.room import RoomState
from sensorium.front.tool_link import ToolCall, ToolLink
from sensorium.front.toolbox import Toolbox, Wanted
from sensorium.history import Entry
from sensorium.metrics import Counters
from sensorium.persona import Persona
from sensorium.prompting import tool_calls
from sensorium.prompting.format import PromptFormat
from sensorium.prompting.tool_calls import MAX_CALLS
from sensorium.prompting.words import spoken
from sensorium.wire.events import ToolCalled, ToolEnded, ToolOutcome
from sensorium.wire.records import CallTool

# So long a turn waits for a tool.
WITHIN_S = 1.0
# In a closed world an answer is spoken as it is; more words would be a speech.
MAX_SAID_WORDS = 48
# Calls that a mind makes of its own after one another, before a person says something again.
MAX_IN_A_ROW = 4
WAIT_WORDS, FAILED_WORDS = "Please wait.", "Sorry, I can not do that."


class Result(NamedTuple):
    """What a call came to. `words` are for people; `told` is for minds that read."""

    words: str
    told: str


class _Due(NamedTuple):
    """To be said by that persona in a turn of its own."""

    persona_id: str
    results: tuple[Result, ...]
    publisher: Publisher | None


class Says(Protocol):
    async def tool_turn(
        self, to: str, results: tuple[Result, ...], publisher: Publisher | None = None
    ) -> TurnReport: ...


@dataclass(slots=True)
class _Call:
    call_id: int
    wanted: Wanted
    persona_id: str
    begun: ToolCall | None = None


class Tooling:
    """`start` runs what outlives a turn; `aloud` is where what nobody asked for is said.

    Counts `tool_calls_total{tool,outcome}` and `tool_turns_lost_total{code}`.
    """

    def __init__(
        self,
        link: ToolLink,
        box: Toolbox,
        room: RoomState,
        reminders: Reminders,
        prompt_format: PromptFormat,
        counters: Counters,
        tell: Tell,
        *,
        start: Callable[[Coroutine[Any, Any, None]], None],
        aloud: Callable[[], Publisher | None] = lambda: None,
        within_s: float = WITHIN_S,
    ) -> None:
        self._link, self.box, self._room, self._reminders = link, box, room, reminders
        self._format, self._counters, self._tell = prompt_format, counters, tell
        self._start, self._aloud, self._within_s = start, aloud, within_s
        self._due: asyncio.Queue[_Due] = asyncio.Queue()
        self._in_a_row: dict[str, int] = {}
        self._num_under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    # -- inside a turn -------------------------------------------------------------------------------

    async def take_part(
        self,
        draft: Draft,
        persona: Persona,
        newest: Entry,
        results: Sequence[Result],
        publisher: Publisher | None,
    ) -> Entry:
        """Calls the tool that the message asks for, if any; or takes the `results` of calls that were made
        before. What the mind is to answer then: the message, or what the tool gave; in a closed world the
        draft has its words."""
        if results:
            return await self._give(draft, results, newest)
        self._in_a_row.clear()
        wanted = self.box.wanted(newest.text, persona.name)
        if wanted is None:
            return newest
        call = self._called(wanted, persona, draft.turn.turn_id)
        result = await self._result(call, self._within_s)
        if result is not None:
            return await self._give(draft, (result,), newest)
        self._under_way(self._say_later([call], persona, publisher))
        draft.words = self._sayable(WAIT_WORDS)
        return newest

    async def _give(self, draft: Draft, results: Sequence[Result], newest: Entry) -> Entry:
        """Hands to the mind what tools gave: an entry to answer, or the words of its reply."""
        if not self._format.prose:
            draft.words = self._sayable(". ".join(result.words for result in results))
            return newest
        for result in results:
            newest = await self._room.happened(result.told, draft.turn.turn_id)
        return newest

    def follow(self, draft: Draft, persona: Persona, publisher: Publisher | None) -> None:
        """Carries out the calls that the mind wrote into its reply; what they give has a turn of its own."""
        written, draft.calls = draft.calls[:MAX_CALLS], []
        if not written:
            return
        num = self._in_a_row[persona.id] = self._in_a_row.get(persona.id, 0) + 1
        if num > MAX_IN_A_ROW:
            self._counters.add("tool_calls_total", tool="", outcome="refused")
            return
        calls = [self._called(_read(text), persona, draft.turn.turn_id) for text in written]
        self._under_way(self._say_later(calls, persona, publisher))

    # -- beside the turns ----------------------------------------------------------------------------

    async def run(self, conversation: Says) -> None:
        """Says what came late and what is due, in turns of their own. Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._remind())
            while True:
                due = await self._due.get()
                # A task of its own: whoever interrupts the turn ends nothing else.
                await asyncio.wait([tasks.create_task(self._say(conversation, due))])

    async def idle(self) -> None:
        """Returns when no call is under way, and what they gave was said."""
        await self._idle.wait()

    async def _say(self, conversation: Says, due: _Due) -> None:
        try:
            await conversation.tool_turn(due.persona_id, due.results, due.publisher)
        except SensoriumError as e:
            self._counters.add("tool_turns_lost_total", code=e.code)
        finally:
            self._done()

    async def _remind(self) -> None:
        while True:
            try:
                reminder = await self._reminders.due()
            except SensoriumError as e:
                self._counters.add("tool_turns_lost_total", code=e.code)
                await asyncio.sleep(self._within_s)
                continue
            self._begin()
            result = Result(reminder.text, f"{reminder.tool}: {reminder.text}")
            self._due.put_nowait(_Due(reminder.persona_id, (result,), self._aloud()))

    async def _say_later(self, calls: Sequence[_Call], persona: Persona, publisher: Publisher | None) -> None:
        results = [await self._result(call) for call in calls]
        self._begin()
        self._due.put_nowait(_Due(persona.id, tuple(r for r in results if r is not None), publisher))

    def _under_way(self, work: Coroutine[Any, Any, None]) -> None:
        self._begin()

        async def counted() -> None:
            try:
                await work
            finally:
                self._done()

        self._start(counted())

    def _begin(self) -> None:
        self._num_under_way += 1
        self._idle.clear()

    def _done(self) -> None:
        self._num_under_way -= 1
        if not self._num_under_way:
            self._idle.set()

    # -- calls ---------------------------------------------------------------------------------------

    def _called(self, wanted: Wanted, persona: Persona, turn_id: int) -> _Call:
        call = _Call(self._link.next_call_id(), wanted, persona.id)
        self._tell(ToolCalled(call.call_id, turn_id, persona.id, wanted.tool, wanted.arguments))
        return call

    async def _result(self, call: _Call, within_s: float = math.inf) -> Result | None:
        """None when it has not come within that time. What goes wrong is a result, too."""
        try:
            call.begun = call.begun or await self._begun(call)
            answer = await call.begun.answer(within_s)
            if answer is None:
                return None
            await self._reminders.change(call.wanted.tool, call.persona_id, answer)
        except SensoriumError as e:
            self._ended(call, "failed", e.one_line())
            refused = isinstance(e, BadInput) and not isinstance(e, NotFound)
            said = e.message if refused and not e.message.startswith(f"{call.wanted.tool}:") else FAILED_WORDS
            return Result(said, f"{call.wanted.tool} failed: {e.one_line()}")
        except BaseException:
            self._ended(call, "dropped", "")
            raise
        self._ended(call, "done", answer.text)
        return Result(answer.text or "Ok.", f"{call.wanted.tool}: {answer.text or 'ok'}")

    async def _begun(self, call: _Call) -> ToolCall:
        tool, arguments = call.wanted
        if tool not in self.box.names:
            raise NotFound.named("tool in this room", tool[:80], self.box.names)
        pending = await self._reminders.pending(tool)
        room_id = self._room.room.id
        return await self._link.begin(
            CallTool(call.call_id, tool, arguments, room_id, call.persona_id, pending)
        )

    def _ended(self, call: _Call, outcome: ToolOutcome, text: str) -> None:
        # A name that a mind made up is no label.
        tool = call.wanted.tool if call.wanted.tool in self.box.names else ""
        self._counters.add("tool_calls_total", tool=tool, outcome=outcome)
        self._tell(ToolEnded(call.call_id, outcome, text))

    def _sayable(self, text: str) -> str:
        """As a mind may be made to say it; what would be too long ends with a sentence, or where it must."""
        if self._format.text_form != "spoken":
            return text
        words = spoken(text).split()
        if len(words) > MAX_SAID_WORDS:
            words = words[:MAX_SAID_WORDS]
            ends = [at for at, word in enumerate(words) if word == "."]
            words = words[: ends[-1]] if ends else words
        if not any(word != "." for word in words):
            words = spoken(FAILED_WORDS).split()
        return " ".join(words if words[-1] == "." else [*words, "."])


def _read(text: str) -> Wanted:
    """A call as a mind wrote it; one that cannot be read is of a tool that there is not, and says so."""
    try:
        return Wanted(*tool_calls.read(text))
    except BadInput:
        return Wanted(text.strip()[:80], "{}")
