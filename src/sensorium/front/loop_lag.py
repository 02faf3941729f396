"""How late the event loop is. It is sacred: no model, codec, image or disk work on it, and this proves it.

Always on. asyncio names slow callbacks in debug mode only, and uvloop not at all, so a thread looks fifty
times a second whether the loop is overdue, and only then at what it is doing.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from sensorium.budgets import BY_STAGE, Meter
from sensorium.clock import Clock
from sensorium.metrics import Window

BUDGET_MS = BY_STAGE["loop_lag"].ms
# Nothing was running when the loop was late: the front itself had to wait, or the machine stood still.
NO_CORE = "waiting for a core"
_EVERY_S = 0.02
_MAX_NAMES = 32


class LoopLag:
    """`run` measures until cancelled. A lag beyond the budget is counted by the `meter`, and laid at the door
    of whatever ran then."""

    def __init__(self, clock: Clock, meter: Meter) -> None:
        self._clock = clock
        self._meter = meter
        self._lag_ms = Window(4096)
        self._late_in: dict[str, Window] = {}
        self._due_s = 0.0
        self._seen = ""

    async def run(self) -> None:
        with self._watched(threading.get_ident()):
            while True:
                self._seen = ""
                self._due_s = self._clock.now_s() + _EVERY_S
                await asyncio.sleep(_EVERY_S)
                lag_ms = max(0.0, (self._clock.now_s() - self._due_s) * 1000.0)
                self._lag_ms.add(lag_ms)
                self._meter.add("loop_lag", lag_ms)
                if lag_ms > BUDGET_MS:
                    self._blame(self._seen or "unseen", lag_ms)

    def summary(self) -> dict[str, float]:
        return self._lag_ms.summary()

    def late_in(self) -> dict[str, dict[str, float]]:
        """Lags beyond the budget in ms by what ran then ("module:function:line"), the worst first."""
        found = {name: window.summary() for name, window in self._late_in.items()}
        return dict(sorted(found.items(), key=lambda item: -item[1]["max"]))

    def look(self, thread_id: int) -> None:
        """What does the loop's thread do, if the loop is overdue? From any thread."""
        if (self._clock.now_s() - self._due_s) * 1000.0 > BUDGET_MS / 2:
            self._seen = self._seen or name_of(sys._current_frames().get(thread_id))

    def _blame(self, name: str, lag_ms: float) -> None:
        if name in self._late_in or len(self._late_in) < _MAX_NAMES:
            self._late_in.setdefault(name, Window(64)).add(lag_ms)

    @contextmanager
    def _watched(self, thread_id: int) -> Iterator[None]:
        over = threading.Event()

        def watch() -> None:
            while not over.wait(_EVERY_S):
                self.look(thread_id)

        self._due_s = self._clock.now_s() + _EVERY_S
        threading.Thread(target=watch, name="loop-watchdog", daemon=True).start()
        try:
            yield
        finally:
            over.set()


def name_of(frame: FrameType | None) -> str:
    """Where a thread is: the innermost line of ours, else the innermost of all that the loop called."""
    names = []
    while frame is not None:
        module = str(frame.f_globals.get("__name__", "?"))
        if module.partition(".")[0] in ("asyncio", "uvloop"):
            break
        names.append((module, f"{module}:{frame.f_code.co_name}:{frame.f_lineno}"))
        frame = frame.f_back
    ours = [name for module, name in names if module.startswith("sensorium.")]
    return (ours or [name for _, name in names] or [NO_CORE])[0]
