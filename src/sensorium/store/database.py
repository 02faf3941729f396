"""One SQLite connection as the store wants it, and SQLite's complaints in words for people.

The only file that knows apsw's options and error classes. Knows no table.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from sensorium.errors import StoreError

Database = apsw.Connection

# "SENS": tells a store from any other program's SQLite file.
APPLICATION_ID = 0x53454E53
_LEAST_FREE_BYTES = 65_536
# SQLite would keep 2 MB of pages: a front's memory grew for half an hour by 3.7 MB an hour until it had them.
# The kernel holds the same pages.
_CACHE_KIB = 256


def connect(path: Path, *, busy_ms: int, read_only: bool = False) -> Database:
    """Opens `path` in WAL mode; creates it (and its folder) unless `read_only`. Raises StoreError.

    synchronous=FULL: in WAL mode, NORMAL survives kill -9 (the pages are with the kernel) but a power cut may
    take the last commits back, and "on disk before it is acknowledged" says disk. FULL costs one fsync a
    commit (0.17 ms against 0.01 ms measured here), off the event loop and shared by a whole batch.
    """
    with spoken_errors(path):
        db = apsw.Connection(str(path))
        try:
            db.set_busy_timeout(busy_ms)
            _refuse_foreign(db, path)
            db.pragma("journal_mode", "wal")
            db.pragma("synchronous", "full")
            db.pragma("foreign_keys", True)
            db.pragma("cache_size", -_CACHE_KIB)
            db.pragma("query_only", read_only)
        except BaseException:
            db.close()
            raise
    return db


@contextmanager
def transaction(db: Database) -> Iterator[None]:
    """Takes the write lock (waits up to the busy timeout), commits at the end, undoes all on an error.

    Not apsw's own `with db`: on a full disk SQLite may end the transaction by itself, and the
    release of a savepoint that is gone would hide the real error.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


@contextmanager
def spoken_errors(path: Path) -> Iterator[None]:
    """Turns whatever SQLite or the file system reports into a StoreError."""
    try:
        yield
    except apsw.Error as e:
        raise spoken(e, path) from e
    except OSError as e:
        raise StoreError(
            f"{path} cannot be used as a store: {e.strerror or e}", remedy="choose another home folder"
        ) from e


def spoken(error: apsw.Error, path: Path) -> StoreError:
    """The one line and the remedy for an SQLite error."""
    match error:
        case apsw.FullError():
            return _disk_full()
        case apsw.IOError() if _has_no_space(path):
            # Before it writes, SQLite needs 32 KB for its shared memory, and calls their lack an I/O error.
            return _disk_full()
        case apsw.BusyError() | apsw.LockedError():
            return StoreError(
                f"{path} is locked by another process", remedy="wait for it, or stop the other sensorium"
            )
        case apsw.NotADBError():
            return StoreError(f"{path} is not a store", remedy="move it away, or set another `store`")
        case apsw.CorruptError():
            return StoreError(f"{path} is damaged", remedy="restore a copy, or move it away to start anew")
        case apsw.ReadOnlyError() | apsw.CantOpenError() | apsw.PermissionsError():
            return StoreError(
                f"{path} cannot be opened for writing", remedy="check the folder and its permissions"
            )
        case apsw.ConstraintError():
            return StoreError(
                f"the store refused that: {error}", remedy="a room or persona may have been removed meanwhile"
            )
        case _:
            return StoreError(f"{path}: {error}")


def _disk_full() -> StoreError:
    return StoreError("the disk is full", remedy="free some space; what was saved is safe")


def _has_no_space(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _LEAST_FREE_BYTES
    except OSError:
        return False


def _refuse_foreign(db: Database, path: Path) -> None:
    """Before anything is changed: is this file ours, or empty?"""
    # In this order: another process may fill it between the two.
    is_empty = db.execute("SELECT count(*) FROM sqlite_schema").get == 0
    application_id = db.pragma("application_id")
    if application_id != APPLICATION_ID and not (application_id == 0 and is_empty):
        raise StoreError(
            f"{path} is the SQLite file of another program", remedy="move it away, or set another `store`"
        )
