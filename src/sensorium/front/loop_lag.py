"""How late the event loop is. It is sacred: no model, codec, image or disk work on it, and this proves it."""

from __future__ import annotations

import asyncio

from sensorium.budgets import Meter
from sensorium.clock import Clock
from sensorium.metrics import Window

_EVERY_S = 0.02


class LoopLag:
    """`run` measures until cancelled. A lag beyond the budget is counted by the `meter`."""

    def __init__(self, clock: Clock, meter: Meter) -> None:
        self._clock = clock
        self._meter = meter
        self._lag_ms = Window(4096)

    async def run(self) -> None:
        while True:
            due_s = self._clock.now_s() + _EVERY_S
            await asyncio.sleep(_EVERY_S)
            lag_ms = max(0.0, (self._clock.now_s() - due_s) * 1000.0)
            self._lag_ms.add(lag_ms)
            self._meter.add("loop_lag", lag_ms)

    def summary(self) -> dict[str, float]:
        return self._lag_ms.summary()
