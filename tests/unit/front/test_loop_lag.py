"""The watchdog of the event loop, and memory by process."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time

import pytest

from sensorium.budgets import Meter
from sensorium.clock import ManualClock, SystemClock
from sensorium.front import memory
from sensorium.front.background import Background
from sensorium.front.loop_lag import BUDGET_MS, NO_CORE, LoopLag, name_of
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


async def test_a_callback_that_holds_up_the_loop_is_named(counters: Counters) -> None:
    lag = LoopLag(SystemClock(), Meter("front", counters))
    async with Background() as background:
        background.start(lag.run())
        async with asyncio.timeout(30):
            while not any("hold_up" in name for name in lag.late_in()):
                await asyncio.sleep(0.03)
                hold_up(0.1)
                await asyncio.sleep(0.03)
    [ms] = [ms for name, ms in lag.late_in().items() if "test_loop_lag:hold_up" in name]
    assert ms["max"] > BUDGET_MS


def hold_up(seconds: float) -> None:
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        pass


async def test_a_loop_that_is_on_time_is_not_looked_at(counters: Counters) -> None:
    clock = ManualClock()
    lag = LoopLag(clock, counters)
    lag.look(threading.get_ident())
    assert lag.late_in() == {}


def test_of_what_runs_the_innermost_line_of_ours_is_named() -> None:
    frames: list[str] = []

    class Spy:
        def now_s(self) -> float:
            frames.append(name_of(sys._getframe()))
            return 0.0

    LoopLag(Spy(), Counters()).look(0)  # type: ignore[arg-type]
    assert frames[0].startswith("sensorium.front.loop_lag:look:")
    assert name_of(None) == NO_CORE


def test_memory_by_process_counts_what_lives() -> None:
    found = memory.by_process({"llm": os.getpid(), "gone": 2**22 - 1})

    assert found.keys() == {"front", "llm", "total"}
    assert found["total"] == pytest.approx(found["front"] + found["llm"], abs=0.2)
