"""The line to one worker, through all its lives: who waits for what, and what happens when it dies.

Knows framing and records, nothing of processes (`supervisor`) or of what a request means (`links`).
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sensorium.errors import BadInput, SensoriumError, WorkerDied, WorkerFailed, from_wire
from sensorium.metrics import Counters
from sensorium.wire import framing
from sensorium.wire.payloads import Payloads
from sensorium.wire.records import Failed, Inspect, Ready, Record, Stats
from sensorium.wire.ring import Buffer

_READ_BYTES = 256 * 1024

Message = tuple[Record, bytes]


class Channel:
    """One connected socket as records in both directions. Lives as long as one worker process.

    Whether a payload travels in the socket or in shared memory is for `payloads` to say.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        record_type: object,
        payloads: Payloads,
        hopped: Callable[[float], object],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._decoder = framing.Decoder(record_type, lambda ns: hopped((time.monotonic_ns() - ns) / 1e6))
        self._payloads = payloads
        self._over = False
        # Set when there is room in the ring again, or when nobody will ever make any.
        self._room = asyncio.Event()

    @classmethod
    async def open(
        cls,
        sock: socket.socket,
        record_type: object,
        payloads: Payloads,
        hopped: Callable[[float], object] = lambda ms: None,
    ) -> Channel:
        """Takes the connected socket and the payloads over. `record_type` is the union that is let in, e.g.
        `FromLlm`; `hopped` is told how many ms each record was on its way."""
        sock.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=sock)
        return cls(reader, writer, record_type, payloads, hopped)

    def send(self, record: Record, payload: Buffer = b"") -> None:
        """Queues one record. To a dead worker it is dropped: whoever waits for an answer learns it there.

        Raises BadInput for what no frame can carry, WorkerFailed when the worker damaged the shared memory.
        """
        if not self._writer.is_closing():
            with self._damage_ends_it():
                self._writer.write(self._payloads.encode(record, payload))

    async def drain(self) -> None:
        """Waits until the worker takes more, of records and of payloads. Raises WorkerDied when it never
        will, WorkerFailed as `send` does."""
        try:
            await self._writer.drain()
        except ConnectionError as e:
            raise WorkerDied("the worker's connection is closed") from e
        while self._is_full():
            await self._wait_for_room()

    async def messages(self) -> AsyncIterator[Message]:
        """Until the worker closes its end. Raises BadInput when what comes is no record of this worker."""
        try:
            while data := await self._read():
                for record, payload in self._decoder.feed(data):
                    yield record, self._payloads.fetch(payload)
        finally:
            self._end()

    async def close(self) -> None:
        self._end()
        self._writer.close()
        with suppress(ConnectionError):  # a killed worker resets the connection
            await self._writer.wait_closed()
        self._payloads.close()

    async def _read(self) -> bytes:
        try:
            return await self._reader.read(_READ_BYTES)
        except ConnectionError:
            return b""

    def _is_full(self) -> bool:
        if self._over:
            raise WorkerDied("the worker's connection is closed")
        with self._damage_ends_it():
            return self._payloads.full

    async def _wait_for_room(self) -> None:
        room_fd = self._payloads.room_fd
        assert room_fd is not None
        self._room.clear()
        asyncio.get_running_loop().add_reader(room_fd, self._room_came, room_fd)
        await self._room.wait()

    def _room_came(self, room_fd: int) -> None:
        asyncio.get_running_loop().remove_reader(room_fd)
        with suppress(BlockingIOError):
            os.eventfd_read(room_fd)
        self._room.set()

    def _end(self) -> None:
        """Nobody makes room any more: whoever waits for it learns that."""
        self._over = True
        if (room_fd := self._payloads.room_fd) is not None:
            asyncio.get_running_loop().remove_reader(room_fd)
        self._room.set()

    @contextmanager
    def _damage_ends_it(self) -> Iterator[None]:
        try:
            yield
        except WorkerFailed:
            self._writer.close()  # the supervisor sees the end, and starts another worker
            raise


class Line:
    """`title` is how people read of the worker in errors, e.g. "language model"."""

    def __init__(self, worker: str, title: str, counters: Counters, *, restart_wait_s: float = 10.0) -> None:
        self.worker = worker
        self.title = title
        self.ready: Ready | None = None
        self._counters = counters
        self._restart_wait_s = restart_wait_s
        self._channel: Channel | None = None
        self._changed = asyncio.Event()
        self._given_up: SensoriumError | None = None
        self._waiting: dict[Hashable, asyncio.Queue[Message | Exception]] = {}
        self._next_nonce = 1

    # -- the supervisor's side -----------------------------------------------------------------------

    @property
    def is_up(self) -> bool:
        return self._channel is not None

    def up(self, channel: Channel, ready: Ready) -> None:
        self._channel, self.ready = channel, ready
        self._given_up = None
        self._changed.set()

    def down(self, error: SensoriumError, *, for_good: bool = False) -> None:
        """Every request under way fails with `error`; later ones wait for a restart, or fail `for_good`."""
        self._channel = None
        self._given_up = error if for_good else None
        if for_good:
            self._changed.set()
        else:
            self._changed.clear()
        for queue in self._waiting.values():
            queue.put_nowait(error)

    # -- the links' side -----------------------------------------------------------------------------

    async def channel(self) -> Channel:
        """The living connection; waits for a restart. Raises WorkerDied when none comes, or why it cannot."""
        try:
            async with asyncio.timeout(self._restart_wait_s):
                await self._changed.wait()
        except TimeoutError:
            raise WorkerDied(
                f"the {self.title} process is not running", remedy="see logs/ in the home folder"
            ) from None
        if self._given_up is not None:
            raise type(self._given_up)(self._given_up.message, remedy=self._given_up.remedy)
        assert self._channel is not None
        return self._channel

    def send_if_up(self, record: Record) -> None:
        """For words that a dead worker need not hear, such as `Cancel`."""
        if self._channel is not None:
            self._channel.send(record)

    @contextmanager
    def waiting(self, key: Hashable) -> Iterator[Answers]:
        """Inside, messages delivered to `key` can be awaited. Raises BadInput when somebody waits already."""
        if key in self._waiting:
            raise BadInput(f"{key} is already waiting for the {self.title}")
        queue = self._waiting[key] = asyncio.Queue()
        try:
            yield Answers(queue)
        finally:
            del self._waiting[key]

    def deliver(self, key: Hashable, message: Message) -> None:
        """To whoever waits for `key`; nobody: it came too late, is dropped and counted."""
        queue = self._waiting.get(key)
        if queue is None:
            self.late()
        else:
            queue.put_nowait(message)

    def late(self) -> None:
        """Counts what came when nobody had a use for it any more."""
        self._counters.add("late_messages_total", worker=self.worker)

    def deliver_common(self, record: Record) -> bool:
        """Handles what every worker may say. False when the record is one of its own."""
        if isinstance(record, Stats):
            self.deliver(("nonce", record.nonce), (record, b""))
        elif isinstance(record, Failed):
            self._counters.add("failed_total", worker=self.worker, code=record.code)
            self.deliver(record.turn_id, (record, b""))
        else:
            return False
        return True

    def next_nonce(self) -> int:
        self._next_nonce += 1
        return self._next_nonce

    async def inspect(self) -> dict[str, Any]:
        """What the worker counts and holds. Raises WorkerDied."""
        channel = await self.channel()
        nonce = self.next_nonce()
        with self.waiting(("nonce", nonce)) as answers:
            channel.send(Inspect(nonce))
            record, _ = await answers.get()
        assert isinstance(record, Stats)
        return record.values


class Answers:
    """What came for one waiting request, in order. `over`: the worker will not say more about it."""

    def __init__(self, queue: asyncio.Queue[Message | Exception]) -> None:
        self._queue = queue
        self.over = False

    async def get(self) -> Message:
        """Raises what the worker reported as `Failed`, and WorkerDied when it ended."""
        message = await self._queue.get()
        if isinstance(message, SensoriumError):
            # A fresh object for each waiter: one exception raised in two tasks would share its traceback.
            raise type(message)(message.message, remedy=message.remedy)
        if isinstance(message, Exception):
            raise message
        record, _ = message
        if isinstance(record, Failed):
            self.over = True
            raise from_wire(record.code, record.message, record.remedy)
        return message

    def put(self, message: Message) -> None:
        self._queue.put_nowait(message)

    def fail(self, error: Exception) -> None:
        """Lets `get` raise `error` after what came before it."""
        self._queue.put_nowait(error)
