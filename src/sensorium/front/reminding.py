"""What tools want said in this room later: kept in the store, and given back when its time has come.

Several processes may have the same room open; each thing is given to one of them. Knows no tool.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from sensorium.clock import Clock
from sensorium.store import reminders
from sensorium.store.reminders import Reminder
from sensorium.store.store import Store
from sensorium.wire.records import SaidLater, ToolAnswer

# What another process has added is seen after so long.
LOOK_EVERY_S = 20.0


class Reminders:
    """Of one room."""

    def __init__(self, store: Store, room_id: str, clock: Clock) -> None:
        self._store = store
        self._room_id = room_id
        self._clock = clock
        self._changed = asyncio.Event()

    async def pending(self, tool: str) -> tuple[SaidLater, ...]:
        """Of this tool, soonest first. Raises StoreError."""
        now_s = self._clock.wall_s()
        return tuple(SaidLater(r.due_at - now_s, r.text) for r in await self._all() if r.tool == tool)

    async def change(self, tool: str, persona_id: str, answer: ToolAnswer) -> None:
        """On disk when this returns. Raises BadInput when too much waits already, StoreError."""
        if not answer.later and not answer.forget:
            return
        now_s = self._clock.wall_s()
        added = [(now_s + later.after_s, later.text) for later in answer.later]
        await asyncio.wrap_future(
            self._store.submit(reminders.change, self._room_id, persona_id, tool, added, forget=answer.forget)
        )
        self._changed.set()

    async def due(self) -> Reminder:
        """Waits for the next one; whoever gets it says it. Raises StoreError."""
        while True:
            self._changed.clear()
            waiting = await self._all()
            left_s = waiting[0].due_at - self._clock.wall_s() if waiting else LOOK_EVERY_S
            if left_s > 0.0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(left_s, LOOK_EVERY_S)):
                        await self._changed.wait()
            elif await asyncio.wrap_future(self._store.submit(reminders.claim, waiting[0].id)):
                return waiting[0]

    async def _all(self) -> list[Reminder]:
        return await asyncio.wrap_future(self._store.read(reminders.pending, self._room_id))
