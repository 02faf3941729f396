"""Does a worker still do its work? Decides from beats, their answers, and what it did with the cores.

What counts is time in which the front was well and the worker had a core and did not look for work. So no
front that was stalled, no machine that slept or is overloaded makes a worker look hung. One that announced a
long computation must be seen to compute. Knows no process, no socket and no clock of its own.
"""

from __future__ import annotations

from sensorium.front.core_time import Spent

EVERY_S = 0.1
MAX_ANNOUNCED_S = 30.0
# With the restart of the slowest worker below 3 s; more than any single computation takes.
HUNG_AFTER_S = 1.0


class Heartbeat:
    """One life of a worker: `beat` every `EVERY_S`, `answered` with each `Pong`."""

    def __init__(self, now_s: float) -> None:
        self._last_s = now_s
        self._stuck_s = 0.0
        self._alive = True
        self._announced_until_s = now_s

    @property
    def alive(self) -> bool:
        """Has it answered since the last beat?"""
        return self._alive

    @property
    def hung(self) -> bool:
        return self._stuck_s >= HUNG_AFTER_S

    def answered(self, *, alive: bool) -> None:
        """A `Pong` came. Only `alive` clears it: the thread that answers is not the one that computes."""
        if alive:
            self._alive = True
            self._stuck_s = 0.0

    def computing(self, now_s: float, seconds: float) -> None:
        """The worker announced a computation without a sign of life; 0: it is over."""
        self._announced_until_s = now_s + min(seconds, MAX_ANNOUNCED_S)
        self._stuck_s = 0.0

    def beat(self, now_s: float, spent: Spent) -> None:
        """Time for the next `Ping`. `spent`: since the last beat."""
        elapsed_s = now_s - self._last_s
        self._last_s = now_s
        if not self._alive and elapsed_s > 0.0:
            excused_s = spent.queued_s
            if now_s < self._announced_until_s:
                excused_s = elapsed_s if spent.reads else spent.queued_s + spent.ran_s
            # After a stall of the front, answers may lie unread: a late beat is worth no more than another.
            self._stuck_s += min(elapsed_s, EVERY_S) * max(0.0, 1.0 - excused_s / elapsed_s)
        self._alive = False
