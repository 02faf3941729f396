"""The line to one worker, through all its lives: who waits for what, and what happens when it dies.

Knows framing and records, nothing of processes (`supervisor`) or of what a request means (`links`).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Hashable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sensorium.errors import BadInput, SensoriumError, WorkerDied, from_wire
from sensorium.metrics import Counters
from sensorium.wire import framing
from sensorium.wire.records import Failed, Inspect, Ready, Record, Stats

_READ_BYTES = 256 * 1024

Message = tuple[Record, bytes]


class Channel:
    """One connected socket as records in both directions. Lives as long as one worker process."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, record_type: object
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._decoder = framing.Decoder(record_type)

    @classmethod
    async def open(cls, sock: socket.socket, record_type: object) -> Channel:
        """Takes the connected socket over. `record_type` is the union that is let in, e.g. `FromLlm`."""
        sock.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=sock)
        return cls(reader, writer, record_type)

    def send(self, record: Record, payload: framing.Buffer = b"") -> None:
        """Queues one record. To a dead worker it is dropped: whoever waits for an answer learns it there."""
        if not self._writer.is_closing():
            self._writer.write(framing.encode(record, payload))

    async def drain(self) -> None:
        """Waits until the worker takes more. Raises WorkerDied when it never will."""
        try:
            await self._writer.drain()
        except ConnectionError as e:
            raise WorkerDied("the worker's connection is closed") from e

    async def messages(self) -> AsyncIterator[Message]:
        """Until the worker closes its end. Raises BadInput when what comes is no record of this worker."""
        while True:
            try:
                data = await self._reader.read(_READ_BYTES)
            except ConnectionError:
                return
            if not data:
                return
            for message in self._decoder.feed(data):
                yield message

    async def close(self) -> None:
        self._writer.close()
        with suppress(ConnectionError):  # a killed worker resets the connection
            await self._writer.wait_closed()


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
            self._counters.add("late_messages_total", worker=self.worker)
        else:
            queue.put_nowait(message)

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
