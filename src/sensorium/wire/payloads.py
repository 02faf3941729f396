"""Where a record's payload travels: inside its frame, or in a slot of a shared ring.

The one rule: a payload of at least `INLINE_BELOW` bytes lies in the ring of its direction when that has a
free slot large enough; else it travels in its frame. The frame orders everything and wakes the other side
(docs/decisions/0012). Knows nothing of sockets, processes or what a payload holds.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from sensorium.errors import BadInput, WorkerFailed
from sensorium.wire import framing, ring
from sensorium.wire.framing import Slot
from sensorium.wire.records import MAX_PICTURE_BYTES, Record
from sensorium.wire.ring import Buffer, RingReader, RingWriter, Shape

# Below, a slot saves nothing; sound of a microphone (20 ms at 8 kHz: 320 bytes) is above, so that its ring is
# what bounds how much of it waits.
INLINE_BELOW = 256


class Shapes(NamedTuple):
    """The two rings of a worker. Slots that are never used cost a page each."""

    to_worker: Shape
    to_front: Shape


SHAPES = {
    # Rows of a prompt; frames of codes.
    "llm": Shapes(Shape(16, 1 << 20), Shape(16, 1 << 12)),
    # Half a second at 96 kHz, the most that a link sends at once; rows of new words.
    "hearing": Shapes(Shape(64, 96_000), Shape(32, 1 << 16)),
    # Frames of codes; 200 ms of sound at up to 80 kHz.
    "speech": Shapes(Shape(16, 1 << 12), Shape(64, 1 << 15)),
    # Pictures' files; rows of what is seen.
    "vision": Shapes(Shape(4, MAX_PICTURE_BYTES), Shape(8, 1 << 16)),
    # Its records have no payload.
    "tools": Shapes(Shape(1, 1 << 8), Shape(1, 1 << 8)),
}


class Rings(NamedTuple):
    """The file descriptors that a worker inherits: memory of its two rings, and the eventfd `room` that it
    rings whenever it has given back a slot of `to_worker`."""

    to_worker: int
    to_front: int
    room: int

    @classmethod
    def create(cls, worker: str) -> Rings:
        """Fresh rings for one life of a worker. Raises WorkerFailed when the machine gives none."""
        made: list[int] = []
        try:
            for name, shape in SHAPES[worker]._asdict().items():
                made.append(ring.create(f"{worker}-{name}", shape))
            made.append(os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK))
        except BaseException as e:
            _close(made)
            if isinstance(e, OSError):
                raise WorkerFailed(f"no eventfd for the {worker} worker: {e.strerror}") from e
            raise
        return cls(*made)

    @classmethod
    def parse(cls, argument: str) -> Rings:
        """What `argument` wrote. Raises BadInput."""
        try:
            to_worker, to_front, room = map(int, argument.split(","))
        except ValueError as e:
            raise BadInput(f"--rings {argument!r}: three file descriptors, with commas between them") from e
        return cls(to_worker, to_front, room)

    @property
    def argument(self) -> str:
        return ",".join(map(str, self))

    def close(self) -> None:
        """What `Payloads` was made of stays open."""
        _close(self)


class Payloads:
    """One end of a worker's line. Without rings every payload travels in its frame.

    `place` and `encode` may be used by one thread at a time, `fetch` by another. `on_full` is called with the
    direction, "to_worker" or "to_front", of each payload that found its ring full; only the front counts.
    """

    def __init__(
        self,
        outgoing: RingWriter | None = None,
        incoming: RingReader | None = None,
        on_full: Callable[[str], object] | None = None,
    ) -> None:
        self._outgoing = outgoing
        self._incoming = incoming
        self._on_full = on_full

    @classmethod
    def of_front(cls, rings: Rings, on_full: Callable[[str], object] | None = None) -> Payloads:
        return cls(RingWriter(rings.to_worker, rings.room), RingReader(rings.to_front), on_full)

    @classmethod
    def of_worker(cls, rings: Rings) -> Payloads:
        """Raises BadInput when the file descriptors are not what they should be."""
        return cls(RingWriter(rings.to_front), RingReader(rings.to_worker, rings.room))

    @property
    def room_fd(self) -> int | None:
        """To wait on while it is `full`; an eventfd, to be read before looking again."""
        return self._outgoing.room_fd if self._outgoing is not None else None

    @property
    def full(self) -> bool:
        """Would a payload find no slot now? Raises WorkerFailed when the other side damaged the ring."""
        return self._outgoing is not None and self._outgoing.full

    def encode(self, record: Record, payload: Buffer = b"", sent_ns: int = 0) -> bytes:
        """The frame to send, in this order; its payload may lie in the ring now. Raises BadInput as
        `framing.encode` does, WorkerFailed as `full` does."""
        header = framing.encode_header(record)
        return framing.frame(header, self._place(payload), sent_ns)

    def fetch(self, payload: bytes | Slot) -> bytes:
        """A received payload, in the order in which it was received; its slot is free again. Raises BadInput
        when it does not lie where its frame says."""
        if not isinstance(payload, Slot):
            if (
                self._on_full is not None
                and self._incoming is not None
                and _fits(self._incoming, len(payload))
            ):
                self._on_full("to_front")
            return payload
        if self._incoming is None:
            raise BadInput("a payload in a ring, and there is no ring")
        with self._incoming.get(payload.number) as view:
            if len(view) != payload.num_bytes:
                raise BadInput(
                    f"slot {payload.number} holds {len(view)} bytes; its frame says {payload.num_bytes}"
                )
            fetched = bytes(view)
        self._incoming.release(payload.number)
        return fetched

    def close(self) -> None:
        """Whatever comes later travels in its frame."""
        for end in (self._outgoing, self._incoming):
            if end is not None:
                end.close()
        self._outgoing = self._incoming = None

    def _place(self, payload: Buffer) -> Buffer | Slot:
        num_bytes = memoryview(payload).nbytes
        if self._outgoing is None or not _fits(self._outgoing, num_bytes):
            return payload
        number = self._outgoing.put(payload)
        if number is not None:
            return Slot(number, num_bytes)
        if self._on_full is not None:
            self._on_full("to_worker")
        return payload


def _fits(end: RingWriter | RingReader, num_bytes: int) -> bool:
    return INLINE_BELOW <= num_bytes <= end.shape.slot_bytes


def _close(fds: Rings | list[int]) -> None:
    for fd in fds:
        with suppress(OSError):
            os.close(fd)
