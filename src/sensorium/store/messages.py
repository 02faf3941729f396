"""What was said and what happened in each room, append-only, in the order of id."""

from __future__ import annotations

from typing import Any

import msgspec

from sensorium.errors import BadInput
from sensorium.history import MAX_ENTRY_CHARS, Entry, EntryKind, check
from sensorium.store.database import Database


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """An entry with what the prompt does not need.

    `entry.text` is what was heard (of a person) or heard to the end (of a persona); `spoken` is all that the
    persona had composed. `heard_samples` count the reply's audio that was played.
    """

    entry: Entry
    room_id: str
    spoken: str = ""
    heard_samples: int = 0
    turn_id: int = 0
    media_sha256: str | None = None


def append(
    db: Database,
    room_id: str,
    kind: EntryKind,
    text: str,
    *,
    at_s: float,
    speaker_id: str = "",
    speaker_name: str = "",
    spoken: str = "",
    heard_samples: int = 0,
    turn_id: int = 0,
    media_sha256: str | None = None,
) -> Entry:
    """Adds one message and gives it as an entry with its id. Raises BadInput when it is not usable."""
    entry = check(
        Entry(id=0, kind=kind, text=text, speaker_id=speaker_id, speaker_name=speaker_name, at_s=at_s)
    )
    if len(spoken) > MAX_ENTRY_CHARS:
        raise BadInput(f"what was spoken has {len(spoken)} characters; at most {MAX_ENTRY_CHARS}")
    db.execute(
        """INSERT INTO messages (room_id, kind, speaker_id, speaker_name, text, spoken, heard_samples, at,
            turn_id, media_sha256) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (room_id, kind, speaker_id, speaker_name, text, spoken, heard_samples, at_s, turn_id, media_sha256),
    )
    return msgspec.structs.replace(entry, id=db.last_insert_rowid())


def tail(db: Database, room_id: str, count: int) -> list[Message]:
    """The last `count` messages of a room, oldest of them first."""
    rows = db.execute(f"{_SELECT} WHERE room_id = ? ORDER BY id DESC LIMIT ?", (room_id, count)).fetchall()
    return [_message(row) for row in reversed(rows)]


def before(db: Database, room_id: str, entry_id: int, count: int) -> list[Message]:
    """The last `count` messages of a room that are older than that entry, oldest of them first."""
    rows = db.execute(
        f"{_SELECT} WHERE room_id = ? AND id < ? ORDER BY id DESC LIMIT ?", (room_id, entry_id, count)
    ).fetchall()
    return [_message(row) for row in reversed(rows)]


def entries(db: Database, room_id: str, count: int) -> list[Entry]:
    """The last `count` entries of a room's conversation, oldest of them first."""
    return [message.entry for message in tail(db, room_id, count)]


def last_turn_id(db: Database) -> int:
    """The highest turn id that any message has; the next one of a new process lies above."""
    return int(db.execute("SELECT coalesce(max(turn_id), 0) FROM messages").get)


_SELECT = """SELECT id, kind, text, speaker_id, speaker_name, at,
    room_id, spoken, heard_samples, turn_id, media_sha256 FROM messages"""


def _message(row: tuple[Any, ...]) -> Message:
    entry = dict(zip(("id", "kind", "text", "speaker_id", "speaker_name", "at_s"), row[:6], strict=True))
    rest = dict(zip(("room_id", "spoken", "heard_samples", "turn_id", "media_sha256"), row[6:], strict=True))
    return Message(entry=Entry(**entry), **rest)
