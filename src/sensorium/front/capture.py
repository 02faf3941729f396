"""Live sound between whoever records it and the turn that listens: what cannot be heard in time is dropped.

Knows nothing of ears. The stream to the ear waits while its ring is full (`EarStream.send_audio`), which
loses nothing of a recording; a person who speaks cannot be made to wait, so here the oldest sound goes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress

from sensorium.metrics import Counters

# Older sound is no conversation any more.
MAX_WAITING_S = 1.0


class CaptureBuffer:
    """Mono s16le pieces in by `push`, which never waits; out by `async for`, one listener. At most
    `max_waiting_s` wait; then the oldest pieces are dropped and counted (`mic_dropped_samples_total`)."""

    def __init__(self, sample_rate_hz: int, counters: Counters, max_waiting_s: float = MAX_WAITING_S) -> None:
        self._max_bytes = 2 * round(sample_rate_hz * max_waiting_s)
        self._counters = counters
        self._pieces: deque[bytes] = deque()
        self._num_bytes = 0
        self._over = False
        self._error: Exception | None = None
        self._changed = asyncio.Event()

    def push(self, pcm: bytes) -> None:
        """What was just recorded, of any length."""
        self._pieces.append(pcm)
        self._num_bytes += len(pcm)
        while self._num_bytes > self._max_bytes:
            excess = self._num_bytes - self._max_bytes
            oldest = self._pieces.popleft()
            # A piece longer than all that may wait keeps its end; pieces stay whole samples.
            kept = oldest[excess + excess % 2 :] if not self._pieces else b""
            if kept:
                self._pieces.append(kept)
            self._num_bytes -= len(oldest) - len(kept)
            self._counters.add("mic_dropped_samples_total", (len(oldest) - len(kept)) // 2)
        self._changed.set()

    def end(self, error: Exception | None = None) -> None:
        """No more will come. The listener gets what waits, then the end, or `error`."""
        self._over, self._error = True, error
        self._changed.set()

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        while True:
            while self._pieces:
                piece = self._pieces.popleft()
                self._num_bytes -= len(piece)
                yield piece
            if self._over:
                break
            self._changed.clear()
            await self._changed.wait()
        if self._error is not None:
            raise self._error


async def captured(
    sound: AsyncIterator[bytes], sample_rate_hz: int, counters: Counters
) -> AsyncGenerator[bytes]:
    """A source that does not wait, such as a device or a network, as one that a listener may take its time
    with. Raises what `sound` raises."""
    buffer = CaptureBuffer(sample_rate_hz, counters)
    # Not a TaskGroup: it would cancel the listener's task from inside a generator.
    pumping = asyncio.create_task(_pump(sound, buffer))
    try:
        async for piece in buffer:
            yield piece
    finally:
        pumping.cancel()
        with suppress(asyncio.CancelledError):
            await pumping


async def _pump(sound: AsyncIterator[bytes], buffer: CaptureBuffer) -> None:
    try:
        async for pcm in sound:
            buffer.push(pcm)
    except Exception as e:
        buffer.end(e)
    else:
        buffer.end()
