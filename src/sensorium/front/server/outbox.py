"""What waits to be sent to one page. Events are never left out, sound is; nobody in the room waits for it.

Pure, but for waking whoever sends.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple

from sensorium.metrics import Counters

# Sound comes two seconds ahead of its time; a page that is further behind will not make it up.
MAX_SOUND_BYTES = 400_000
MAX_RECORDS = 1_024


class _Waiting(NamedTuple):
    message: bytes
    num_samples: int  # 0: it is no sound


class Closed(NamedTuple):
    """Nothing more is to be sent; why, as the close frame says it."""

    code: int
    reason: str


TOO_SLOW = Closed(1013, "this page does not take what is sent to it: reload it on a better connection")


class Outbox:
    """Counts `page_dropped_samples_total`, and `listeners_cut_off_total` for a page that reads nothing."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._waiting: deque[_Waiting] = deque()
        self._num_sound_bytes = 0
        self._changed = asyncio.Event()
        self.closed: Closed | None = None

    def put(self, message: bytes) -> None:
        """A record. The one too many ends the connection."""
        if self.closed is not None:
            return
        if len(self._waiting) >= MAX_RECORDS:
            self._counters.add("listeners_cut_off_total")
            self._waiting.clear()
            return self.close(TOO_SLOW)
        self._waiting.append(_Waiting(message, 0))
        self._changed.set()

    def put_sound(self, message: bytes, num_samples: int) -> None:
        """Where too much waits, the oldest sound goes."""
        if self.closed is not None:
            return
        self._waiting.append(_Waiting(message, num_samples))
        self._num_sound_bytes += len(message)
        if self._num_sound_bytes > MAX_SOUND_BYTES:
            self._drop(self._num_sound_bytes - MAX_SOUND_BYTES)
        self._changed.set()

    def forget_sound(self) -> None:
        """The reply was cut off: what was not sent of it will not be heard."""
        self._waiting = deque(w for w in self._waiting if not w.num_samples)
        self._num_sound_bytes = 0

    def close(self, closed: Closed) -> None:
        """What waits is still sent, then the connection ends."""
        if self.closed is None:
            self.closed = closed
            self._changed.set()

    async def next(self) -> bytes | None:
        """The oldest message; None when all was sent and the box is closed."""
        while not self._waiting:
            if self.closed is not None:
                return None
            self._changed.clear()
            await self._changed.wait()
        waiting = self._waiting.popleft()
        if waiting.num_samples:
            self._num_sound_bytes -= len(waiting.message)
        return waiting.message

    def _drop(self, num_bytes: int) -> None:
        kept: deque[_Waiting] = deque()
        for waiting in self._waiting:
            if waiting.num_samples and num_bytes > 0:
                num_bytes -= len(waiting.message)
                self._num_sound_bytes -= len(waiting.message)
                self._counters.add("page_dropped_samples_total", waiting.num_samples)
            else:
                kept.append(waiting)
        self._waiting = kept
