"""The one tree of errors. Each carries what went wrong in one line and what to do next.

Caught in the worker loop, in the conversation and in the command line; nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class SensoriumError(Exception):
    """Base of every error that a person may read.

    `code` is stable and travels over the wire; `remedy` is the next step, or "".
    """

    code = "internal"
    exit_code = 1

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def one_line(self) -> str:
        text = f"{self.message} ({self.remedy})" if self.remedy else self.message
        # A name in it may come from a file.
        return " ".join(text.splitlines())


class BadInput(SensoriumError):
    """Something from outside is not what it should be; nothing was changed."""

    code = "bad_input"
    exit_code = 2


class NotFound(BadInput):
    """A name that nothing has. Suggests the nearest one that exists."""

    code = "not_found"

    @classmethod
    def named(cls, kind: str, name: str, known: Iterable[str]) -> NotFound:
        known = list(known)
        near = get_close_matches(name.lower(), [k.lower() for k in known], n=1, cutoff=0.5)
        if near:
            original = next(k for k in known if k.lower() == near[0])
            return cls(f"no {kind} called {name!r}", remedy=f"did you mean {original!r}?")
        listing = ", ".join(sorted(known)[:14]) or "none yet"
        return cls(f"no {kind} called {name!r}", remedy=f"there is: {listing}")


class MissingExtra(SensoriumError):
    """An optional part is needed and not installed."""

    code = "missing_extra"
    exit_code = 2


class BundleError(BadInput):
    """A model bundle, GGUF or ONNX file cannot be used."""

    code = "bundle"


class AdapterError(BadInput):
    """An adapter file is broken or was made for another model."""

    code = "adapter"


class UnstableSource(SensoriumError):
    """A source of a stable tier rendered two different texts from the same input."""

    code = "unstable_source"


class ContextFull(SensoriumError):
    """The prompt and its reply do not fit into the configured context."""

    code = "context_full"


class StoreError(SensoriumError):
    """The SQLite file cannot be opened, read or written."""

    code = "store"
    exit_code = 2


class WorkerDied(SensoriumError):
    """A worker process ended in the middle of a turn. The supervisor restarts it."""

    code = "worker_died"


class WorkerFailed(SensoriumError):
    """A worker process could not start or refused a request."""

    code = "worker_failed"


class ToolFailed(SensoriumError):
    """A tool was called and raised, hung, gave something unusable, or its server died."""

    code = "tool_failed"


BY_CODE: dict[str, type[SensoriumError]] = {
    cls.code: cls
    for cls in (
        SensoriumError, BadInput, NotFound, MissingExtra, BundleError, AdapterError,
        UnstableSource, ContextFull, StoreError, WorkerDied, WorkerFailed, ToolFailed,
    )
}  # fmt: skip


def from_wire(code: str, message: str, remedy: str = "") -> SensoriumError:
    """Rebuilds an error that a worker reported."""
    return BY_CODE.get(code, SensoriumError)(message, remedy=remedy)
