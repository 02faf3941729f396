"""Tasks that live as long as the house. Knows nothing of what they do.

A TaskGroup in a task of its own, so that an error of the house's user is raised as it is, not in a group.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from types import TracebackType
from typing import Any, Self

_logger = logging.getLogger("sensorium")


class Background:
    """`async with`: whatever was started ends on the way out; a bug in one of them is raised there."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Coroutine[Any, Any, None]] = asyncio.Queue()
        self._host: asyncio.Task[None] | None = None

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        self._queue.put_nowait(work)

    async def failure(self) -> BaseException:
        """Waits until one of them fails, and returns its error. Then none of them runs any more."""
        assert self._host is not None
        await asyncio.wait({self._host})
        error = self._host.exception()
        assert isinstance(error, BaseExceptionGroup)  # it has no other end while we are inside
        return first_of(error)

    async def __aenter__(self) -> Self:
        self._host = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._host is not None
        self._host.cancel()
        try:
            await self._host
        except asyncio.CancelledError:
            if not self._host.cancelled():
                raise
        except BaseExceptionGroup as group:
            if error is None:
                raise first_of(group) from group
        finally:
            while not self._queue.empty():
                self._queue.get_nowait().close()

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    tasks.create_task(await self._queue.get())
        except BaseExceptionGroup as group:
            # It is raised on the way out, which may be far: until then the house stands without its tasks.
            _logger.error("a task of the house failed, and all ended with it", exc_info=first_of(group))
            raise


async def all_of(work: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Runs everything at once; the first error cancels the rest and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for coroutine in work:
                tasks.create_task(coroutine)
    except BaseExceptionGroup as group:
        raise first_of(group) from None


def first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first plain error inside."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
