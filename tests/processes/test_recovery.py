"""Workers of a real house that die or hang, idle or in the middle of a turn: the turn fails with a clear
error, the room goes on."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.processes.conftest import until

from sensorium.audio import to_int16
from sensorium.bench import recovery
from sensorium.bench.parts import questions
from sensorium.config import Config
from sensorium.errors import WorkerDied
from sensorium.front.house import House
from sensorium.front.listening import EAR_RATE_HZ, at_once
from sensorium.front.publisher import Recording
from sensorium.trace import Stage

pytestmark = pytest.mark.anyio

HOW = {"hung": "hung and was killed", "died": "ended"}


@pytest.fixture
def nano(tmp_path: Path) -> Config:
    # One thread: two that spin for each other starve when the machine is busy.
    return Config(home=str(tmp_path / "home"), llm_threads=1, kv_cells=4096)


async def test_every_worker_that_dies_or_hangs_while_idle_is_replaced_and_serves(nano: Config) -> None:
    found = await recovery.run("nano", 1, lambda done, total, what: None)

    assert found["workers"].keys() == {"llm", "hearing", "speech", "vision"}
    for ways in found["workers"].values():
        assert ways.keys() == {"died", "hung"}
        for times in ways.values():
            # How long it takes is for the bench; here, that noticing comes before loading, and use after it.
            assert 0.0 < times["replaced_s"]["p50"] <= times["answered_s"]["p50"]


@pytest.mark.parametrize("why", ["hung", "died"])
async def test_a_model_in_the_middle_of_a_turn(nano: Config, why: str) -> None:
    async with House(nano, hears=False, speaks=False) as house:
        before = await house.turn_text("maya hello")
        await house.settled()
        pid = house.pids()["llm"]
        os.kill(pid, signal.SIGSTOP)  # so that the turn is certainly under way
        turn = asyncio.create_task(house.turn_text("maya are you there"))
        await until(lambda: "compose" in _names(house.trace.stages(before.turn_id + 1)))
        if why == "died":
            os.kill(pid, signal.SIGKILL)
        broken = await turn
        after = await house.turn_text("maya what do you like")
        await house.settled()
        parked = (await house.stats())["workers"]["llm"]["parked"]
        restarts = house.counters.get("worker_restarts_total", worker="llm", why=why)

    assert broken.error_code == "worker_died"
    assert broken.error == f"the language model process {HOW[why]}; it is being restarted (ask again)"
    assert after.error == "" and after.said
    assert parked["persona"] == 6  # refilled in the background
    assert restarts == 1


@pytest.mark.parametrize("why", ["hung", "died"])
async def test_a_mouth_in_the_middle_of_a_turn(nano: Config, why: str) -> None:
    async with House(nano, hears=False) as house:
        pid = house.pids()["speech"]
        os.kill(pid, signal.SIGSTOP)
        turn = asyncio.create_task(house.turn_text("maya what do you like", publisher=Recording()))
        if why == "died":
            await until(lambda: "first_words" in _names(house.trace.stages()))
            os.kill(pid, signal.SIGKILL)
        broken = await turn
        after = await house.turn_text("maya what do you like", publisher=Recording())

    assert broken.error == f"the speech process {HOW[why]}; it is being restarted (ask again)"
    assert after.error == "" and len(after.pcm) > 0


@pytest.mark.parametrize("why", ["hung", "died"])
async def test_an_ear_in_the_middle_of_an_utterance(nano: Config, why: str) -> None:
    question = to_int16(questions()[0]).astype("<i2").tobytes()
    player = Recording()

    async def broken_off(pid: int) -> AsyncIterator[bytes]:
        half = len(question) // 4 * 2
        async for piece in at_once(question[:half], EAR_RATE_HZ):
            yield piece
        os.kill(pid, recovery.SIGNALS[why])
        async for piece in at_once(question[half:], EAR_RATE_HZ):
            yield piece

    async with House(nano) as house:
        with pytest.raises(WorkerDied, match=f"the hearing process {HOW[why]}; it is being restarted"):
            await house.turn_voice(broken_off(house.pids()["hearing"]), EAR_RATE_HZ, player)
        after = await house.turn_voice(at_once(question, EAR_RATE_HZ), EAR_RATE_HZ, player)

    assert after.error == "" and after.said and len(player.pcm) > 0


def _names(stages: list[Stage]) -> set[str]:
    return {stage.name for stage in stages}
