"""How late the event loop is. It is sacred: no model, codec, image or disk work on it, and this proves it."""

from __future__ import annotations

import asyncio

from sensorium.clock import Clock
from sensorium.metrics import Counters, Window

BUDGET_MS = 16.0
_EVERY_S = 0.02


class LoopLag:
    """`run` measures until cancelled. A lag beyond the budget is counted as `loop_lag_over_budget_total`."""

    def __init__(self, clock: Clock, counters: Counters) -> None:
        self._clock = clock
        self._counters = counters
        self._lag_ms = Window(4096)

    async def run(self) -> None:
        while True:
            due_s = self._clock.now_s() + _EVERY_S
            await asyncio.sleep(_EVERY_S)
            lag_ms = max(0.0, (self._clock.now_s() - due_s) * 1000.0)
            self._lag_ms.add(lag_ms)
            if lag_ms > BUDGET_MS:
                self._counters.add("loop_lag_over_budget_total")

    def summary(self) -> dict[str, float]:
        return self._lag_ms.summary()
