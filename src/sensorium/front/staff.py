"""The worker processes of a house and the links to them: started together, watched, stopped together.

Decides only which are wanted. Knows nothing of rooms or turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from sensorium.budgets import Meter
from sensorium.clock import Clock
from sensorium.config import Config
from sensorium.front import memory
from sensorium.front.background import Background, all_of
from sensorium.front.happenings import Tell
from sensorium.front.line import Line
from sensorium.front.links import HearingLink, LlmLink, SpeechLink
from sensorium.front.supervisor import Link, Worker, WorkerSpec
from sensorium.front.vision_link import VisionLink
from sensorium.metrics import Counters
from sensorium.trace import Trace


class Staff:
    """A worker for hearing, speech or vision is started when it is wanted."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        counters: Counters,
        trace: Trace,
        tell: Tell,
        meter: Meter,
        *,
        hears: bool,
        speaks: bool,
        sees: bool,
        stress: tuple[float, float],
    ) -> None:
        self._config = config
        self._clock = clock
        self._counters = counters
        self._trace = trace
        self._tell = tell
        self._meter = meter
        self._stress = ("--stress", str(stress[0]), "--stress-s", str(stress[1]))
        self.llm = LlmLink(counters)
        self.hearing = HearingLink(counters) if hears else None
        self.speech = SpeechLink(counters) if speaks else None
        self.vision = VisionLink(counters) if sees else None
        self._workers: dict[str, Worker] = {}

    async def start(self, background: Background, on_model_restarted: Callable[[], None]) -> None:
        """Returns when all are ready. Raises what a worker reports that cannot start."""
        config = self._config
        bundle = ("--bundle", config.bundle, *self._stress)
        llm_arguments = (
            *bundle, "--kv-cells", str(config.kv_cells),
            "--max-sequences", str(config.max_sequences), "--threads", str(config.llm_threads),
            "--adapter-mb", str(config.adapter_mb),
        )  # fmt: skip
        wanted: list[tuple[str, tuple[str, ...], Link | None]] = [
            ("llm", llm_arguments, self.llm),
            ("hearing", (*bundle, "--engine", config.hearing), self.hearing),
            ("speech", (*bundle, "--engine", config.speech), self.speech),
            ("vision", bundle, self.vision),
        ]
        starts: list[Coroutine[Any, Any, None]] = []
        for name, arguments, link in wanted:
            if link is not None:
                on_restart = on_model_restarted if name == "llm" else None
                starts.append(self._start(name, arguments, link, background, on_restart))
        await all_of(starts)

    async def stop(self) -> None:
        await all_of([worker.stop() for worker in self._workers.values()])

    @property
    def lines(self) -> list[Line]:
        links = (self.llm, self.hearing, self.speech, self.vision)
        return [link.line for link in links if link is not None]

    def pids(self) -> dict[str, int]:
        """The processes that are alive, by worker."""
        return {name: worker.pid for name, worker in self._workers.items() if worker.pid is not None}

    async def memory(self) -> dict[str, float]:
        """MB by process, this one among them."""
        return await asyncio.to_thread(memory.by_process, self.pids())

    async def _start(
        self,
        name: str,
        arguments: tuple[str, ...],
        link: Link,
        background: Background,
        on_restart: Callable[[], None] | None,
    ) -> None:
        spec = WorkerSpec(name, arguments, Path(self._config.home) / "logs" / f"{name}.log")
        hopped = partial(self._meter.add, "hop")
        worker = Worker(spec, link, self._clock, self._counters, on_restart, self._tell, hopped)
        self._workers[name] = worker
        started_s = self._clock.now_s()
        await worker.start()
        self._trace.add(f"start_{name}", 0, started_s, self._clock.now_s())
        background.start(worker.serve())
