"""The house with real processes: turns, death in the middle of one, and a clean end however it comes."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import psutil
import pytest
from tests.processes.conftest import until

from sensorium.config import Config
from sensorium.errors import BundleError, NotFound
from sensorium.front.house import House
from sensorium.front.links import Pcm
from sensorium.front.listening import at_once
from sensorium.front.publisher import Recording
from sensorium.persona import Voice
from sensorium.store import messages
from sensorium.store.store import Store

pytestmark = pytest.mark.anyio

HOLDS_A_HOUSE = """
import asyncio, sys
from pathlib import Path
from sensorium.cli.running import run_async
from sensorium.config import Config
from sensorium.front.house import House

async def main():
    config = Config(bundle=sys.argv[1], home=sys.argv[2], llm_threads=1, kv_cells=4096)
    async with House(config, hears=False) as house:
        print(*house.pids().values(), flush=True)
        await asyncio.Event().wait()

run_async(main())
"""


def said_in(config: Config) -> list[str]:
    with Store.open(config.store_path) as store:
        return [e.text for e in store.read(messages.entries, "living-room", 100).result()]


async def test_text_turns_end_to_end(config: Config) -> None:
    async with House(config, hears=False, speaks=False) as house:
        await house.warm()
        first = await house.turn_text("maya what do you like")
        await house.settled()
        second = await house.turn_text("and what is your job")
        await house.settled()
        other = await house.turn_text("clara hello")
        stats = await house.stats()

    assert [r.persona for r in (first, second, other)] == ["maya", "maya", "clara"]
    assert all(r.error == "" and r.said for r in (first, second, other))
    assert first.invariant_sha256 == second.invariant_sha256 != other.invariant_sha256
    for report in (first, second, other):
        assert report.prompt_tokens == report.cached_tokens + report.processed_tokens
        assert report.processed_tokens <= 200
    assert second.settled_tokens > 0
    assert stats["composition_cache"]["hit_rate"] > 0.5
    assert stats["memory"]["total"] > stats["memory"]["llm"] > 0
    assert stats["workers"]["llm"]["parked"]["persona"] >= 6


async def test_the_conversation_goes_on_in_the_next_process(config: Config) -> None:
    async with House(config, hears=False, speaks=False) as house:
        first = await house.turn_text("maya my dog is called rex")
    async with House(config, hears=False, speaks=False) as house:
        second = await house.turn_text("and what is my dog called")
        history = [e.text for e in house.room.history()]

    assert second.persona == "maya" and second.why == "running"
    assert second.turn_id > first.turn_id
    assert history == ["maya my dog is called rex", first.said, "and what is my dog called", second.said]


async def test_kill_9_of_the_model_in_the_middle_of_a_turn(config: Config) -> None:
    async with House(config, hears=False, speaks=False) as house:
        before = await house.turn_text("maya hello")
        pid = house.pids()["llm"]
        os.kill(pid, signal.SIGSTOP)  # so that the turn is certainly under way
        turn = asyncio.create_task(house.turn_text("maya are you there"))
        await until(lambda: house.room.last_entry.text == "maya are you there")
        # The model is asked right after; killed before that, the turn would only wait for the next process.
        await until(lambda: "compose" in {s.name for s in house.trace.stages(before.turn_id + 1)})

        os.kill(pid, signal.SIGKILL)
        killed_s = time.monotonic()
        broken = await turn
        after = await house.turn_text("maya what now")
        next_turn_s = time.monotonic() - killed_s
        await house.settled()
        parked = (await house.stats())["workers"]["llm"]["parked"]

    assert parked["persona"] == 6  # refilled in the background
    assert broken.error_code == "worker_died"
    assert broken.error == "the language model process ended; it is being restarted (ask again)"
    assert after.error == "" and after.said
    assert next_turn_s < 5.0
    assert said_in(config) == ["maya hello", before.said, "maya are you there", "maya what now", after.said]


async def test_a_gguf_that_is_none(config: Config, random_bundle: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(random_bundle, broken)
    (broken / "mind.gguf").write_bytes(b"this is no model" * 100)

    with pytest.raises(BundleError):
        async with House(msgspec.structs.replace(config, bundle=str(broken))):
            raise AssertionError("it opened")

    assert psutil.Process().children(recursive=True) == []


async def test_an_unknown_room_leaves_nothing_behind(config: Config) -> None:
    with pytest.raises(NotFound, match="no room"):
        async with House(config, room="livingroom", hears=False, speaks=False):
            raise AssertionError("it opened")

    assert psutil.Process().children(recursive=True) == []


async def test_a_cancelled_house_ends_its_processes(config: Config) -> None:
    opened = asyncio.Event()

    async def live() -> None:
        async with House(config, hears=False, speaks=False):
            opened.set()
            await asyncio.Event().wait()

    living = asyncio.create_task(live())
    await opened.wait()
    living.cancel()
    with pytest.raises(asyncio.CancelledError):
        await living

    assert psutil.Process().children(recursive=True) == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_no_worker_outlives_the_front(how: signal.Signals, config: Config) -> None:
    front = subprocess.Popen(
        [sys.executable, "-c", HOLDS_A_HOUSE, config.bundle, config.home],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert front.stdout is not None
        workers = [psutil.Process(int(pid)) for pid in front.stdout.readline().split()]
        everyone = workers + [child for w in workers for child in w.children(recursive=True)]

        front.send_signal(how)
        front.wait(timeout=10)

        assert len(workers) == 2
        _, alive = psutil.wait_procs(everyone, timeout=10)
        assert alive == []
    finally:
        front.kill()
        front.wait()
        if front.stdout is not None:
            front.stdout.close()


async def test_a_voice_turn_through_ear_mind_and_mouth(config: Config) -> None:
    async with House(config) as house:
        maya = house.room.persona("maya")
        question = await spoken(house, "maya what do you like")
        player = Recording()

        report = await house.turn_voice(
            at_once(question.data, question.sample_rate_hz), question.sample_rate_hz, player
        )

    assert report.error == ""
    assert report.persona == maya.id, report.heard
    assert len(report.pcm) == len(player.pcm) > 0
    assert report.voice_to_voice_ms is not None and report.voice_to_voice_ms > 0
    assert report.bridge_calls["stt"] == 1 and report.bridge_calls["tts"] >= 1
    assert {
        "hearing.flush",
        "llm.prefill",
        "speech.first_chunk",
        "front.first_sound",
    } <= report.stages_ms.keys()


async def spoken(house: House, text: str) -> Pcm:
    """The text as the house's own mouth says it."""

    async def words() -> AsyncIterator[str]:
        yield text

    assert house.speech is not None
    pcm, rate = bytearray(), 0
    async for sound in house.speech.speak(10**6, Voice(), words()):
        if isinstance(sound, Pcm):
            pcm += sound.data
            rate = sound.sample_rate_hz
    return Pcm(bytes(pcm), rate)
