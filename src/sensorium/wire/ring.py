"""Fixed slots in memory that two processes map: one process writes, one reads. Layout only.

Knows nothing of sockets, records or event loops: whoever puts something tells the other side its slot number
by other means. Slots are numbered from 1 and only grow; number n lies in place (n - 1) modulo `num_slots`.

    line 0     magic, num_slots, slot_bytes     written once, by whoever creates the ring
    line 1     how many slots were put          written by the writer only
    line 2     how many were released           written by the reader only
    then, for each slot: a line with its number and its length, and `slot_bytes` of room

A line is a cache line. An empty slot is poisoned: `POISON` stands in place of its number and its length. What
the other side wrote is checked before it is used, and the memory cannot be cut under anybody's feet (sealed).

Memory order: counters and the words of a slot's head are single aligned stores of 8 bytes. A slot's bytes
are stored before its number, its number before the counter; poison before the other counter. That is enough
where stores are seen in the order in which they were made (x86, TSO); no compiler reorders them, since in
CPython each is a call of its own. On weaker machines (ARM) no barrier stands here. Towards the reader the
system calls that carry the slot number are one in practice; towards the writer, who uses a slot again, there
is none. Within a process each end is used by one thread at a time.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import sys
from contextlib import suppress
from typing import NamedTuple

from sensorium.errors import BadInput, WorkerFailed

Buffer = bytes | bytearray | memoryview

POISON = 0xDEAD_0FF0_DEAD_0FF0
MAX_SLOTS = 1 << 16
MAX_SLOT_BYTES = 1 << 26

_MAGIC = int.from_bytes(b"sensring", "little")
_LINE_BYTES = 64
_LINE_WORDS = _LINE_BYTES // 8
_PUT, _RELEASED = 1 * _LINE_WORDS, 2 * _LINE_WORDS
_HEAD_LINES = 3


class Shape(NamedTuple):
    """`slot_bytes`: the most that one slot takes."""

    num_slots: int
    slot_bytes: int

    @property
    def stride(self) -> int:
        """Bytes from one slot to the next: a line for its head, and whole lines for what it holds."""
        return _LINE_BYTES * (1 + -(-self.slot_bytes // _LINE_BYTES))

    @property
    def num_bytes(self) -> int:
        return _HEAD_LINES * _LINE_BYTES + self.num_slots * self.stride


def create(name: str, shape: Shape) -> int:
    """Fresh memory for a ring, all slots poisoned; the caller closes the file descriptor.

    Pages are taken from the machine as slots are first used. Raises BadInput for a shape that cannot be,
    WorkerFailed where there is no `memfd_create`, or no file descriptor left.
    """
    _check(shape)
    if sys.platform != "linux":
        raise WorkerFailed("shared memory between processes needs Linux (memfd_create)")
    try:
        fd = os.memfd_create(f"sensorium-{name}", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    except OSError as e:
        raise WorkerFailed(f"no shared memory for {name}: {e.strerror}") from e
    try:
        os.ftruncate(fd, shape.num_bytes)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
        with mmap.mmap(fd, shape.num_bytes) as mapped, memoryview(mapped) as view, view.cast("Q") as words:
            for place in range(shape.num_slots):
                head = (_HEAD_LINES * _LINE_BYTES + place * shape.stride) // 8
                words[head] = words[head + 1] = POISON
            words[1], words[2] = shape
            words[0] = _MAGIC
    except BaseException:
        os.close(fd)
        raise
    return fd


class RingWriter:
    """The end that puts; never waits. `room_fd`: an eventfd that the reader adds to whenever it gives a slot
    back, for whoever wants to wait; None when nobody does. File descriptors are duplicated.

    Raises BadInput when `fd` is no fresh ring.
    """

    def __init__(self, fd: int, room_fd: int | None = None) -> None:
        self._memory = _Memory(fd, room_fd)
        self.shape = self._memory.shape
        self._num_put = 0
        self._num_released = 0
        if self._memory.words[_PUT] != 0:
            self.close()
            raise BadInput("a shared ring has a writer already")

    @property
    def room_fd(self) -> int | None:
        return self._memory.room_fd

    @property
    def full(self) -> bool:
        """Raises WorkerFailed when the reader's counter makes no sense."""
        released = self._memory.words[_RELEASED]
        if not self._num_released <= released <= self._num_put:
            raise WorkerFailed(f"a shared ring is damaged: {released} of {self._num_put} slots were released")
        self._num_released = released
        return self._num_put - released >= self.shape.num_slots

    def put(self, buffer: Buffer) -> int | None:
        """Copies the buffer into the next slot and returns the slot's number; None when all are in use.

        Raises BadInput when it is empty or larger than a slot, WorkerFailed when the reader did damage.
        """
        with memoryview(buffer) as view, view.cast("B") as data:
            num_bytes = len(data)
            if not 0 < num_bytes <= self.shape.slot_bytes:
                raise BadInput(f"{num_bytes} bytes for a slot of 1 to {self.shape.slot_bytes}")
            if self.full:
                return None
            number = self._num_put + 1
            words, start = self._memory.words, self._memory.start(number)
            head = start // 8
            if words[head] != POISON:
                raise WorkerFailed(f"a shared ring is damaged: slot {number} is not empty")
            at = start + _LINE_BYTES
            self._memory.bytes[at : at + num_bytes] = data
        words[head + 1] = num_bytes
        words[head] = number
        self._num_put = words[_PUT] = number
        return number

    def close(self) -> None:
        self._memory.close()


class RingReader:
    """The end that takes, in the order of numbers. File descriptors as in `RingWriter`. Raises BadInput when
    `fd` is no ring."""

    def __init__(self, fd: int, room_fd: int | None = None) -> None:
        self._memory = _Memory(fd, room_fd)
        self.shape = self._memory.shape
        self._num_taken = 0
        self._num_released = 0

    def get(self, number: int) -> memoryview:
        """What lies in the slot, read-only and in place; the next numbers may be got before it is released.

        Raises BadInput, and takes nothing, when it is not this slot's turn, when it was never written or was
        read before, or when its head is damaged.
        """
        if number != self._num_taken + 1:
            raise BadInput(f"slot {number} of a shared ring is not next; {self._num_taken + 1} is")
        words, start = self._memory.words, self._memory.start(number)
        head = start // 8
        if number > words[_PUT] or words[head] != number:
            raise BadInput(f"slot {number} of a shared ring was not written")
        num_bytes = words[head + 1]
        if not 0 < num_bytes <= self.shape.slot_bytes:
            raise BadInput(f"slot {number} of a shared ring is damaged: {num_bytes} bytes")
        self._num_taken = number
        at = start + _LINE_BYTES
        return self._memory.bytes[at : at + num_bytes].toreadonly()

    def release(self, number: int) -> None:
        """Gives the slot back, poisoned; views of it must not be read any more. In the order of `get`.

        Raises BadInput when it is not this slot's turn.
        """
        if number != self._num_released + 1 or number > self._num_taken:
            raise BadInput(f"slot {number} of a shared ring cannot be released now")
        words, head = self._memory.words, self._memory.start(number) // 8
        words[head] = words[head + 1] = POISON
        self._num_released = words[_RELEASED] = number
        if self._memory.room_fd is not None:
            # Always: to ask first whether the writer waits would need a barrier that Python does not have.
            os.eventfd_write(self._memory.room_fd, 1)

    def close(self) -> None:
        self._memory.close()


class _Memory:
    """A ring's file as words of 8 bytes and as bytes."""

    def __init__(self, fd: int, room_fd: int | None) -> None:
        try:
            num_bytes = os.fstat(fd).st_size
            self._mapped = mmap.mmap(fd, num_bytes)
        except (OSError, ValueError) as e:
            raise BadInput(f"file descriptor {fd} is no shared memory: {e}") from e
        self.bytes = memoryview(self._mapped)
        self.words: memoryview = self.bytes[: num_bytes // 8 * 8].cast("Q")
        self.room_fd: int | None = None
        try:
            self.shape = self._read_shape(num_bytes)
            self._stride = self.shape.stride
            if room_fd is not None:
                self.room_fd = _duplicate(room_fd)
        except BadInput:
            self.close()
            raise

    def start(self, number: int) -> int:
        """The byte at which this slot's head begins."""
        return _HEAD_LINES * _LINE_BYTES + (number - 1) % self.shape.num_slots * self._stride

    def close(self) -> None:
        """A view that somebody still holds keeps the memory until it goes."""
        self.words.release()
        self.bytes.release()
        with suppress(BufferError):
            self._mapped.close()
        if self.room_fd is not None:
            os.close(self.room_fd)
            self.room_fd = None

    def _read_shape(self, num_bytes: int) -> Shape:
        if num_bytes < _HEAD_LINES * _LINE_BYTES or self.words[0] != _MAGIC:
            raise BadInput("this memory holds no shared ring")
        shape = Shape(self.words[1], self.words[2])
        _check(shape)
        if shape.num_bytes != num_bytes:
            raise BadInput(f"a shared ring of {num_bytes} bytes; its shape says {shape.num_bytes}")
        return shape


def _duplicate(fd: int) -> int:
    try:
        return os.dup(fd)
    except OSError as e:
        raise BadInput(f"file descriptor {fd} is no eventfd: {e.strerror}") from e


def _check(shape: Shape) -> None:
    if not (0 < shape.num_slots <= MAX_SLOTS and 0 < shape.slot_bytes <= MAX_SLOT_BYTES):
        raise BadInput(f"a shared ring of {shape.num_slots} slots of {shape.slot_bytes} bytes")
