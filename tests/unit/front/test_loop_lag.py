"""The watchdog of the event loop, and memory by process."""

from __future__ import annotations

import asyncio
import os

import pytest

from sensorium.budgets import Meter
from sensorium.clock import ManualClock
from sensorium.front import memory
from sensorium.front.background import Background
from sensorium.front.loop_lag import LoopLag
from sensorium.metrics import Counters

pytestmark = pytest.mark.anyio


async def test_a_late_loop_is_measured_and_counted(
    monkeypatch: pytest.MonkeyPatch, counters: Counters
) -> None:
    clock = ManualClock()
    lags_ms = iter([0.0, 5.0, 40.0])
    done = asyncio.Event()

    async def sleep(seconds: float) -> None:
        lag_ms = next(lags_ms, None)
        if lag_ms is None:
            done.set()
            await asyncio.Event().wait()
        else:
            clock.advance(seconds + lag_ms / 1000.0)

    lag = LoopLag(clock, Meter("front", counters))
    monkeypatch.setattr("sensorium.front.loop_lag.asyncio.sleep", sleep)
    async with Background() as background:
        background.start(lag.run())
        await done.wait()

    assert lag.summary()["max"] == pytest.approx(40.0)
    assert lag.summary()["count"] == 3
    assert counters.get("budget_missed_total", stage="loop_lag") == 1


def test_memory_by_process_counts_what_lives() -> None:
    found = memory.by_process({"llm": os.getpid(), "gone": 2**22 - 1})

    assert found.keys() == {"front", "llm", "total"}
    assert found["total"] == pytest.approx(found["front"] + found["llm"], abs=0.2)
