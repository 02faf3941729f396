"""What runs beside a bench: an open microphone, a camera."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def beside(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Waits for all of it at the end. On Ctrl-C, or when the inside fails, it is cancelled: it is over before
    the house is."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
