"""Opens a person's sound: a microphone, and beside it what reads along. Knows nothing of turns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

from sensorium.clock import Clock
from sensorium.dialogue.endpointing import Endpointing
from sensorium.front.captions import Captions
from sensorium.front.drafter import Drafter, DraftParts
from sensorium.front.happenings import Tell, to_nobody
from sensorium.front.links import HearingLink
from sensorium.front.microphone import Microphone
from sensorium.front.room import RoomState
from sensorium.store.people import Person


class Ears(NamedTuple):
    """Without `drafts` nothing is read before the person has finished. The recipe of `room` may have hearing
    off."""

    hearing: HearingLink
    clock: Clock
    drafts: DraftParts | None = None
    tell: Tell = to_nobody
    room: RoomState | None = None

    @asynccontextmanager
    async def open(
        self,
        sound: AsyncIterator[bytes],
        sample_rate_hz: int,
        person: Person,
        *,
        to: str = "",
        endpointing: Endpointing | None = None,
    ) -> AsyncIterator[Microphone]:
        """Mono s16le pieces. `to` is who must answer. Raises WorkerDied, and BadInput where hearing is off;
        when it is switched off, that is the end of the sound."""
        if self.room is not None:
            self.room.check_sense("hearing")
            sound = _while_on(sound, self.room)
        drafter = Drafter(self.drafts, person, to) if self.drafts is not None else None
        captions = Captions(person.id, self.tell)
        opened = Microphone.open(
            self.hearing, sound, sample_rate_hz, self.clock, endpointing, drafter, captions
        )
        async with opened as microphone:
            reading = asyncio.create_task(drafter.run()) if drafter is not None else None
            try:
                yield microphone
            finally:
                if reading is not None:
                    reading.cancel()
                    with suppress(asyncio.CancelledError):
                        await reading


async def _while_on(sound: AsyncIterator[bytes], room: RoomState) -> AsyncIterator[bytes]:
    async for pcm in sound:
        if not room.room.recipe.senses.hearing:
            return
        yield pcm
