"""One writer, one reader, any interleaving, and what the other side may have broken."""

from __future__ import annotations

import mmap
import os
import struct
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.errors import BadInput, WorkerFailed
from sensorium.wire import ring
from sensorium.wire.ring import POISON, RingReader, RingWriter, Shape

SHAPE = Shape(3, 100)
LINE = 64
Memory = Callable[[], mmap.mmap]


class Pair:
    """Both ends of a fresh ring, and its memory as a hostile peer would see it."""

    def __init__(self, shape: Shape = SHAPE) -> None:
        fd = ring.create("test", shape)
        self.room_fd = os.eventfd(0, os.EFD_NONBLOCK)
        self.writer, self.reader = RingWriter(fd, self.room_fd), RingReader(fd, self.room_fd)
        self.memory = mmap.mmap(fd, shape.num_bytes)
        os.close(fd)

    def word(self, at: int) -> int:
        return struct.unpack_from("=Q", self.memory, at)[0]

    def set_word(self, at: int, value: int) -> None:
        struct.pack_into("=Q", self.memory, at, value)

    def close(self) -> None:
        self.writer.close()
        self.reader.close()
        self.memory.close()
        os.close(self.room_fd)


@pytest.fixture
def pair() -> Iterator[Pair]:
    with closing(Pair()) as made:
        yield made


def head(number: int, shape: Shape = SHAPE) -> int:
    """Where the head of this slot lies: its number, then its length."""
    return 3 * LINE + (number - 1) % shape.num_slots * shape.stride


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 5),
    st.lists(st.sampled_from(["put", "get", "release", "read a stale one"]), max_size=60),
    st.randoms(use_true_random=False),
)
def test_any_interleaving_delivers_all_in_order_and_nothing_twice(num_slots, steps, draw):
    with closing(Pair(Shape(num_slots, 130))) as pair:
        sent: deque[tuple[int, bytes]] = deque()
        got: deque[tuple[int, bytes, memoryview]] = deque()
        num_put = num_got = num_released = 0
        for step in steps:
            if step == "put":
                data = draw.randbytes(draw.randint(1, 130))
                number = pair.writer.put(data)
                # full is reported exactly when every slot is in use
                assert (number is None) == (num_put - num_released == num_slots)
                if number is not None:
                    num_put += 1
                    assert number == num_put
                    sent.append((number, data))
            elif step == "get" and sent:
                number, data = sent.popleft()
                view = pair.reader.get(number)
                assert bytes(view) == data
                num_got += 1
                got.append((number, data, view))
            elif step == "release" and got:
                number, data, view = got.popleft()
                assert bytes(view) == data  # nobody wrote there meanwhile
                view.release()
                pair.reader.release(number)
                num_released += 1
                assert pair.word(head(number, Shape(num_slots, 130))) == POISON
            elif step == "read a stale one":
                wrong = draw.choice([n for n in range(num_put + num_slots + 2) if n != num_got + 1] or [0])
                with pytest.raises(BadInput):
                    pair.reader.get(wrong)
                with pytest.raises(BadInput):
                    pair.reader.get(num_put + 1)
        for _, _, view in got:
            view.release()


def test_a_slot_that_was_never_written_is_no_garbage(pair: Pair) -> None:
    with pytest.raises(BadInput, match="was not written"):
        pair.reader.get(1)
    assert pair.writer.put(b"sound") == 1
    # a writer that counts what it did not write
    pair.set_word(LINE, 2)
    pair.reader.get(1).release()
    with pytest.raises(BadInput, match="slot 2 of a shared ring was not written"):
        pair.reader.get(2)


def test_nothing_is_read_or_released_twice(pair: Pair) -> None:
    pair.writer.put(b"sound")
    with pytest.raises(BadInput, match="cannot be released"):
        pair.reader.release(1)
    pair.reader.get(1).release()
    with pytest.raises(BadInput, match="not next"):
        pair.reader.get(1)
    pair.reader.release(1)
    with pytest.raises(BadInput, match="cannot be released"):
        pair.reader.release(1)
    assert pair.word(head(1)) == pair.word(head(1) + 8) == POISON


@pytest.mark.parametrize("length", [0, SHAPE.slot_bytes + 1, 2**63, 2**64 - 1])
def test_a_length_out_of_range_reads_nothing(pair: Pair, length: int) -> None:
    pair.writer.put(b"sound")
    pair.set_word(head(1) + 8, length)
    with pytest.raises(BadInput, match="damaged"):
        pair.reader.get(1)


@pytest.mark.parametrize("number", [0, 2, POISON])
def test_a_head_with_another_number_reads_nothing(pair: Pair, number: int) -> None:
    pair.writer.put(b"sound")
    pair.set_word(head(1), number)
    with pytest.raises(BadInput, match="was not written"):
        pair.reader.get(1)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, SHAPE.num_bytes - 1), st.binary(min_size=1, max_size=16), st.integers(1, 3))
def test_memory_that_somebody_scribbled_on_never_crashes(at, scribble, num_put):
    with closing(Pair()) as pair:
        for _ in range(num_put):
            pair.writer.put(b"sound")
        scribble = scribble[: SHAPE.num_bytes - at]
        pair.memory[at : at + len(scribble)] = scribble
        for number in range(1, num_put + 1):
            try:
                with pair.reader.get(number) as view:
                    assert len(view) <= SHAPE.slot_bytes
                pair.reader.release(number)
                pair.writer.put(b"more")
            except (BadInput, WorkerFailed) as e:
                assert "\n" not in e.one_line()


@pytest.mark.parametrize("released", [1, 2**64 - 1])
def test_a_reader_that_released_more_than_was_put_has_done_damage(pair: Pair, released: int) -> None:
    pair.set_word(2 * LINE, released)
    with pytest.raises(WorkerFailed, match="damaged"):
        pair.writer.put(b"sound")


def test_a_reader_that_takes_a_release_back_or_leaves_a_slot_full_has_done_damage(pair: Pair) -> None:
    for number in (1, 2, 3):
        pair.writer.put(b"sound")
        pair.reader.get(number).release()
    pair.set_word(2 * LINE, 1)
    with pytest.raises(WorkerFailed, match="slot 4 is not empty"):
        pair.writer.put(b"sound")
    pair.set_word(2 * LINE, 0)
    with pytest.raises(WorkerFailed, match="0 of 3"):
        pair.writer.put(b"sound")


@pytest.mark.parametrize("size", [0, SHAPE.slot_bytes + 1])
def test_what_does_not_fit_is_refused_and_changes_nothing(pair: Pair, size: int) -> None:
    with pytest.raises(BadInput, match="for a slot"):
        pair.writer.put(bytes(size))
    assert pair.writer.put(b"a") == 1


def test_samples_are_put_as_they_are(pair: Pair) -> None:
    samples = np.arange(-20, 20, dtype=np.int16)
    assert pair.writer.put(samples.data) == 1
    with pair.reader.get(1) as view:
        assert view.readonly
        assert np.array_equal(np.frombuffer(view, np.int16), samples)


def test_each_counter_has_a_cache_line_of_its_own(pair: Pair) -> None:
    pair.writer.put(b"a")
    pair.writer.put(b"b")
    pair.reader.get(1).release()
    pair.reader.release(1)
    assert (pair.word(LINE), pair.word(2 * LINE)) == (2, 1)
    assert head(1) % LINE == head(2) % LINE == 0


def test_a_slot_that_is_given_back_wakes_whoever_waits(pair: Pair) -> None:
    pair.writer.put(b"a")
    pair.reader.get(1).release()
    with pytest.raises(BlockingIOError):
        os.eventfd_read(pair.room_fd)
    pair.reader.release(1)
    assert os.eventfd_read(pair.room_fd) == 1


def test_nobody_can_cut_the_memory() -> None:
    fd = ring.create("test", SHAPE)
    with pytest.raises(PermissionError):
        os.ftruncate(fd, 10)
    os.close(fd)


def _other_words(at: int, value: int) -> Callable[[int], None]:
    def damage(fd: int) -> None:
        with mmap.mmap(fd, SHAPE.num_bytes) as memory:
            struct.pack_into("=Q", memory, at, value)

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        _other_words(0, 0),
        _other_words(8, 0),
        _other_words(8, 4),
        _other_words(8, 2**40),
        _other_words(16, 2**63),
    ],
)
def test_memory_with_another_head_is_no_ring(damage: Callable[[int], None]) -> None:
    fd = ring.create("test", SHAPE)
    damage(fd)
    before = len(os.listdir("/proc/self/fd"))
    for end in (RingWriter, RingReader):
        with pytest.raises(BadInput):
            end(fd)
    assert len(os.listdir("/proc/self/fd")) == before
    os.close(fd)


def test_files_that_are_no_rings_are_refused(tmp_path) -> None:
    with open("/dev/null", "rb") as null, pytest.raises(BadInput):
        RingReader(null.fileno())
    with pytest.raises(BadInput, match="no shared memory"):
        RingReader(10_000)
    fd = ring.create("test", SHAPE)
    with pytest.raises(BadInput, match="no eventfd"):
        RingReader(fd, 10_000)
    with closing(RingWriter(fd)) as writer:
        writer.put(b"a")
        with pytest.raises(BadInput, match="writer already"):
            RingWriter(fd)
    os.close(fd)


@pytest.mark.parametrize(
    "shape", [Shape(0, 1), Shape(1, 0), Shape(1 << 30, 1), Shape(1, 1 << 40), Shape(-1, 9)]
)
def test_a_shape_that_cannot_be_is_refused(shape: Shape) -> None:
    with pytest.raises(BadInput):
        ring.create("test", shape)


def test_a_system_without_such_memory_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(WorkerFailed, match="needs Linux"):
        ring.create("test", SHAPE)


def test_closing_gives_back_memory_and_files_even_with_a_view_left(pair: Pair) -> None:
    before = len(os.listdir("/proc/self/fd"))
    other = Pair()
    other.writer.put(b"a")
    view = other.reader.get(1)
    other.close()
    assert bytes(view) == b"a"
    view.release()
    del view, other
    assert len(os.listdir("/proc/self/fd")) == before
