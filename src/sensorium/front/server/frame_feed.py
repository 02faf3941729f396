"""A page's camera as a stream of frames: the newest wins, and a frame is known by its number."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator

_REMEMBERED = 256


class FrameFeed:
    """`push` never waits; out by `async for`, one listener."""

    def __init__(self) -> None:
        self._newest: tuple[int, bytes] | None = None
        self._taken: deque[tuple[int, int]] = deque(maxlen=_REMEMBERED)
        self._num_taken = 0
        self._over = False
        self._changed = asyncio.Event()

    def push(self, number: int, jpeg: bytes) -> None:
        self._newest = (number, jpeg)
        self._changed.set()

    def end(self) -> None:
        self._over = True
        self._changed.set()

    def number(self, at: int) -> int:
        """The page's number of the frame that was taken as number `at`, from 0; -1 when it is long ago."""
        return next((number for taken_at, number in self._taken if taken_at == at), -1)

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        while True:
            if self._newest is not None:
                number, jpeg = self._newest
                self._newest = None
                self._taken.append((self._num_taken, number))
                self._num_taken += 1
                yield jpeg
            elif self._over:
                return
            else:
                self._changed.clear()
                await self._changed.wait()
