"""The last turns of each persona, whole: what `sensorium explain` compares."""

from __future__ import annotations

import msgspec

from sensorium.request import Prompt, Usage
from sensorium.store.database import Database

# explain needs two; the rest are for looking further back by hand.
KEPT_PER_PERSONA = 20


class KeptTurn(msgspec.Struct, frozen=True, kw_only=True):
    """One turn as it was asked and what it cost.

    `block_tokens` counts the tokens of each block of `prompt`, in order, or is empty when nobody counted;
    `stages` are (process, name, milliseconds); `at` is wall time in seconds; `in_view`: the things of the
    picture that the prompt holds as rows.
    """

    turn_id: int
    persona_id: str
    room_id: str
    at: float
    prompt: Prompt
    usage: Usage
    block_tokens: tuple[int, ...] = ()
    stages: tuple[tuple[str, str, float], ...] = ()
    said: str = ""
    in_view: tuple[str, ...] = ()


def keep(db: Database, turn: KeptTurn) -> None:
    """Adds the turn and drops the persona's oldest beyond the last 20."""
    db.execute(
        "INSERT INTO turns (persona_id, record) VALUES (?, ?)",
        (turn.persona_id, msgspec.msgpack.encode(turn)),
    )
    db.execute(
        """DELETE FROM turns WHERE persona_id = :persona AND id NOT IN (
            SELECT id FROM turns WHERE persona_id = :persona ORDER BY id DESC LIMIT :kept)""",
        {"persona": turn.persona_id, "kept": KEPT_PER_PERSONA},
    )


def last(db: Database, persona_id: str, count: int = 2) -> list[KeptTurn]:
    """The persona's last turns, oldest of them first."""
    rows = db.execute(
        "SELECT record FROM turns WHERE persona_id = ? ORDER BY id DESC LIMIT ?", (persona_id, count)
    ).fetchall()
    return [msgspec.msgpack.decode(record, type=KeptTurn) for (record,) in reversed(rows)]
