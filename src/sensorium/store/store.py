"""The one SQLite file, opened: writes go through one thread, reads beside it, no caller needs a loop.

A subject's functions (personas.py, rooms.py, ...) take a database first; `submit` and `read` call them on
the right thread: `store.read(personas.get, "maya").result()`, or with a loop
`await asyncio.wrap_future(store.read(personas.get, "maya"))`.
"""

from __future__ import annotations

import atexit
import queue
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, ParamSpec, Self, TypeVar

from sensorium.clock import Clock, SystemClock
from sensorium.store import schema, seed
from sensorium.store.database import Database, connect, spoken_errors
from sensorium.store.writer import Writer

NUM_READERS = 2
BUSY_MS = 5_000

P = ParamSpec("P")
T = TypeVar("T")


class Store:
    """Made by `open`. Any thread may use it; `close` (or `with`) writes what is queued."""

    def __init__(self, path: Path, writing: Database, reading: list[Database]) -> None:
        self.path = path
        self._writer = Writer(writing, path)
        self._reading = reading
        self._idle: queue.SimpleQueue[Database] = queue.SimpleQueue()
        for db in reading:
            self._idle.put(db)
        self._readers = ThreadPoolExecutor(len(reading), thread_name_prefix="store-reader")
        # The threads of a store that nobody closed must not be cut off in the middle of a commit.
        atexit.register(self.close)
        self._is_open = True

    @classmethod
    def open(cls, path: Path, *, clock: Clock | None = None, busy_ms: int = BUSY_MS) -> Store:
        """Creates, migrates and fills a new store, or opens an old one; blocks, so not on an event loop.

        Raises StoreError: not ours, newer schema, locked for longer than `busy_ms`, unwritable, full disk.
        """
        with spoken_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            databases = [connect(path, busy_ms=busy_ms)]
            try:
                now_s = (clock or SystemClock()).wall_s()
                schema.migrate(databases[0], path, lambda db: seed.fill(db, now_s))
                databases += [connect(path, busy_ms=busy_ms, read_only=True) for _ in range(NUM_READERS)]
            except BaseException:
                for db in databases:
                    db.close()
                raise
        return cls(path, databases[0], databases[1:])

    def submit(
        self, write: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """Runs `write(db, ...)` in a transaction; resolved when it is on disk.

        Fails with StoreError, or with whatever `write` raised, and then nothing of it was written. `write`
        may be called twice, and is carried out even if the waiter is cancelled.
        """
        self._check_open()
        return self._writer.submit(lambda db: write(db, *args, **kwargs))

    def read(
        self, read: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """Runs `read(db, ...)` on a reading connection: sees every write that was acknowledged before."""
        self._check_open()
        return self._readers.submit(self._read, lambda db: read(db, *args, **kwargs))

    def close(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        atexit.unregister(self.close)
        self._readers.shutdown()
        for db in self._reading:
            db.close()
        self._writer.close()

    def _read(self, read: Callable[[Database], T]) -> T:
        db = self._idle.get()
        try:
            # A transaction, so that a read of several statements sees one moment.
            with spoken_errors(self.path), db:
                result = read(db)
            return result
        finally:
            self._idle.put(db)

    def _check_open(self) -> None:
        if not self._is_open:
            raise RuntimeError("the store is closed")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
