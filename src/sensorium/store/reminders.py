"""What tools want said in a room later: kept until somebody has said it, also over restarts."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sensorium.errors import BadInput
from sensorium.store.database import Database

MAX_OF_ROOM = 256


class Reminder(msgspec.Struct, frozen=True, kw_only=True):
    """`due_at` is wall time in seconds."""

    id: int
    room_id: str
    persona_id: str
    tool: str
    text: str
    due_at: float


def change(
    db: Database,
    room_id: str,
    persona_id: str,
    tool: str,
    added: Sequence[tuple[float, str]],
    *,
    forget: bool,
) -> None:
    """Drops what the tool wanted said in this room, if it is to be forgotten, then adds (due_at, text).

    Raises BadInput when so many wait in this room.
    """
    if forget:
        db.execute("DELETE FROM reminders WHERE room_id = ? AND tool = ?", (room_id, tool))
    waiting = int(db.execute("SELECT count(*) FROM reminders WHERE room_id = ?", (room_id,)).get)
    if waiting + len(added) > MAX_OF_ROOM:
        raise BadInput(f"{waiting} things wait to be said in {room_id}", remedy="let some of them be over")
    for due_at, text in added:
        db.execute(
            "INSERT INTO reminders (room_id, persona_id, tool, text, due_at) VALUES (?, ?, ?, ?, ?)",
            (room_id, persona_id, tool, text, due_at),
        )


def pending(db: Database, room_id: str) -> list[Reminder]:
    """Soonest first."""
    rows = db.execute(
        """SELECT id, room_id, persona_id, tool, text, due_at FROM reminders
        WHERE room_id = ? ORDER BY due_at, id""",
        (room_id,),
    )
    names = Reminder.__struct_fields__
    return [Reminder(**dict(zip(names, row, strict=True))) for row in rows]


def claim(db: Database, reminder_id: int) -> bool:
    """Whoever is told True says it; to all others, and to other processes, it is gone."""
    db.execute("DELETE FROM reminders WHERE id = ?", (reminder_id,))
    return db.changes() == 1
