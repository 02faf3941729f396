"""The room's news: whoever is part of it tells what happens, whoever wants to know is told, nobody waits.

Knows nothing of what an event means.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager

from sensorium.metrics import Counters
from sensorium.wire.events import Event

MAX_WAITING = 1_024

Tell = Callable[[Event], None]


def to_nobody(event: Event) -> None:
    """For a conversation that nobody follows from outside."""


class Subscription:
    """The events from `subscribe` on, by `async for`. It ends, with `cut_off` true, when so many wait that
    whoever listens has surely stopped."""

    def __init__(self) -> None:
        self._waiting: deque[Event] = deque()
        self._changed = asyncio.Event()
        self.cut_off = False

    def take(self, event: Event) -> bool:
        """False when it is one too many."""
        self.cut_off = self.cut_off or len(self._waiting) >= MAX_WAITING
        if not self.cut_off:
            self._waiting.append(event)
        self._changed.set()
        return not self.cut_off

    async def __aiter__(self) -> AsyncGenerator[Event]:
        while True:
            while self._waiting:
                yield self._waiting.popleft()
            if self.cut_off:
                return
            self._changed.clear()
            await self._changed.wait()


class Happenings:
    """Counts `listeners_cut_off_total`."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._takers: list[Tell] = []

    def tell(self, event: Event) -> None:
        """Everybody has it, in the order in which it was told, when this returns."""
        for take in tuple(self._takers):
            take(event)

    @contextmanager
    def told_to(self, take: Tell) -> Iterator[None]:
        """Inside, `take` is called with every event; it must neither wait nor raise."""
        self._takers.append(take)
        try:
            yield
        finally:
            self._takers.remove(take)

    @contextmanager
    def subscribe(self) -> Iterator[Subscription]:
        """Inside, every event waits to be read, at most `MAX_WAITING`."""
        subscription = Subscription()

        def take(event: Event) -> None:
            was_cut_off = subscription.cut_off
            if not subscription.take(event) and not was_cut_off:
                self._counters.add("listeners_cut_off_total")

        with self.told_to(take):
            yield subscription
