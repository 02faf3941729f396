"""Given work beside a bench, when the bench ends, fails or is interrupted, then the work is over first."""

from __future__ import annotations

import asyncio

import pytest

from sensorium.bench.beside import beside

pytestmark = pytest.mark.anyio


async def test_it_is_waited_for_at_the_end() -> None:
    done: list[str] = []

    async def work() -> None:
        await asyncio.sleep(0)
        done.append("work")

    async with beside(work()):
        assert done == []
    assert done == ["work"]


async def test_it_ends_before_what_interrupted_is_told() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(KeyError):
        async with beside(work()):
            await asyncio.sleep(0)
            raise KeyError
    assert ended.is_set()


async def test_its_error_is_the_benchs() -> None:
    async def work() -> None:
        raise ValueError("the ear is gone")

    with pytest.raises(ValueError, match="the ear is gone"):
        async with beside(work()):
            await asyncio.sleep(0)
