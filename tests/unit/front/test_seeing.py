"""Pictures on their way into turns: the link to a fake worker, the room, rows in the order of prompts."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator

import numpy as np
import pytest
from tests.unit.front.conftest import ROW_WIDTH, House, shown
from tests.unit.front.test_conversation import LOUD, stored, until

from sensorium.errors import BadInput, WorkerDied, WorkerFailed
from sensorium.front.fake import connected
from sensorium.front.fake_vision import FakeVision
from sensorium.front.line import Channel
from sensorium.front.listening import at_once
from sensorium.front.publisher import Recording
from sensorium.front.vision_link import VisionLink
from sensorium.metrics import Counters
from sensorium.request import Part, Prompt, Tier
from sensorium.wire.records import MAX_PICTURE_BYTES, Record, Seen

pytestmark = pytest.mark.anyio

PICTURE = b"red circle,blue star"
FACTS: dict[str, object] = {"row_width": ROW_WIDTH}


def rows_of(*numbers: int) -> bytes:
    return np.repeat(np.array(numbers, "<f4"), ROW_WIDTH).tobytes()


def rows_in(prompt: Prompt) -> list[tuple[str, Part]]:
    """The parts that are rows, in order, each with its source."""
    return [(block.source, part) for block in prompt.blocks for part in block.parts if part.rows]


@pytest.fixture
def fake() -> FakeVision:
    return FakeVision(ROW_WIDTH)


@pytest.fixture
async def link(fake: FakeVision, counters: Counters) -> AsyncIterator[VisionLink]:
    link = VisionLink(counters)
    async with connected(link, fake, FACTS):
        yield link


# -- the link ------------------------------------------------------------------------------------------------


async def test_a_look_gives_rows_and_the_names_of_things(link: VisionLink) -> None:
    sight = await link.look(PICTURE)
    assert sight.things == ("red circle", "blue star")
    assert sight.data == rows_of(100, 101, 102)
    assert (sight.rows.num, sight.rows.sha256) == (3, hashlib.sha256(sight.data).hexdigest())
    assert sight.picture_sha256 == hashlib.sha256(PICTURE).hexdigest()
    assert [name for name, _, _ in sight.stages] == ["vision.decode", "vision.look"]


async def test_the_same_picture_is_looked_at_once(link: VisionLink, fake: FakeVision) -> None:
    first = await link.look(PICTURE)
    again = await link.look(bytes(bytearray(PICTURE)))
    assert fake.num_looks == 1 and again == first._replace(stages=())
    other = await link.look(b"green cross")
    assert fake.num_looks == 2 and other.data != first.data


async def test_looks_at_once_do_not_mix(link: VisionLink) -> None:
    sights = await asyncio.gather(*(link.look(name) for name in (b"red circle", b"a,b,c", b"")))
    assert [sight.things for sight in sights] == [("red circle",), ("a", "b", "c"), ()]


async def test_what_is_no_picture_is_refused_and_the_next_one_is_seen(link: VisionLink) -> None:
    with pytest.raises(BadInput, match="neither a JPEG nor a PNG"):
        await link.look(b"\xff\xfe")
    assert (await link.look(PICTURE)).things == ("red circle", "blue star")


async def test_a_picture_too_large_never_leaves_the_front(link: VisionLink, fake: FakeVision) -> None:
    with pytest.raises(BadInput, match="at most 20,000,000 bytes, not 20,000,001"):
        await link.look(bytes(MAX_PICTURE_BYTES + 1))
    assert fake.num_looks == 0


async def test_a_picture_as_large_as_allowed_travels_whole(counters: Counters) -> None:
    class Scales(FakeVision):
        def handle(self, record: Record, payload: bytes, channel: Channel) -> None:
            channel.send(Seen(1, 2, (f"{len(payload)} bytes",)), rows_of(0, 1))

    link = VisionLink(counters)
    async with connected(link, Scales(ROW_WIDTH), FACTS):
        assert (await link.look(bytes(MAX_PICTURE_BYTES))).things == ("20000000 bytes",)


async def test_when_the_eye_dies_a_look_fails_and_says_so(counters: Counters) -> None:
    class Sleepy(FakeVision):
        asked = asyncio.Event()

        def handle(self, record: Record, payload: bytes, channel: Channel) -> None:
            self.asked.set()

    fake, link = Sleepy(ROW_WIDTH), VisionLink(counters)
    async with connected(link, fake, FACTS) as process:
        look = asyncio.create_task(link.look(PICTURE))
        await fake.asked.wait()
        await process.die()
        with pytest.raises(WorkerDied, match="vision process ended"):
            await look


@pytest.mark.parametrize(
    ("seen", "rows"),
    [
        (Seen(1, 2, ("red circle", "blue star")), rows_of(0, 1)),
        (Seen(1, 2, ("red circle",)), rows_of(0)),
        (Seen(1, 1, ()), rows_of(0)[:-4]),
        (Seen(1, 0, ()), b""),
    ],
)
async def test_rows_that_do_not_fit_are_refused(counters: Counters, seen: Seen, rows: bytes) -> None:
    class Careless(FakeVision):
        def handle(self, record: Record, payload: bytes, channel: Channel) -> None:
            channel.send(seen, rows)

    link = VisionLink(counters)
    async with connected(link, Careless(ROW_WIDTH), FACTS):
        with pytest.raises(WorkerFailed, match="rows"):
            await link.look(PICTURE)


# -- turns ---------------------------------------------------------------------------------------------------


async def test_a_picture_stands_in_the_volatile_tier_as_rows(house: House) -> None:
    # when
    sight = await house.conversation.look(PICTURE)
    report = await house.conversation.text_turn("maya what do you see", house.sam)
    # then
    assert report.error == "" and sight.things == ("red circle", "blue star")
    assert house.fake_llm.rows == [rows_of(100, 101, 102)]
    prompt = house.fake_llm.prompts[0]
    assert rows_in(prompt) == [("percepts", Part(hashlib.sha256(sight.data).hexdigest(), rows=3))]
    assert all(block.tier is Tier.VOLATILE for block in prompt.blocks for part in block.parts if part.rows)
    assert "circle" not in "".join(shown(prompt, tier) for tier in Tier)
    # and nothing of it is history, nor is it prefilled
    assert [text for _, _, text in stored(house)] == ["maya what do you see", "i like apples"]
    await house.settler.idle()
    assert not any(rows_in(settled) for settled in house.fake_llm.settled)


async def test_what_is_in_view_comes_before_what_is_heard(native_house: House) -> None:
    house = native_house
    await house.conversation.look(PICTURE)
    sound = at_once(LOUD * 8_000, 16_000)
    report = await house.conversation.voice_turn(sound, 16_000, house.sam, Recording())
    assert report.error == ""
    assert house.fake_llm.rows == [rows_of(100, 101, 102) + rows_of(0, 1, 2, 3, 4)]
    parts = rows_in(house.fake_llm.prompts[0])
    assert [(source, part.rows) for source, part in parts] == [("percepts", 3), *[("newest", 1)] * 5]
    # and every part names its own bytes
    at = 0
    for _, part in parts:
        size = 4 * ROW_WIDTH * part.rows
        assert part.text == hashlib.sha256(house.fake_llm.rows[0][at : at + size]).hexdigest()
        at += size


async def test_one_look_serves_everybody_until_the_next_picture(house: House) -> None:
    await house.conversation.look(PICTURE)
    for words in ("maya what do you see", "hugo and you", "ada and you"):
        await house.conversation.text_turn(words, house.sam)
    assert house.fake_vision.num_looks == 1
    assert [p.persona_id for p in house.fake_llm.prompts] == ["maya", "hugo", "ada"]
    assert house.fake_llm.rows == [rows_of(100, 101, 102)] * 3
    # when another picture comes
    await house.conversation.look(b"green cross")
    await house.conversation.text_turn("maya and now", house.sam)
    # then the first is no longer in view
    assert house.fake_llm.rows[-1] == rows_of(100, 101)


async def test_a_picture_that_is_none_leaves_what_was_in_view(house: House) -> None:
    await house.conversation.look(PICTURE)
    with pytest.raises(BadInput, match="neither a JPEG nor a PNG"):
        await house.conversation.look(b"\xff\xfe")
    assert [sight.things for sight in house.room.pictures] == [("red circle", "blue star")]
    await house.conversation.text_turn("maya what do you see", house.sam)
    assert house.fake_llm.rows == [rows_of(100, 101, 102)]


async def test_what_the_look_took_is_in_the_trace(house: House) -> None:
    await house.conversation.look(PICTURE)
    await house.conversation.look(PICTURE)
    stages = [(stage.process, stage.name) for stage in house.trace.stages(0)]
    assert stages.count(("vision", "vision.decode")) == stages.count(("vision", "vision.look")) == 1
    assert stages.count(("front", "see")) == 2


async def test_without_eyes_nothing_is_looked_at(house: House) -> None:
    parts = house.conversation._parts
    house.conversation._parts = parts._replace(vision=None)
    with pytest.raises(BadInput, match="without eyes"):
        await house.conversation.look(PICTURE)


async def test_a_turn_under_way_keeps_the_picture_that_it_began_with(house: House) -> None:
    """given a reply that is not over, when another picture comes, then rows and prompt of each turn agree"""
    await house.conversation.look(PICTURE)
    house.fake_llm.hold = True
    turn = asyncio.create_task(house.conversation.text_turn("maya what do you see", house.sam))
    await house.fake_llm.reached_hold.wait()
    await house.conversation.look(b"green cross")
    house.fake_llm.go.set()
    await turn
    await house.conversation.text_turn("hugo and you", house.sam)
    await until(lambda: len(house.fake_llm.rows) == 2)
    for prompt, rows in zip(house.fake_llm.prompts, house.fake_llm.rows, strict=True):
        ((_, part),) = rows_in(prompt)
        assert part.text == hashlib.sha256(rows).hexdigest()
    assert house.fake_llm.rows == [rows_of(100, 101, 102), rows_of(100, 101)]
