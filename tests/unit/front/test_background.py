"""Given tasks that live as long as a house, when one of them fails, then it is told at once and raised."""

from __future__ import annotations

import asyncio
import logging

import pytest

from sensorium.errors import BadInput, WorkerFailed
from sensorium.front.background import Background, beside

pytestmark = pytest.mark.anyio


async def _works_until(ended: asyncio.Event) -> None:
    """Sets it when it is cancelled."""
    try:
        await asyncio.Event().wait()
    finally:
        ended.set()


async def _fails() -> None:
    raise KeyError("a bug")


async def test_a_task_that_fails_ends_the_others_and_whoever_opened_it_and_is_told_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ended = asyncio.Event()

    async def other() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with caplog.at_level(logging.ERROR, "sensorium"), pytest.raises(WorkerFailed, match=r"KeyError.*a bug"):
        async with Background() as background:
            background.start(other())
            background.start(_fails())
            await asyncio.Event().wait()
    assert ended.is_set()
    assert "a task of the house failed" in caplog.text and "a bug" in caplog.text
    task = asyncio.current_task()
    assert task is not None and task.cancelling() == 0


async def test_what_a_task_foresaw_is_raised_as_it_is() -> None:
    async def refuses() -> None:
        raise BadInput("no such thing")

    with pytest.raises(BadInput, match="no such thing"):
        async with Background() as background:
            background.start(refuses())
            await asyncio.Event().wait()


async def test_what_fails_on_the_way_out_is_raised_there() -> None:
    async def fails_at_its_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise KeyError("a bug")

    with pytest.raises(WorkerFailed, match="a bug"):
        async with Background() as background:
            background.start(fails_at_its_end())
            await asyncio.sleep(0)
            await asyncio.sleep(0)


async def test_an_error_of_whoever_opened_it_counts_more() -> None:
    with pytest.raises(LookupError, match="mine"):
        async with Background() as background:
            background.start(_fails())
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise LookupError("mine") from None
    task = asyncio.current_task()
    assert task is not None and task.cancelling() == 0


async def test_whoever_is_cancelled_by_others_stays_cancelled() -> None:
    async def opens() -> None:
        async with Background() as background:
            background.start(_fails())
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                task.cancel()
                raise

    task = asyncio.create_task(opens())
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


async def test_what_was_started_ends_with_the_house() -> None:
    ended = asyncio.Event()

    async with Background() as background:
        background.start(_works_until(ended))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert ended.is_set()


async def test_work_beside_is_waited_for_at_the_end() -> None:
    done: list[str] = []

    async def work() -> None:
        await asyncio.sleep(0)
        done.append("work")

    async with beside(work()):
        assert done == []
    assert done == ["work"]


async def test_work_beside_ends_before_what_interrupted_is_told() -> None:
    ended = asyncio.Event()

    with pytest.raises(KeyError):
        async with beside(_works_until(ended)):
            await asyncio.sleep(0)
            raise KeyError
    assert ended.is_set()


async def test_the_error_of_work_beside_ends_the_inside_at_once() -> None:
    async def work() -> None:
        raise ValueError("the ear is gone")

    with pytest.raises(ValueError, match="the ear is gone"):
        async with beside(work()):
            await asyncio.Event().wait()
