"""Brings what every persona will read next into the model's memory, in the background.

One prompt at a time and the newest wish wins, so a lively conversation never piles up old prompts. Knows who
is waiting, not what the prompts hold.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from sensorium.errors import SensoriumError
from sensorium.front.adapters import AdapterTable
from sensorium.front.links import LlmLink
from sensorium.metrics import Counters
from sensorium.request import Prompt


class Settler:
    """`compose` gives a persona's stable prompt as it stands when its time has come; None: it has left."""

    def __init__(
        self,
        llm: LlmLink,
        compose: Callable[[str], Prompt | None],
        adapters: AdapterTable,
        counters: Counters,
    ) -> None:
        self._llm = llm
        self._compose = compose
        self._adapters = adapters
        self._counters = counters
        self._wanted: dict[str, None] = {}
        self._wakes = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._num_waiting = 0
        self._paused = False
        self._may_go_on = asyncio.Event()
        self._may_go_on.set()

    def want(self, persona_ids: Iterable[str]) -> None:
        """In this order, behind whoever waits already."""
        for persona_id in persona_ids:
            self._wanted[persona_id] = None
        if self._wanted:
            self._idle.clear()
            self._wakes.set()

    def want_first(self, first: str | None, persona_ids: Iterable[str]) -> None:
        """Everybody's history grew. Whoever just spoke is the likeliest to speak next."""
        self.want(sorted(persona_ids, key=lambda persona_id: persona_id != first))

    async def idle(self) -> None:
        """Returns when everything that was wanted is in memory, or has failed. Who waits is not paused."""
        self._num_waiting += 1
        self._gate()
        try:
            await self._idle.wait()
        finally:
            self._num_waiting -= 1
            self._gate()

    def pause(self, paused: bool) -> None:
        """While paused nothing new is begun: what people wait for needs the machine more."""
        self._paused = paused
        self._gate()

    def _gate(self) -> None:
        if self._paused and not self._num_waiting:
            self._may_go_on.clear()
        else:
            self._may_go_on.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._wakes.wait()
            while self._wanted:
                await self._may_go_on.wait()
                persona_id = next(iter(self._wanted))
                del self._wanted[persona_id]
                await self._settle(persona_id)
            self._wakes.clear()
            self._idle.set()

    async def _settle(self, persona_id: str) -> None:
        prompt = self._compose(persona_id)
        if prompt is None:
            return
        try:
            processed = await self._llm.settle(prompt, self._adapters.of(persona_id))
        except SensoriumError as e:
            # The next turn pays for it and says so in its own numbers.
            self._counters.add("settles_failed_total", code=e.code)
        else:
            self._counters.add("settles_total")
            self._counters.add("settled_tokens_total", processed)
