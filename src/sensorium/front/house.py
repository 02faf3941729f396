"""The whole house behind one `async with`: store, workers, one room, its conversation.

Puts the parts together and asks them how they are. Decides nothing about turns.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sensorium import garbage
from sensorium.budgets import Meter
from sensorium.clock import Clock, SystemClock
from sensorium.config import Config
from sensorium.dialogue.endpointing import Endpointing
from sensorium.dialogue.floor import Floor
from sensorium.dialogue.turn import Turns
from sensorium.errors import BadInput, WorkerFailed
from sensorium.front import memory
from sensorium.front.adapters import AdapterTable
from sensorium.front.background import Background, all_of
from sensorium.front.capture import captured
from sensorium.front.conversation import Conversation, Parts
from sensorium.front.drafter import DraftParts
from sensorium.front.ears import Ears
from sensorium.front.frames import Frames
from sensorium.front.line import Line
from sensorium.front.links import HearingLink, LlmLink, SpeechLink
from sensorium.front.live import Live
from sensorium.front.loop_lag import LoopLag
from sensorium.front.monitor import Monitor
from sensorium.front.publisher import Publisher
from sensorium.front.reply import Speaker
from sensorium.front.report import TurnReport
from sensorium.front.room import RoomState
from sensorium.front.settling import Settler
from sensorium.front.supervisor import Link, Worker, WorkerSpec
from sensorium.front.tidying import tidy
from sensorium.front.touching import TouchPad
from sensorium.front.vision_link import Sight, VisionLink
from sensorium.front.watching import Camera
from sensorium.metrics import Counters
from sensorium.prompting import format as prompt_formats
from sensorium.prompting.cache import CompositionCache
from sensorium.prompting.compose import before_close
from sensorium.prompting.next_speaker import openings
from sensorium.prompting.view import View
from sensorium.prompting.words import written
from sensorium.refusals import RefusalLog
from sensorium.request import Prompt
from sensorium.store import messages
from sensorium.store.store import Store
from sensorium.trace import Trace
from sensorium.voices.library import Library

# The longest silence inside a sentence is so much longer than the one that ends it.
_UNSURE_MORE_MS = 600
# How much of the conversation a prompt shows, per token of context. A spoken word is a token and about five
# characters; the rest is for identity, reply, and words that the model must spell.
_CHARS_PER_TOKEN = 1.0


class House:
    """One room of one home folder. A worker for hearing, speech or vision is started when it is wanted.

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
        clock: Clock | None = None,
        stress: tuple[float, float] = (1.0, 0.0),
    ) -> None:
        self.config = config
        self._stress = ("--stress", str(stress[0]), "--stress-s", str(stress[1]))
        self.clock = clock or SystemClock()
        self.counters = Counters()
        self.trace = Trace("front", self.clock)
        self.llm = LlmLink(self.counters)
        self.hearing = HearingLink(self.counters) if hears else None
        self.speech = SpeechLink(self.counters) if speaks else None
        self.vision = VisionLink(self.counters) if sees else None
        self.adapters = AdapterTable(self.llm, self.counters, Library(Path(config.home), config.bundle))
        self._meter = Meter("front", self.counters)
        self.lag = LoopLag(self.clock, self._meter)
        self._frames = Frames(self.clock, self.counters)
        self.pauses = garbage.Pauses()
        self.compositions = CompositionCache(self.clock)
        self.refusals = RefusalLog(self.clock, logging.getLogger("sensorium").warning)
        self.camera: Camera | None = None
        self._room_id = room or config.room
        self._stack = AsyncExitStack()
        self._workers: dict[str, Worker] = {}

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self.store = await asyncio.to_thread(Store.open, self.config.store_path, clock=self.clock)
            stack.push_async_callback(asyncio.to_thread, self.store.close)
            stack.push_async_callback(self._stop_workers)
            self._background = await stack.enter_async_context(Background())
            self._background.start(self.lag.run())
            await self._start_workers()
            await self._open_room()
            stack.enter_context(self.pauses.measuring())
            stack.enter_context(garbage.put_off())
            self._background.start(tidy(self._turns))
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
        return await self.conversation.text_turn(text, someone, to=to, publisher=publisher)

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
        endpointing = self._endpointing() if hands_free else None
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
        told: Callable[[TurnReport], None] = lambda report: None,
    ) -> None:
        """An open microphone until `sound` ends; see `Live`. Raises NotFound, BadInput, WorkerDied."""
        someone = self.room.person(person or self.config.person)
        if (ears := self.conversation.ears) is None:
            raise BadInput("this house was opened without ears")
        live = Live(self.conversation, someone, publisher, self.counters, told)
        heard = captured(sound, sample_rate_hz, self.counters)
        async with ears.open(heard, sample_rate_hz, someone, endpointing=self._endpointing()) as microphone:
            await live.run(microphone)

    async def look(self, picture: bytes) -> Sight:
        """See `Conversation.look`."""
        return await self.conversation.look(picture)

    async def watch(self, frames: AsyncIterator[bytes]) -> None:
        """See `Camera.run`."""
        if self.camera is None:
            raise BadInput("this house was opened without eyes")
        await self.camera.run(frames)

    def touch(self, message: bytes, *, person: str = "") -> None:
        """See `TouchPad.take`. Raises NotFound for the person."""
        self._touch_pad.take(self.room.person(person or self.config.person), message)

    async def follow_up(self, publisher: Publisher | None = None) -> TurnReport | None:
        """The answer of a persona that was called by another; None when nobody was."""
        return await self.conversation.follow_up(publisher)

    async def use_adapter(self, persona: str, path: Path, scale: float = 1.0) -> None:
        """The persona answers with this GGUF LoRA (an absolute path) from now on.

        Raises NotFound, or AdapterError when the file is no adapter or was made for another model.
        """
        await self.adapters.assign(self.room.persona(persona).id, str(path), scale)

    async def join(self, name: str) -> None:
        """Raises NotFound or BadInput."""
        await self.room.join(name)
        await self.adapters.ensure_all(self.room.personas)
        self._members_changed()

    async def leave(self, name: str) -> None:
        """Raises NotFound."""
        await self.room.leave(name)
        self._members_changed()

    async def warm(self, *persona_ids: str) -> None:
        """Brings stable prompts into memory, all when none is named; returns when that is done."""
        self._settler.want(persona_ids or [p.id for p in self.room.personas])
        await self._settler.idle()

    async def settled(self) -> None:
        """Returns when the background work after the last turn is done."""
        await self._settler.idle()

    def pids(self) -> dict[str, int]:
        """The worker processes that are alive, by worker."""
        return {name: worker.pid for name, worker in self._workers.items() if worker.pid is not None}

    async def stats(self) -> dict[str, Any]:
        """Memory by process and by kind, hit rates, cells, parked prefixes: what the parts say."""
        values = {line.worker: await line.inspect() for line in self._lines()}
        held = await asyncio.to_thread(memory.by_process, self.pids())
        return {"memory": held, **self._monitor.taken(values), **self._facts()}

    def _lines(self) -> list[Line]:
        links = (self.llm, self.hearing, self.speech, self.vision)
        return [link.line for link in links if link is not None]

    def _facts(self) -> dict[str, Any]:
        return {
            "composition_cache": self.compositions.stats(),
            "loop_lag_ms": self.lag.summary(),
            "loop_late_in_ms": self.lag.late_in(),
            **self.pauses.summary(),
            "personas": [p.id for p in self.room.personas],
        }

    # -- putting together ----------------------------------------------------------------------------

    async def _start_workers(self) -> None:
        config = self.config
        bundle = ("--bundle", config.bundle, *self._stress)
        llm_arguments = (
            *bundle, "--kv-cells", str(config.kv_cells),
            "--max-sequences", str(config.max_sequences), "--threads", str(config.llm_threads),
            "--adapter-mb", str(config.adapter_mb),
        )  # fmt: skip
        starts: list[Coroutine[Any, Any, None]] = [self._start("llm", llm_arguments, self.llm)]
        if self.hearing is not None:
            starts.append(self._start("hearing", (*bundle, "--engine", config.hearing), self.hearing))
        if self.speech is not None:
            starts.append(self._start("speech", (*bundle, "--engine", config.speech), self.speech))
        if self.vision is not None:
            starts.append(self._start("vision", bundle, self.vision))
        await all_of(starts)

    async def _start(self, name: str, arguments: tuple[str, ...], link: Link) -> None:
        spec = WorkerSpec(name, arguments, Path(self.config.home) / "logs" / f"{name}.log")
        restarted = self._model_restarted if name == "llm" else None
        worker = self._workers[name] = Worker(spec, link, self.clock, self.counters, on_restart=restarted)
        started_s = self.clock.now_s()
        await worker.start()
        self.trace.add(f"start_{name}", 0, started_s, self.clock.now_s())
        self._background.start(worker.serve())

    async def _stop_workers(self) -> None:
        await all_of([worker.stop() for worker in self._workers.values()])

    async def _open_room(self) -> None:
        ready = self.llm.line.ready
        assert ready is not None
        if "prompt" not in ready.facts or "context_tokens" not in ready.facts:
            raise WorkerFailed("the language model process did not say how it wants its prompt")
        self.prompt_format = prompt_formats.from_bundle(ready.facts["prompt"])
        context_tokens = int(ready.facts["context_tokens"])
        self.room = await RoomState.open(
            self.store,
            self._room_id,
            self.clock,
            max_chars=round(context_tokens * _CHARS_PER_TOKEN),
            prose=self.prompt_format.prose,
        )
        around = (self.room, self.clock, self.trace, self.counters, self.refusals)
        self._touch_pad = TouchPad(*around)
        self.camera = Camera(self.vision, *around, self._frames) if self.vision is not None else None
        await self.adapters.ensure_all(self.room.personas)
        last_turn_id = await asyncio.wrap_future(self.store.read(messages.last_turn_id))
        self._turns = Turns(last_turn_id + 1)
        self._floor = Floor(self.room.room.recipe.floor)
        self._settler = Settler(self.llm, self._compose_stable, self.adapters, self.counters)
        self._background.start(self._settler.run())
        self._monitor = Monitor(
            self._lines(), self.trace, self._meter, self.counters, self.clock, [self._frames.quality],
            self._settler, Path(self.config.home), self._facts,
        )  # fmt: skip
        self._background.start(self._monitor.run())
        self.conversation = Conversation(
            Parts(
                store=self.store,
                room=self.room,
                ears=self._ears(),
                vision=self.vision,
                speaker=self._speaker(),
                compose=self._compose,
                settler=self._settler if self.config.settle else None,
                turns=self._turns,
                floor=self._floor,
                clock=self.clock,
                trace=self.trace,
                counters=self.counters,
            )
        )

    def _ears(self) -> Ears | None:
        if self.hearing is None:
            return None
        drafts = DraftParts(
            room=self.room,
            llm=self.llm,
            compose=lambda view: before_close(self._compose(view), self.prompt_format),
            close=self.prompt_format.message_close,
            openings=lambda reader, here: openings(reader, here, self.prompt_format),
            floor=self._floor,
            adapters=self.adapters,
            clock=self.clock,
            trace=self.trace,
            counters=self.counters,
            one_at_a_time=asyncio.Lock(),
        )
        return Ears(self.hearing, self.clock, drafts if drafts.close and self.config.read_along else None)

    def _speaker(self) -> Speaker:
        mouth = self.speech.line.ready if self.speech is not None else None
        return Speaker(
            room=self.room,
            llm=self.llm,
            speech=self.speech,
            native=mouth is not None and mouth.facts.get("engine") == "codec",
            show=self._show,
            adapters=self.adapters,
            turns=self._turns,
            clock=self.clock,
            trace=self.trace,
            counters=self.counters,
        )

    def _compose(self, view: View) -> Prompt:
        return self.compositions.compose(view, self.prompt_format)

    def _compose_stable(self, persona_id: str) -> Prompt | None:
        persona = next((p for p in self.room.personas if p.id == persona_id), None)
        return None if persona is None else self._compose(self.room.view(persona)).stable()

    def _members_changed(self) -> None:
        self.compositions.forget(room_id=self.room.room.id)
        self._refill()

    def _model_restarted(self) -> None:
        self._background.start(self._fill_again())

    async def _fill_again(self) -> None:
        await self.adapters.ensure_all(self.room.personas)
        self._refill()

    def _refill(self) -> None:
        if self.config.settle:
            self._settler.want(p.id for p in self.room.personas)

    def _show(self, said: str) -> str:
        """A reply as people write it, whatever form the model speaks in."""
        if self.prompt_format.text_form != "spoken":
            return said
        names = [*(p.name for p in self.room.personas), *(p.name for p in self.room.room.people)]
        return written(said, names)

    def _endpointing(self) -> Endpointing:
        """The silence that ends a turn; a bridge must have heard all of the sentence by then."""
        ready = self.hearing.line.ready if self.hearing is not None else None
        least_ms = int(ready.facts.get("utterance_end_ms", 0)) if ready is not None else 0
        sure_ms = max(self.config.endpoint_silence_ms, least_ms)
        return Endpointing(sure_ms=sure_ms, unsure_ms=sure_ms + _UNSURE_MORE_MS)
