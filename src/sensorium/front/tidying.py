"""Collects the front's old garbage between turns, so that no turn has to wait for it."""

from __future__ import annotations

import asyncio

from sensorium import garbage
from sensorium.dialogue.turn import Turns

_EVERY_S = 1.0


async def tidy(turns: Turns) -> None:
    """Until cancelled."""
    while True:
        await asyncio.sleep(_EVERY_S)
        if turns.current is None:
            garbage.collect_if_due()
