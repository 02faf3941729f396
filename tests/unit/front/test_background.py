"""Given tasks that live as long as a house, when one of them fails, then it is told at once and raised."""

from __future__ import annotations

import asyncio
import logging

import pytest

from sensorium.front.background import Background

pytestmark = pytest.mark.anyio


async def _fails() -> None:
    raise KeyError("a bug")


async def test_a_task_that_fails_ends_the_others_is_logged_at_once_and_raised_on_the_way_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ended = asyncio.Event()

    async def other() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with caplog.at_level(logging.ERROR, "sensorium"), pytest.raises(KeyError, match="a bug"):
        async with Background() as background:
            background.start(other())
            background.start(_fails())
            async with asyncio.timeout(20):
                assert isinstance(await background.failure(), KeyError)
            assert ended.is_set()
            assert "a task of the house failed" in caplog.text and "a bug" in caplog.text


async def test_what_was_started_ends_with_the_house() -> None:
    ended = asyncio.Event()

    async def works() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with Background() as background:
        background.start(works())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert ended.is_set()
