"""Calls of tools in what a mind writes: taken out of the text as it comes, and read. Pure.

For minds that were trained to call: between the two marks of the bundle's format stands a JSON object with
`name` and `arguments`. Knows no tool.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from sensorium.errors import BadInput

MAX_CALLS = 4
MAX_CALL_CHARS = 16_000


class WrittenCall(NamedTuple):
    """`arguments` is a JSON object."""

    name: str
    arguments: str


class CallReader:
    """Pieces of a reply in, what may be said of it out. `calls` are the texts between marks, in order.

    A piece may end in the middle of a mark; then that much of it waits. Without `marks` all is said.
    """

    def __init__(self, marks: tuple[str, ...] = ()) -> None:
        self._marks = marks
        self._waiting = ""
        self._inside = False
        self.calls: list[str] = []

    def feed(self, text: str) -> str:
        if not self._marks:
            return text
        self._waiting += text
        said = ""
        while True:
            mark = self._marks[1 if self._inside else 0]
            before, found, after = self._waiting.partition(mark)
            if not found:
                break
            if self._inside:
                self.calls.append(before[: MAX_CALL_CHARS + 1])
            else:
                said += before
            self._inside, self._waiting = not self._inside, after
        if self._inside:
            return said
        held = _overlap(self._waiting, self._marks[0])
        said += self._waiting[: len(self._waiting) - held]
        self._waiting = self._waiting[len(self._waiting) - held :]
        return said

    def flush(self) -> str:
        """The end of the reply: what waited is said after all, or was a call that lacks its end."""
        left, self._waiting = self._waiting, ""
        if self._inside:
            self.calls.append(left)
            return ""
        return left

    def is_mark(self, piece: str) -> bool:
        """A control token that opens or closes a call."""
        return piece in self._marks


def read(text: str) -> WrittenCall:
    """Raises BadInput for what is no call."""
    if len(text) > MAX_CALL_CHARS:
        raise BadInput(f"a call has at most {MAX_CALL_CHARS:,} characters")
    try:
        table: Any = msgspec.json.decode(text.strip())
    except (ValueError, RecursionError) as e:
        raise BadInput(f"the call is no JSON: {' '.join(str(e).split())}") from e
    if not isinstance(table, dict) or not isinstance(table.get("name"), str):
        raise BadInput("a call is an object with a name and arguments")
    arguments = table.get("arguments", {})
    if not isinstance(arguments, dict):
        raise BadInput(f"the arguments of {table['name'][:80]!r} are no object")
    return WrittenCall(table["name"], msgspec.json.encode(arguments).decode())


def _overlap(text: str, mark: str) -> int:
    """How many letters at the end of `text` are the beginning of `mark`."""
    return next((n for n in range(min(len(text), len(mark) - 1), 0, -1) if text.endswith(mark[:n])), 0)
