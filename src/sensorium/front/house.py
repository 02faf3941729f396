"""The whole house behind one `async with`: store, workers, one room, its conversation.

Puts the parts together and asks them how they are. Decides nothing about turns.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sensorium import garbage, priority
from sensorium.budgets import Meter
from sensorium.clock import Clock, SystemClock
from sensorium.config import Config
from sensorium.dialogue.endpointing import Endpointing
from sensorium.errors import BadInput
from sensorium.front.adapters import AdapterTable
from sensorium.front.background import Background
from sensorium.front.capture import captured
from sensorium.front.frames import Frames
from sensorium.front.happenings import Happenings
from sensorium.front.live import Live
from sensorium.front.loop_lag import LoopLag
from sensorium.front.monitor import Monitor
from sensorium.front.open_room import Around, OpenRoom
from sensorium.front.publisher import Publisher
from sensorium.front.report import TurnReport
from sensorium.front.staff import Staff
from sensorium.front.tidying import tidy
from sensorium.front.vision_link import Sight
from sensorium.metrics import Counters
from sensorium.refusals import RefusalLog
from sensorium.store import people
from sensorium.store.people import Person
from sensorium.store.store import Store
from sensorium.trace import Trace
from sensorium.voices.library import Library


class House:
    """One room of one home folder. A worker for hearing, speech, vision or tools is started when wanted.

    `stress`, for benches: model calls take so many times as long, for so many seconds (0: always).
    On entering: raises StoreError, NotFound for the room, and what a worker reports when it cannot start
    (BundleError, MissingExtra, WorkerFailed). On leaving no process stays behind.
    """

    def __init__(
        self,
        config: Config,
        *,
        room: str = "",
        hears: bool = True,
        speaks: bool = True,
        sees: bool = False,
        tools: bool = False,
        clock: Clock | None = None,
        stress: tuple[float, float] = (1.0, 0.0),
    ) -> None:
        self.config = config
        self.clock = clock or SystemClock()
        self.counters = Counters()
        self.trace = Trace("front", self.clock)
        self.happenings = Happenings(self.counters)
        tell = self.happenings.tell
        self._meter = Meter("front", self.counters)
        self._staff = Staff(
            config, self.clock, self.counters, self.trace, tell, self._meter,
            hears=hears, speaks=speaks, sees=sees, tools=tools, stress=stress,
        )  # fmt: skip
        self.llm, self.hearing = self._staff.llm, self._staff.hearing
        self.speech, self.vision = self._staff.speech, self._staff.vision
        self.adapters = AdapterTable(self.llm, self.counters, Library(Path(config.home), config.bundle))
        self.lag = LoopLag(self.clock, self._meter)
        self._frames = Frames(self.clock, self.counters)
        self.pauses = garbage.Pauses()
        self.refusals = RefusalLog(self.clock, logging.getLogger("sensorium").warning)
        self._around = Around(self.clock, self.trace, self.counters, self.refusals, tell)
        self._room_id = room or config.room
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self.store = await asyncio.to_thread(Store.open, self.config.store_path, clock=self.clock)
            stack.push_async_callback(asyncio.to_thread, self.store.close)
            stack.push_async_callback(self._staff.stop)
            self._background = await stack.enter_async_context(Background())
            self._background.start(self.lag.run())
            await self._staff.start(self._background, self._model_restarted)
            await self._open_room()
            stack.enter_context(self.pauses.measuring())
            stack.enter_context(garbage.put_off())
            stack.enter_context(priority.before_others())
            self._background.start(tidy(self._open.turns))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, traceback)

    # -- turns ---------------------------------------------------------------------------------------

    async def turn_text(
        self, text: str, *, person: str = "", to: str = "", publisher: Publisher | None = None
    ) -> TurnReport:
        """See `Conversation.text_turn`; `person` is the configured one when not named."""
        someone = self.room.person(person or self.config.person)
        return await self.conversation.text_turn(text, someone, to=to, publisher=publisher, tools=True)

    async def turn_voice(
        self,
        sound: AsyncIterator[bytes],
        sample_rate_hz: int,
        publisher: Publisher,
        *,
        person: str = "",
        to: str = "",
        hands_free: bool = False,
    ) -> TurnReport:
        """See `Conversation.voice_turn`. `hands_free`: a silence ends the turn, not the end of `sound`."""
        someone = self.room.person(person or self.config.person)
        endpointing = self._open.endpointing() if hands_free else None
        return await self.conversation.voice_turn(
            sound, sample_rate_hz, someone, publisher, to=to, endpointing=endpointing
        )

    async def converse(
        self,
        sound: AsyncIterator[bytes],
        sample_rate_hz: int,
        publisher: Publisher,
        *,
        person: str = "",
        to: str = "",
        push_to_talk: bool = False,
        told: Callable[[TurnReport], None] = lambda report: None,
    ) -> None:
        """An open microphone until `sound` ends; see `Live`. `push_to_talk`: all of it is one message.

        Several people may have one open at once. Raises NotFound, BadInput, WorkerDied.
        """
        someone = self.room.person(person or self.config.person)
        if (ears := self.conversation.ears) is None:
            raise BadInput("this house was opened without ears")
        endpointing = None if push_to_talk else self._open.endpointing()
        live = Live(self.conversation, someone, publisher, self.counters, told, to=to)
        heard = captured(sound, sample_rate_hz, self.counters)
        async with ears.open(heard, sample_rate_hz, someone, to=to, endpointing=endpointing) as microphone:
            await live.run(microphone)

    def endpointing(self) -> Endpointing:
        """How long a silence ends what a person says here."""
        return self._open.endpointing()

    async def look(self, picture: bytes) -> Sight:
        """See `Conversation.look`."""
        return await self.conversation.look(picture)

    async def watch(
        self, frames: AsyncIterator[bytes], looked: Callable[[int], None] = lambda number: None
    ) -> None:
        """See `Camera.run`."""
        if self._open.camera is None:
            raise BadInput("this house was opened without eyes")
        await self._open.camera.run(frames, looked)

    def touch(self, message: bytes, *, person: str = "") -> None:
        """See `TouchPad.take`. Raises NotFound for the person."""
        self._open.touch_pad.take(self.room.person(person or self.config.person), message)

    async def follow_up(self, publisher: Publisher | None = None) -> TurnReport | None:
        """See `Conversation.follow_up`."""
        return await self.conversation.follow_up(publisher)

    async def use_adapter(self, persona: str, path: Path, scale: float = 1.0) -> None:
        """The persona answers with this GGUF LoRA (an absolute path) from now on.

        Raises NotFound, or AdapterError when the file is no adapter or was made for another model.
        """
        await self.adapters.assign(self.room.persona(persona).id, str(path), scale)

    async def person_called(self, name: str) -> Person:
        """Somebody of that name, known or new. Raises BadInput when the name cannot be used."""
        return await asyncio.wrap_future(self.store.submit(people.called, name))

    async def come_in(self, person: Person) -> bool:
        """As a guest, from now on; False when they were there already. Raises BadInput when it is full."""
        if any(here.id == person.id for here in self.room.room.people):
            return False
        await self.room.join(person.id, guest=True)
        self._open.prompts_changed()
        return True

    async def join(self, name: str) -> None:
        """Raises NotFound or BadInput."""
        await self.room.join(name)
        await self.adapters.ensure_all(self.room.personas)
        self._open.prompts_changed()

    async def leave(self, name: str) -> None:
        """Raises NotFound."""
        await self.room.leave(name)
        self._open.prompts_changed()

    async def use_recipe(self, name: str) -> None:
        """The room is played by it from the next turn on. Raises NotFound with the nearest."""
        await self.room.use_recipe(name)
        if self._open.tooling is not None:
            self._open.tooling.box.refresh()
        self._open.prompts_changed()

    async def warm(self, *persona_ids: str) -> None:
        """Brings stable prompts into memory, all when none is named; returns when that is done."""
        self._open.settler.want(persona_ids or [p.id for p in self.room.personas])
        await self._open.settler.idle()

    async def settled(self) -> None:
        """Returns when the background work after the last turn is done."""
        await self._open.settler.idle()

    async def tools_idle(self) -> None:
        """Returns when no tool is at work any more, and what they gave was said."""
        if self._open.tooling is not None:
            await self._open.tooling.idle()

    def pids(self) -> dict[str, int]:
        """The worker processes that are alive, by worker."""
        return self._staff.pids()

    def workers_up(self) -> tuple[tuple[str, ...], bool]:
        """Those that answer now, and whether that is all of them."""
        up = tuple(line.worker for line in self._staff.lines if line.is_up)
        return up, len(up) == len(self._staff.lines)

    def measured(self) -> dict[str, Any]:
        """What `stats` says, as it was at most a second or so ago and without its memory by process."""
        return self._monitor.values

    async def stats(self) -> dict[str, Any]:
        """Memory by process and by kind, hit rates, cells, parked prefixes: what the parts say."""
        values = {line.worker: await line.inspect() for line in self._staff.lines}
        return {"memory": await self._staff.memory(), **self._monitor.taken(values), **self._facts()}

    def _facts(self) -> dict[str, Any]:
        return {
            "composition_cache": self._open.compositions.stats(),
            "loop_lag_ms": self.lag.summary(),
            "loop_late_in_ms": self.lag.late_in(),
            **self.pauses.summary(),
            "personas": [p.id for p in self.room.personas],
        }

    async def _open_room(self) -> None:
        self._open = await OpenRoom.open(
            self.config, self.store, self._room_id, self._staff, self.adapters, self._frames, self._around,
            self._background,
        )  # fmt: skip
        self.room, self.conversation = self._open.state, self._open.conversation
        self.audience, self.prompt_format = self._open.audience, self._open.prompt_format
        self._background.start(self._open.settler.run())
        if (tooling := self._open.tooling) is not None:
            self._background.start(tooling.run(self.conversation))
        self._monitor = Monitor(
            self._staff.lines, self.trace, self._meter, self.counters, self.clock, [self._frames.quality],
            self._open.settler, Path(self.config.home), self._facts,
        )  # fmt: skip
        self._background.start(self._monitor.run())

    def _model_restarted(self) -> None:
        self._background.start(self._open.fill_again())
