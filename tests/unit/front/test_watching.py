"""A camera's frames on their way into view: newest wins, the same is passed over, old ones are forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest
from tests.unit.front.conftest import ROW_WIDTH, House
from tests.unit.front.test_conversation import until
from tests.unit.front.test_seeing import FACTS, rows_of

from sensorium.errors import BadInput, WorkerFailed
from sensorium.front.fake import connected
from sensorium.front.fake_vision import FakeVision
from sensorium.front.frames import Frames
from sensorium.front.line import Channel
from sensorium.front.vision_link import VisionLink
from sensorium.front.watching import FORGET_S, MAX_FRAME_BYTES, Camera
from sensorium.metrics import Counters
from sensorium.refusals import RefusalLog
from sensorium.wire.records import Record, Unchanged

pytestmark = pytest.mark.anyio


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def camera(house: House, lines: list[str]) -> Camera:
    refusals = RefusalLog(house.clock, lines.append)
    made = Camera(
        house.vision,
        house.room,
        house.clock,
        house.trace,
        house.counters,
        refusals,
        Frames(house.clock, house.counters),
    )
    made._min_interval_s = 0.0
    return made


async def one_by_one(house: House, frames: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Each comes when the one before was answered."""
    for number, frame in enumerate(frames, answered(house) + 1):
        yield frame
        await until(lambda number=number: answered(house) == number)


def answered(house: House) -> int:
    skipped = sum(house.counters.get("skipped_frames_total", why=why) for why in ("gate", "bad", "failed"))
    return skipped + sum(stage.name == "vision.frame" for stage in house.trace.stages())


async def at_once(frames: Iterable[bytes]) -> AsyncIterator[bytes]:
    for frame in frames:
        yield frame


def skipped(house: House, why: str) -> int:
    return house.counters.get("skipped_frames_total", why=why)


def in_view(house: House) -> list[tuple[str, ...]]:
    return [sight.things for sight in house.room.pictures]


async def test_what_a_frame_shows_is_in_the_next_prompt(house: House, camera: Camera) -> None:
    await camera.run(one_by_one(house, [b"red circle", b"blue star,green cross"]))
    await house.conversation.text_turn("maya what do you see", house.sam)
    await house.conversation.text_turn("hugo and you", house.sam)
    assert house.fake_llm.rows == [rows_of(100, 101, 102)] * 2
    assert house.counters.get("frames_total") == 2 == house.fake_vision.num_looks


async def test_frames_that_show_nothing_new_are_not_looked_at(house: House, camera: Camera) -> None:
    frames = [b"red circle", b"red circle#1", b"red circle", b"blue star", b"blue star#2"]
    await camera.run(one_by_one(house, frames))
    assert (house.fake_vision.num_looks, house.fake_vision.num_unchanged) == (2, 2)
    assert skipped(house, "gate") == 3 and in_view(house) == [("blue star",)]


async def test_a_frame_seen_before_costs_nothing_and_is_what_the_next_is_compared_with(
    house: House, camera: Camera
) -> None:
    """given A, B and A again, when noise on B comes, then it is new: A is in view"""
    await camera.run(one_by_one(house, [b"red circle", b"blue star", b"red circle"]))
    assert house.fake_vision.num_looks == 2 and in_view(house) == [("red circle",)]
    await camera.run(one_by_one(house, [b"blue star#1"]))
    assert house.fake_vision.num_looks == 3 and in_view(house) == [("blue star",)]


async def test_while_one_frame_is_looked_at_only_the_newest_waits(house: House, camera: Camera) -> None:
    house.fake_vision.hold = True

    async def frames() -> AsyncIterator[bytes]:
        yield b"red circle"
        await house.fake_vision.asked.wait()
        for n in range(200):
            yield b"blue star," * (n + 1)
        yield b"green cross"
        house.fake_vision.hold = False
        house.fake_vision.go.set()

    await camera.run(frames())
    assert in_view(house) == [("green cross",)]
    assert house.fake_vision.num_looks == 2 and skipped(house, "busy") == 200


async def test_a_source_that_never_waits_starves_nobody(house: House, camera: Camera) -> None:
    """given 2,000 frames without a pause, when they end, then each was looked at or counted as skipped"""
    names = [str(n).encode() for n in range(2_000)]
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0)
            ticks += 1

    ticking = asyncio.create_task(tick())
    await camera.run(at_once(names))
    ticking.cancel()
    assert in_view(house) == [("1999",)] and ticks > 1_000
    assert house.counters.get("frames_total") == 2_000 == house.fake_vision.num_looks + skipped(house, "busy")


async def test_looks_are_not_more_frequent_than_wanted(house: House, camera: Camera) -> None:
    camera._min_interval_s = 60.0

    async def frames() -> AsyncIterator[bytes]:
        yield b"red circle"
        await until(lambda: answered(house) == 1)
        yield b"blue star"
        for _ in range(50):
            await asyncio.sleep(0)

    running = asyncio.create_task(camera.run(frames()))
    await until(lambda: house.counters.get("frames_total") == 2)
    assert in_view(house) == [("red circle",)]
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_bad_frames_are_counted_and_told_of_and_leave_what_was_in_view(
    house: House, camera: Camera, lines: list[str]
) -> None:
    frames = [b"red circle", b"\xff\xfe", bytes(MAX_FRAME_BYTES + 1), b"blue star", b"\xff\xfd"]
    await camera.run(one_by_one(house, frames))
    assert in_view(house) == [("blue star",)] and skipped(house, "bad") == 3
    assert lines == ["refused frame: this is neither a JPEG nor a PNG picture"]


async def test_when_the_camera_stops_what_it_showed_is_forgotten(house: House, camera: Camera) -> None:
    await camera.run(one_by_one(house, [b"red circle"]))
    house.clock.advance(FORGET_S - 1)
    await house.conversation.text_turn("maya what do you see", house.sam)
    house.clock.advance(1)
    await house.conversation.text_turn("hugo and you", house.sam)
    assert house.fake_llm.rows == [rows_of(100, 101), b""] and in_view(house) == []
    # and a frame that is like it is looked at, or known, again
    await camera.run(one_by_one(house, [b"red circle#1"]))
    assert in_view(house) == [("red circle",)]


async def test_a_camera_that_shows_the_same_for_long_is_not_forgotten(house: House, camera: Camera) -> None:
    async def frames() -> AsyncIterator[bytes]:
        async for frame in one_by_one(house, [b"red circle#%d" % n for n in range(5)]):
            yield frame
            house.clock.advance(FORGET_S - 1)

    await camera.run(frames())
    house.room.forget_old()
    assert in_view(house) == [("red circle",)] and house.fake_vision.num_looks == 1


async def test_a_picture_that_is_shown_stays_until_the_camera_sees_something_else(
    house: House, camera: Camera
) -> None:
    await camera.run(one_by_one(house, [b"red circle"]))
    await house.conversation.look(b"blue star")
    await camera.run(one_by_one(house, [b"red circle#1"]))
    house.clock.advance(10 * FORGET_S)
    house.room.forget_old()
    assert in_view(house) == [("blue star",)]
    await camera.run(one_by_one(house, [b"green cross"]))
    assert in_view(house) == [("green cross",)]


async def test_there_is_one_camera(house: House, camera: Camera) -> None:
    house.fake_vision.hold = True
    running = asyncio.create_task(camera.run(at_once([b"red circle"])))
    await house.fake_vision.asked.wait()
    with pytest.raises(BadInput, match="watching already"):
        await camera.run(at_once([b"blue star"]))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    house.fake_vision.hold = False
    await camera.run(at_once([b"blue star"]))
    assert in_view(house) == [("blue star",)]


async def test_what_breaks_the_source_is_raised(house: House, camera: Camera) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"red circle"
        raise OSError("the camera was unplugged")

    with pytest.raises(OSError, match="unplugged"):
        await camera.run(broken())


async def test_when_the_eye_dies_frames_are_skipped_and_turns_go_on(house: House, camera: Camera) -> None:
    async def frames() -> AsyncIterator[bytes]:
        yield b"red circle"
        await until(lambda: answered(house) == 1)
        house.fake_vision.hold = True
        house.fake_vision.asked.clear()
        yield b"blue star"
        await house.fake_vision.asked.wait()
        await house.eye_process.die()

    await camera.run(frames())
    assert skipped(house, "failed") == 1 and in_view(house) == [("red circle",)]
    report = await house.conversation.text_turn("maya what do you see", house.sam)
    assert report.error == ""


async def test_a_look_at_a_worker_that_hangs_ends(counters: Counters) -> None:
    class Hangs(FakeVision):
        def handle(self, record: Record, payload: bytes, channel: Channel) -> None:
            pass

    link = VisionLink(counters, timeout_s=0.01)
    async with connected(link, Hangs(ROW_WIDTH), FACTS):
        with pytest.raises(WorkerFailed, match=r"did not answer within 0.01 s"):
            await link.look(b"red circle")


async def test_an_answer_that_compares_with_nothing_is_refused(counters: Counters) -> None:
    class Careless(FakeVision):
        def handle(self, record: Record, payload: bytes, channel: Channel) -> None:
            channel.send(Unchanged(1))

    link = VisionLink(counters)
    async with connected(link, Careless(ROW_WIDTH), FACTS):
        with pytest.raises(WorkerFailed, match="compared a picture with nothing"):
            await link.look(b"red circle")


async def test_only_the_last_sights_are_kept(house: House) -> None:
    for n in range(40):
        await house.vision.look(str(n).encode())
    await house.vision.look(b"39")
    assert house.fake_vision.num_looks == 40
    await house.vision.look(b"0")
    assert house.fake_vision.num_looks == 41
