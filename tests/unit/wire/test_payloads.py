"""What lies in a ring, what travels in the frame, and what comes out again in order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.errors import BadInput, WorkerFailed
from sensorium.wire import framing
from sensorium.wire.framing import Slot
from sensorium.wire.payloads import INLINE_BELOW, SHAPES, Payloads, Rings
from sensorium.wire.records import MAX_PICTURE_BYTES, FromHearing, Hear, Heard, Look, Say, Stop, ToHearing


class Line:
    """Both ends of a hearing worker's line; `full`: the directions that the front counted."""

    def __init__(self) -> None:
        self.full: list[str] = []
        with closing(Rings.create("hearing")) as rings:
            self.front = Payloads.of_front(rings, self.full.append)
            self.worker = Payloads.of_worker(rings)

    def close(self) -> None:
        self.front.close()
        self.worker.close()


@pytest.fixture
def line() -> Iterator[Line]:
    with closing(Line()) as made:
        yield made


def only_payload(frame: bytes, record_type: object = ToHearing) -> bytes | Slot:
    [(_, payload)] = framing.Decoder(record_type).feed(frame)
    return payload


@pytest.mark.parametrize("size", [0, 1, INLINE_BELOW - 1])
def test_small_payloads_travel_in_the_frame(line: Line, size: int) -> None:
    frame = line.front.encode(Hear(1), bytes(size))
    assert frame == framing.encode(Hear(1), bytes(size))
    assert line.worker.fetch(only_payload(frame)) == bytes(size)
    assert line.full == []


@pytest.mark.parametrize("size", [INLINE_BELOW, 640, 16_000, 96_000])
def test_sound_lies_in_the_ring_and_its_frame_stays_small(line: Line, size: int) -> None:
    sound = os.urandom(size)
    frame = line.front.encode(Hear(1), sound)
    assert len(frame) < 64
    assert only_payload(frame) == Slot(1, size)
    assert line.worker.fetch(only_payload(frame)) == sound


def test_every_payload_that_the_house_sends_fits_a_slot() -> None:
    assert SHAPES["hearing"].to_worker.slot_bytes >= 2 * 96_000 // 2  # half a second, EarStream.send_audio
    assert SHAPES["vision"].to_worker.slot_bytes >= MAX_PICTURE_BYTES
    assert SHAPES["speech"].to_front.slot_bytes >= 2 * 48_000 // 5  # 200 ms
    for shapes in SHAPES.values():
        assert all(shape.slot_bytes <= framing.MAX_PAYLOAD_BYTES for shape in shapes)


def test_a_full_ring_is_counted_and_the_payload_goes_in_the_frame(line: Line) -> None:
    num_slots = SHAPES["hearing"].to_worker.num_slots
    sounds = [os.urandom(640) for _ in range(num_slots + 2)]
    frames = [line.front.encode(Hear(1), sound) for sound in sounds]
    assert line.front.full
    assert line.full == ["to_worker"] * 2
    assert [line.worker.fetch(only_payload(frame)) for frame in frames] == sounds
    assert not line.front.full


def test_the_front_counts_the_workers_full_ring_too(line: Line) -> None:
    num_slots = SHAPES["hearing"].to_front.num_slots
    rows = os.urandom(1_024)
    frames = [line.worker.encode(Heard(1, 0), rows) for _ in range(num_slots + 1)]
    assert [line.front.fetch(only_payload(frame, FromHearing)) for frame in frames] == [rows] * (
        num_slots + 1
    )
    assert line.full == ["to_front"]


def test_the_front_is_woken_when_the_worker_has_made_room(line: Line) -> None:
    frame = line.front.encode(Hear(1), bytes(640))
    assert line.front.room_fd is not None
    with pytest.raises(BlockingIOError):
        os.eventfd_read(line.front.room_fd)
    line.worker.fetch(only_payload(frame))
    assert os.eventfd_read(line.front.room_fd) == 1


def test_a_record_that_cannot_be_written_takes_no_slot(line: Line) -> None:
    with pytest.raises(BadInput, match="cannot be written"):
        line.front.encode(Say(1, "half a \ud800 character"), bytes(640))
    assert only_payload(line.front.encode(Hear(1), bytes(640))) == Slot(1, 640)


@pytest.mark.parametrize("slot", [Slot(1, 641), Slot(1, 0), Slot(2, 640), Slot(2**63, 640)])
def test_a_frame_that_lies_about_its_slot_is_refused(line: Line, slot: Slot) -> None:
    line.front.encode(Hear(1), bytes(640))
    with pytest.raises(BadInput):
        line.worker.fetch(slot)


def test_without_rings_everything_travels_in_the_frame_and_slots_are_refused() -> None:
    plain = Payloads()
    assert plain.encode(Look(1), bytes(300_000)) == framing.encode(Look(1), bytes(300_000))
    assert plain.fetch(b"abc") == b"abc" and not plain.full
    with pytest.raises(BadInput, match="no ring"):
        plain.fetch(Slot(1, 3))


def test_after_closing_nothing_is_left_open_and_frames_go_on() -> None:
    before = len(os.listdir("/proc/self/fd"))
    line = Line()
    assert len(os.listdir("/proc/self/fd")) > before
    line.close()
    assert len(os.listdir("/proc/self/fd")) == before
    assert line.front.encode(Hear(1), bytes(640)) == framing.encode(Hear(1), bytes(640))
    line.close()


@pytest.mark.parametrize("argument", ["", "1,2", "a,b,c", "1,2,3,4"])
def test_an_argument_that_names_no_rings_is_refused(argument: str) -> None:
    with pytest.raises(BadInput, match="--rings"):
        Rings.parse(argument)


def test_file_descriptors_that_are_not_rings_are_refused() -> None:
    with open("/dev/null", "rb") as null, pytest.raises(BadInput):
        Payloads.of_worker(Rings(null.fileno(), null.fileno(), null.fileno()))


def test_no_shared_memory_is_a_clear_error_and_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "eventfd", refuse)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(WorkerFailed, match="no eventfd"):
        Rings.create("hearing")
    assert len(os.listdir("/proc/self/fd")) == before


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.integers(0, 700), st.just(-1)), max_size=200))
def test_whatever_the_reader_does_all_comes_once_and_in_order(steps):
    """A size sends so many bytes; -1 lets the worker take one message."""
    with closing(Line()) as line:
        decoder, waiting, sent, got = framing.Decoder(ToHearing), [], [], []
        for i, size in enumerate(steps):
            if size >= 0:
                sent.append(i.to_bytes(2, "little") * (size // 2))
                waiting += decoder.feed(line.front.encode(Hear(1), sent[-1]))
            elif waiting:
                got.append(line.worker.fetch(waiting.pop(0)[1]))
        got += [line.worker.fetch(payload) for _, payload in waiting]
        assert got == sent
        assert not line.front.full
        assert decoder.feed(line.front.encode(Stop())) == [(Stop(), b"")]
