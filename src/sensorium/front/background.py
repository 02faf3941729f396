"""Tasks that live as long as the house. Knows nothing of what they do.

A TaskGroup in a task of its own, so that an error of the house's user is raised as it is, not in a group.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

from sensorium.errors import SensoriumError, WorkerFailed

_logger = logging.getLogger("sensorium")


class Background:
    """`async with`: whatever was started ends on the way out. An error in one of them ends all, and cancels
    the task that entered; on its way out it is raised, as WorkerFailed where nobody foresaw it."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Coroutine[Any, Any, None]] = asyncio.Queue()
        self._host: asyncio.Task[None] | None = None
        self._opener: asyncio.Task[Any] | None = None
        self._leaving = False

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        self._queue.put_nowait(work)

    async def __aenter__(self) -> Self:
        self._opener = asyncio.current_task()
        self._host = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._host is not None
        has_failed = self._host.done()  # and cancelled the opener, then
        self._leaving = True
        self._host.cancel()
        try:
            await self._host
        except asyncio.CancelledError:
            if not self._host.cancelled():
                raise
        except BaseExceptionGroup as group:
            # Whoever else wanted the opener to stop counts more, and so does an error of its own.
            others_too = has_failed and self._opener is not None and self._opener.uncancel() > 0
            ours = has_failed and not others_too and isinstance(error, asyncio.CancelledError)
            if error is None or ours:
                raise _for_people(first_of(group)) from group
        finally:
            while not self._queue.empty():
                self._queue.get_nowait().close()

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    tasks.create_task(await self._queue.get())
        except BaseExceptionGroup as group:
            _logger.error("a task of the house failed, and all ended with it", exc_info=first_of(group))
            if self._opener is not None and not self._leaving:
                self._opener.cancel()
            raise


def _for_people(error: BaseException) -> BaseException:
    if isinstance(error, SensoriumError) or not isinstance(error, Exception):
        return error
    return WorkerFailed(f"a task of the room failed: {error!r}", remedy="start it again; the log says more")


@asynccontextmanager
async def beside(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs it beside the inside, and waits for all of it at the end. The first error, there or inside,
    cancels the rest and is raised as it is; so does Ctrl-C: it is over before whoever is outside goes on."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for coroutine in work:
                tasks.create_task(coroutine)
            yield
    except BaseExceptionGroup as group:
        raise first_of(group) from None


async def all_of(work: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Runs everything at once; the first error cancels the rest and is raised as it is."""
    async with beside(*work):
        pass


def first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first plain error inside."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
