"""What the served room writes down: one JSON object a line, in a file that another thread writes.

What people and personas say is private: it is left out unless its owner asked for it.
"""

from __future__ import annotations

import logging
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import QueueHandler, QueueListener, RotatingFileHandler
from pathlib import Path

import msgspec

from sensorium.errors import StoreError
from sensorium.wire.events import (
    Event,
    Message,
    RecipeChanged,
    ToolCalled,
    ToolEnded,
    TurnBegan,
    TurnEnded,
    WorkerDown,
    WorkerUp,
)

_MAX_BYTES = 5_000_000
_KEPT_FILES = 3
_MAX_QUEUED = 10_000
_log = logging.getLogger("sensorium.room")


class EventLog:
    """Which of the room's events are written down. `speech`: also what was said."""

    def __init__(self, *, speech: bool) -> None:
        self._speech = speech

    def note(self, event: Event) -> None:
        said = self.shown(event)
        if said is not None:
            _log.info(type(event).__name__, extra={"said": said})

    def shown(self, event: Event) -> dict[str, object] | None:
        """What is written of it; None: nothing."""
        private: tuple[str, ...]
        match event:
            case Message():
                private = ("text",)
            case TurnEnded():
                # Errors quote what could not be understood.
                private = ("said", "error")
            case ToolCalled():
                private = ("arguments",)
            case ToolEnded():
                private = ("text",)
            case TurnBegan() | RecipeChanged() | WorkerDown() | WorkerUp():
                private = ()
            case _:
                return None
        shown = msgspec.structs.asdict(event)
        return (
            shown if self._speech else {name: value for name, value in shown.items() if name not in private}
        )


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at_s": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "what": record.getMessage(),
            **getattr(record, "said", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


class _Kept(QueueHandler):
    """Keeps records as they are; the stock one makes text of them, which the other end would format anew."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self.handleError(record)


@contextmanager
def written(path: Path) -> Iterator[None]:
    """Inside, what `sensorium` and the server log is written to `path`, by a thread of its own.

    Raises StoreError when the file cannot be opened.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = RotatingFileHandler(path, maxBytes=_MAX_BYTES, backupCount=_KEPT_FILES, encoding="utf-8")
    except OSError as e:
        raise StoreError(f"{path} cannot be written: {e.strerror}") from e
    file.setFormatter(_Lines())
    waiting: queue.Queue[logging.LogRecord] = queue.Queue(_MAX_QUEUED)
    handler, listener = _Kept(waiting), QueueListener(waiting, file)
    loggers = [
        (logging.getLogger("sensorium"), logging.INFO),
        (logging.getLogger("uvicorn"), logging.WARNING),
    ]
    before = [(logger, logger.level, logger.propagate) for logger, _ in loggers]
    for logger, level in loggers:
        logger.setLevel(level)
        logger.propagate = False
        logger.addHandler(handler)
    listener.start()
    try:
        yield
    finally:
        for logger, level, propagate in before:
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate
        listener.stop()
        file.close()
