"""Background prefilling: one at a time, the newest wish wins, errors are counted and never raised."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sensorium.errors import WorkerDied
from sensorium.front.adapters import AdapterTable
from sensorium.front.background import Background
from sensorium.front.fake import FakeLlm, connected
from sensorium.front.links import LlmLink
from sensorium.front.settling import Settler
from sensorium.metrics import Counters
from sensorium.request import Block, Part, Prompt, Scope, Tier
from sensorium.voices.library import Library

pytestmark = pytest.mark.anyio


def prompt(persona_id: str, text: str = "") -> Prompt:
    block = Block(Tier.INVARIANT, Scope.SHARED, "rules", (Part(text or persona_id),))
    return Prompt(persona_id, (block,))


async def test_everybody_is_settled_in_order_and_then_it_is_idle(counters: Counters) -> None:
    link, fake = LlmLink(counters), FakeLlm(lambda p: [])
    settler = Settler(link, prompt, AdapterTable(link, counters, Library(Path("nowhere"))), counters)
    async with connected(link, fake), Background() as background:
        background.start(settler.run())
        settler.want(["theo", "maya"])
        await settler.idle()
        settler.want([])
        await settler.idle()

    assert [p.persona_id for p in fake.settled] == ["theo", "maya"]
    assert counters.get("settles_total") == 2
    assert counters.get("settled_tokens_total") == 2


async def test_a_wish_that_waits_is_served_once_with_what_is_newest(counters: Counters) -> None:
    link, fake = LlmLink(counters), FakeLlm(lambda p: [])
    texts = {"maya": "old", "theo": "old"}
    settler = Settler(
        link,
        lambda persona_id: prompt(persona_id, texts[persona_id]),
        AdapterTable(link, counters, Library(Path("nowhere"))),
        counters,
    )
    settler.want(["maya", "theo"])
    texts["theo"] = "new"
    settler.want(["theo"])
    async with connected(link, fake), Background() as background:
        background.start(settler.run())
        await settler.idle()

    assert [(p.persona_id, p.blocks[0].parts[0].text) for p in fake.settled] == [
        ("maya", "old"),
        ("theo", "new"),
    ]


async def test_who_has_left_is_not_settled(counters: Counters) -> None:
    link, fake = LlmLink(counters), FakeLlm(lambda p: [])
    settler = Settler(
        link, lambda persona_id: None, AdapterTable(link, counters, Library(Path("nowhere"))), counters
    )
    async with connected(link, fake), Background() as background:
        background.start(settler.run())
        settler.want(["maya"])
        await settler.idle()

    assert fake.settled == []


async def test_a_model_that_is_gone_is_counted_and_the_settler_lives_on(counters: Counters) -> None:
    link, fake = LlmLink(counters), FakeLlm(lambda p: [])
    settler = Settler(link, prompt, AdapterTable(link, counters, Library(Path("nowhere"))), counters)
    async with Background() as background:
        background.start(settler.run())
        async with connected(link, fake):
            link.line.down(WorkerDied("gone"), for_good=True)
            settler.want(["maya"])
            await settler.idle()
        async with connected(link, fake):
            settler.want(["maya"])
            await settler.idle()

    assert counters.get("settles_failed_total", code="worker_died") == 1
    assert [p.persona_id for p in fake.settled] == ["maya"]


async def test_an_error_of_the_user_is_raised_as_it_is() -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    with pytest.raises(WorkerDied, match="mine"):
        async with Background() as background:
            background.start(never())
            await asyncio.sleep(0)
            background.start(never())  # has no time to begin
            raise WorkerDied("mine")


async def test_paused_nothing_new_is_begun_unless_somebody_waits(counters: Counters) -> None:
    link, fake = LlmLink(counters), FakeLlm(lambda p: [])
    settler = Settler(link, prompt, AdapterTable(link, counters, Library(Path("nowhere"))), counters)
    async with connected(link, fake), Background() as background:
        background.start(settler.run())
        settler.pause(True)
        settler.want(["theo"])
        for _ in range(20):
            await asyncio.sleep(0)
        before = list(fake.settled)
        await settler.idle()
        waited = [p.persona_id for p in fake.settled]
        settler.want(["maya"])
        for _ in range(20):
            await asyncio.sleep(0)
        paused_again = len(fake.settled)
        settler.pause(False)
        await settler.idle()

    assert before == []
    assert waited == ["theo"]
    assert paused_again == 1
    assert [p.persona_id for p in fake.settled] == ["theo", "maya"]
