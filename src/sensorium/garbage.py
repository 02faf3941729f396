"""When Python looks for cyclic garbage: what was there at start never again, the rest when nobody waits.

A full collection stops a process for as long as it takes to walk through everything it holds. Young garbage
is collected as ever, in fractions of a millisecond.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from sensorium.metrics import Window

# Young ones after so many new objects, middle ones after so many of those, all after so many of these: that
# only for a process that is never idle, which would else keep its old garbage for ever.
_THRESHOLDS = (2_000, 10, 500)


class Pauses:
    """How long collections stopped this process, in ms, while `measuring`."""

    def __init__(self) -> None:
        self.young_ms = Window(4096)
        self.full_ms = Window(4096)
        self._start_s = 0.0

    @contextmanager
    def measuring(self) -> Iterator[None]:
        gc.callbacks.append(self._called)
        try:
            yield
        finally:
            gc.callbacks.remove(self._called)

    def _called(self, phase: Literal["start", "stop"], info: dict[str, int]) -> None:
        if phase == "start":
            self._start_s = time.perf_counter()
        else:
            ms = (time.perf_counter() - self._start_s) * 1000.0
            (self.full_ms if info["generation"] == 2 else self.young_ms).add(ms)

    def summary(self) -> dict[str, dict[str, float]]:
        return {"gc_young_ms": self.young_ms.summary(), "gc_full_ms": self.full_ms.summary()}


@contextmanager
def put_off() -> Iterator[None]:
    """From the end of start-up on: inside, full collections come from `collect_if_due` alone."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def collect_if_due() -> bool:
    """Call it when nobody waits. False when not even young ones were collected since the last time.

    It also gives back the tuples that Python keeps for later, up to 2,000 of each length: else they look like
    a leak.
    """
    due = any(gc.get_count()[1:])
    if due:
        gc.collect()
    return due
