"""One thread that writes, in batches: everything that waits shares one transaction and one fsync.

A future is resolved after COMMIT and never before. Knows no table.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from sensorium.store.database import Database, spoken, transaction

MAX_BATCH = 256


class Job(NamedTuple):
    """`run` may be called twice (once in a batch that failed), so it touches nothing but the database."""

    run: Callable[[Database], Any]
    future: Future[Any]


class _Outcome(NamedTuple):
    value: Any = None
    error: BaseException | None = None


class Writer:
    """Owns the writing connection from here on. `path` is for error lines."""

    def __init__(self, db: Database, path: Path) -> None:
        self._db = db
        self._path = path
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, run: Callable[[Database], Any]) -> Future[Any]:
        """Queues one write. It happens even when the task that awaits the future is cancelled."""
        job = Job(run, Future())
        # Marked as running at once: a barge-in that cancels the waiter must not take the message with it.
        job.future.set_running_or_notify_cancel()
        self._jobs.put(job)
        return job.future

    def close(self) -> None:
        """Writes what is queued, then closes the connection."""
        self._jobs.put(None)
        self._thread.join()
        self._db.close()

    def _run(self) -> None:
        is_open = True
        while is_open:
            batch, is_open = self._take()
            if batch:
                self._write(batch)

    def _take(self) -> tuple[list[Job], bool]:
        """Waits for one job, then takes all that are there already."""
        batch: list[Job] = []
        job = self._jobs.get()
        while job is not None:
            batch.append(job)
            if len(batch) == MAX_BATCH or self._jobs.empty():
                return batch, True
            job = self._jobs.get()
        return batch, False

    def _write(self, batch: list[Job]) -> None:
        try:
            with transaction(self._db):
                outcomes = [_attempt(self._db, job) for job in batch]
        except apsw.Error as e:
            if len(batch) == 1:
                batch[0].future.set_exception(spoken(e, self._path))
                return
            # One of them asks too much (a large blob on a full disk): each for itself, in order.
            for job in batch:
                self._write([job])
            return
        for job, outcome in zip(batch, outcomes, strict=True):
            if outcome.error is None:
                job.future.set_result(outcome.value)
            else:
                job.future.set_exception(outcome.error)


def _attempt(db: Database, job: Job) -> _Outcome:
    """Runs one job so that its refusal undoes its own writes only. An SQLite error ends the batch."""
    db.execute("SAVEPOINT job")
    try:
        value = job.run(db)
    except apsw.Error:
        raise
    except BaseException as e:
        # Not swallowed: it is raised where the future is awaited.
        db.execute("ROLLBACK TO job")
        db.execute("RELEASE job")
        return _Outcome(error=e)
    db.execute("RELEASE job")
    return _Outcome(value)
