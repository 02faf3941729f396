"""The worker processes of a house and the links to them: started together, watched, stopped together.

Decides only which are wanted. Knows nothing of rooms or turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from sensorium.budgets import Meter
from sensorium.clock import Clock
from sensorium.config import Config
from sensorium.errors import SensoriumError
from sensorium.front import memory
from sensorium.front.background import Background, all_of
from sensorium.front.happenings import Tell
from sensorium.front.line import Line
from sensorium.front.links import HearingLink, LlmLink, SpeechLink
from sensorium.front.supervisor import READY_TIMEOUT_S, Link, Worker, WorkerSpec
from sensorium.front.tool_link import ToolLink
from sensorium.front.vision_link import VisionLink
from sensorium.metrics import Counters
from sensorium.trace import Trace

# A package that wants longer to be imported is one that hangs.
_TOOLS_READY_S = 20.0
# MCP servers that are slower to start are there later.
TOOLS_SETTLED_S = 3.0


class Staff:
    """A worker for hearing, speech, vision or tools is started when it is wanted; that of the mind unless
    nobody `thinks`."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        counters: Counters,
        trace: Trace,
        tell: Tell,
        meter: Meter,
        *,
        thinks: bool = True,
        hears: bool,
        speaks: bool,
        sees: bool,
        tools: bool,
        logs: Path | None = None,
        stress: tuple[float, float],
    ) -> None:
        self._config = config
        self._clock = clock
        self._counters = counters
        self._trace = trace
        self._tell = tell
        self._logs = logs or Path(config.home) / "logs"
        self._meter = meter
        self._stress = ("--stress", str(stress[0]), "--stress-s", str(stress[1]))
        self.llm = LlmLink(counters)
        self._thinks = thinks
        self.hearing = HearingLink(counters) if hears else None
        self.speech = SpeechLink(counters) if speaks else None
        self.vision = VisionLink(counters) if sees else None
        self.tools = ToolLink(counters) if tools else None
        self._workers: dict[str, Worker] = {}

    async def start(
        self,
        background: Background,
        on_model_restarted: Callable[[], None],
        *,
        tools_s: float = TOOLS_SETTLED_S,
    ) -> None:
        """Returns when all are ready, MCP servers after `tools_s` at the latest. Raises what a worker reports
        that cannot start."""
        config = self._config
        bundle = ("--bundle", config.bundle, *self._stress)
        llm_arguments = (
            *bundle, "--kv-cells", str(config.kv_cells),
            "--max-sequences", str(config.max_sequences), "--threads", str(config.llm_threads),
            "--adapter-mb", str(config.adapter_mb),
        )  # fmt: skip
        wanted: list[tuple[str, tuple[str, ...], Link | None]] = [
            ("llm", llm_arguments, self.llm if self._thinks else None),
            ("hearing", (*bundle, "--engine", config.hearing), self.hearing),
            ("speech", (*bundle, "--engine", config.speech), self.speech),
            ("vision", bundle, self.vision),
        ]
        starts: list[Coroutine[Any, Any, None]] = []
        for name, arguments, link in wanted:
            if link is not None:
                on_restart = on_model_restarted if name == "llm" else None
                starts.append(self._start(name, arguments, link, background, on_restart))
        if self.tools is not None:
            starts.append(self._start_tools(self.tools, background, tools_s))
        await all_of(starts)

    async def stop(self) -> None:
        await all_of([worker.stop() for worker in self._workers.values()])

    @property
    def lines(self) -> list[Line]:
        links = (self.llm, self.hearing, self.speech, self.vision, self.tools)
        return [link.line for link in links if link is not None]

    def pids(self) -> dict[str, int]:
        """The processes that are alive, by worker."""
        return {name: worker.pid for name, worker in self._workers.items() if worker.pid is not None}

    async def memory(self) -> dict[str, float]:
        """MB by process, this one among them."""
        return await asyncio.to_thread(memory.by_process, self.pids())

    async def _start_tools(self, link: ToolLink, background: Background, settled_s: float) -> None:
        """A room without them is better than none: whoever asks for one is told why."""
        try:
            arguments = ("--home", self._config.home)
            await self._start("tools", arguments, link, background, None, _TOOLS_READY_S)
        except SensoriumError as e:
            del self._workers["tools"]
            self._counters.add("tools_missing_total", code=e.code)
            return link.line.down(e, for_good=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(settled_s):
                await link.settled.wait()
        return None

    async def _start(
        self,
        name: str,
        arguments: tuple[str, ...],
        link: Link,
        background: Background,
        on_restart: Callable[[], None] | None,
        ready_timeout_s: float = READY_TIMEOUT_S,
    ) -> None:
        spec = WorkerSpec(name, arguments, self._logs / f"{name}.log", ready_timeout_s)
        hopped = partial(self._meter.add, "hop")
        worker = Worker(spec, link, self._clock, self._counters, on_restart, self._tell, hopped)
        self._workers[name] = worker
        started_s = self._clock.now_s()
        await worker.start()
        self._trace.add(f"start_{name}", 0, started_s, self._clock.now_s())
        background.start(worker.serve())
