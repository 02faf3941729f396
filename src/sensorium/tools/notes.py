"""The note pad: a list of notes for each room, in a file of the home folder that outlives every restart."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from sensorium.errors import BadInput
from sensorium.quantities import number_words
from sensorium.tools.tool import Context, Tool

FILE_NAME = "notes.json"
MAX_NOTES, MAX_NOTE_CHARS = 100, 300
# Read aloud; more would be a speech.
MAX_READ = 8
_MAX_FILE_BYTES = 1 << 20

_Text = Annotated[str, msgspec.Meta(description="what to write down")]


def _notes(context: Context, action: Literal["add", "read", "clear"] = "read", text: _Text = "") -> str:
    with _kept(context.folder) as path:
        notes = _read(path)
        if action == "read":
            return _aloud(notes)
        if action == "clear":
            _write(path, [])
            return f"ok {_aloud([])}" if notes else _aloud(notes)
        note = " ".join(text.split())
        if not 0 < len(note) <= MAX_NOTE_CHARS:
            raise BadInput("a note has some words, and not too many")
        if len(notes) >= MAX_NOTES:
            raise BadInput("the notebook is full")
        _write(path, [*notes, note])
        return f"ok {note}"


def _aloud(notes: list[str]) -> str:
    """In words that nano's mind can pronounce."""
    if not notes:
        return "there is nothing in the notebook"
    what = "is one thing" if len(notes) == 1 else f"are {number_words(len(notes))} things"
    shown = notes[-MAX_READ:]
    last = "" if len(shown) == len(notes) else ". The last are"
    return ". ".join([f"there {what} in the notebook{last}", *shown])


@contextmanager
def _kept(folder: Path) -> Iterator[Path]:
    """Inside, no other process changes the notes."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder / FILE_NAME
    except OSError as e:
        raise BadInput(f"the note pad cannot be kept in {folder}: {e.strerror}") from e


def _read(path: Path) -> list[str]:
    if not path.exists():
        return []
    data = path.read_bytes()
    try:
        if len(data) > _MAX_FILE_BYTES:
            raise ValueError("it is too large")
        return msgspec.json.decode(data, type=list[str])
    except (ValueError, RecursionError) as e:
        raise BadInput(f"{path} is no note pad: {e}", remedy="move it away") from e


def _write(path: Path, notes: list[str]) -> None:
    """All of it or nothing, on disk when this returns."""
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        file.write(msgspec.json.encode(notes))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


notes = Tool(
    _notes,
    name="notes",
    description="The room's note pad: writes a note down, reads all notes, clears the pad.",
    phrases={
        "note {text}": {"action": "add"},
        "note that {text}": {"action": "add"},
        "make a note [that] [of] [to] {text}": {"action": "add"},
        "take a note [that] [of] [to] {text}": {"action": "add"},
        "write down [that] {text}": {"action": "add"},
        "write {text} down": {"action": "add"},
        "put {text} on the note pad": {"action": "add"},
        "write {text} on the note pad": {"action": "add"},
        "add {text} to the note pad": {"action": "add"},
        "put {text} in the notebook": {"action": "add"},
        "write {text} in the notebook": {"action": "add"},
        # Of words that nano's ear knows.
        "use the notebook [for] {text}": {"action": "add"},
        "what is in the notebook": {"action": "read"},
        "open the notebook": {"action": "read"},
        "show [me] [us] the notebook": {"action": "read"},
        "read [me] [us] the notebook": {"action": "read"},
        "what is on the note pad": {"action": "read"},
        "what does the note pad say": {"action": "read"},
        "read [me] [us] the note pad": {"action": "read"},
        "read [me] [us] [my] [our] [the] notes": {"action": "read"},
        "what are [my] [our] [the] notes": {"action": "read"},
        "empty the notebook": {"action": "clear"},
        "clear the notebook": {"action": "clear"},
        "clear the note pad": {"action": "clear"},
        "delete [my] [our] [the] notes": {"action": "clear"},
    },
)
