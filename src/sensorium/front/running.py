"""The turn under way: who hears it, who watches it, and how it is held, resumed and stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Protocol

from sensorium.front.publisher import Publisher


class Watcher(Protocol):
    """Whoever may have to interrupt a turn."""

    def reply_started(self, turn_id: int) -> None: ...

    def reply_ended(self, turn_id: int) -> None: ...


class Running:
    """One turn of a room at a time; what is asked of another one comes too late, and nothing happens."""

    def __init__(self) -> None:
        self._watchers: list[Watcher] = []
        self._turn_id = 0
        self._task: asyncio.Task[object] | None = None
        self._publisher: Publisher | None = None
        self._holders: list[Watcher] = []

    @property
    def turn_id(self) -> int:
        """Of the turn under way, else 0."""
        return self._turn_id

    @asynccontextmanager
    async def watched(self, watcher: Watcher) -> AsyncIterator[None]:
        """Inside, `watcher` is told of every turn, first of the one under way; what it held goes on when
        it leaves."""
        self._watchers.append(watcher)
        if self._turn_id:
            watcher.reply_started(self._turn_id)
        try:
            yield
        finally:
            self._watchers.remove(watcher)
            await self.resume(self._turn_id, watcher)

    @contextmanager
    def turn(self, turn_id: int, publisher: Publisher | None) -> Iterator[None]:
        """Inside, the current task makes this turn."""
        self._turn_id, self._task, self._publisher = turn_id, asyncio.current_task(), publisher
        self._holders.clear()
        for watcher in self._watchers:
            watcher.reply_started(turn_id)
        try:
            yield
        finally:
            self._turn_id, self._task, self._publisher = 0, None, None
            for watcher in self._watchers:
                watcher.reply_ended(turn_id)

    async def hold(self, turn_id: int, watcher: Watcher) -> None:
        """The turn is silent at once, and goes on being made."""
        if turn_id == self._turn_id and self._publisher is not None:
            if watcher not in self._holders:
                self._holders.append(watcher)
            await self._publisher.hold(turn_id)

    async def resume(self, turn_id: int, watcher: Watcher) -> None:
        """For this one it may go on; it does when nobody else holds it."""
        if turn_id != self._turn_id or watcher not in self._holders:
            return
        self._holders.remove(watcher)
        if self._publisher is not None and not self._holders:
            await self._publisher.resume(turn_id)

    async def interrupt(self, turn_id: int) -> None:
        """Barge-in: the player is cleared, the turn's task cancelled; what was heard of it stays."""
        if turn_id != self._turn_id:
            return
        task, publisher = self._task, self._publisher
        if publisher is not None:
            await publisher.clear(turn_id)
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
