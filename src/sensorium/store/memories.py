"""What a persona remembers beyond the conversation, found again by its words."""

from __future__ import annotations

import re

import msgspec

from sensorium.errors import BadInput
from sensorium.store.database import Database

MAX_TEXT_CHARS = 2_000
# More words than this make the query slow and the answer no better.
MAX_QUERY_WORDS = 32

# Words that nearly every memory has; as a query they would recall anything.
_COMMON = frozenset((  # noqa: SIM905
    "a about an and are at be been but by can could did do does for from had has have he her hers him his "
    "how i if in is it its me my no not of on or our ours she so some that the their them then there they "
    "this to was we were what when where which who whom whose why will with would yes you your yours"
).split())  # fmt: skip


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """`at` is wall time in seconds."""

    id: int
    persona_id: str
    text: str
    at: float


def add(db: Database, persona_id: str, text: str, at: float) -> Memory:
    """Raises BadInput when the text is empty or too long."""
    text = text.strip()
    if not 1 <= len(text) <= MAX_TEXT_CHARS:
        raise BadInput(f"a memory has 1 to {MAX_TEXT_CHARS} characters, not {len(text)}")
    db.execute("INSERT INTO memories (persona_id, text, at) VALUES (?, ?, ?)", (persona_id, text, at))
    return Memory(id=db.last_insert_rowid(), persona_id=persona_id, text=text, at=at)


def recall(db: Database, persona_id: str, words: str, k: int) -> list[Memory]:
    """The at most `k` memories that share an uncommon word with `words`, best first (bm25, then newest)."""
    query = _query(words)
    if not query:
        return []
    rows = db.execute(
        """SELECT m.id, m.persona_id, m.text, m.at FROM memory_words
        JOIN memories AS m ON m.id = memory_words.rowid
        WHERE memory_words MATCH ? AND m.persona_id = ?
        ORDER BY bm25(memory_words), m.id DESC LIMIT ?""",
        (query, persona_id, k),
    )
    return [_memory(row) for row in rows]


def newest(db: Database, persona_id: str, k: int) -> list[Memory]:
    """The last `k`, newest first."""
    rows = db.execute(
        "SELECT id, persona_id, text, at FROM memories WHERE persona_id = ? ORDER BY id DESC LIMIT ?",
        (persona_id, k),
    )
    return [_memory(row) for row in rows]


def forget(db: Database, memory_id: int) -> None:
    db.execute("DELETE FROM memories WHERE id = ?", (memory_id,))


def _query(words: str) -> str:
    """An FTS5 query of quoted words: whatever was said, it is never read as query syntax."""
    uncommon = [w for w in re.findall(r"\w+", words.lower()) if w not in _COMMON]
    return " OR ".join(f'"{w}"' for w in dict.fromkeys(uncommon[:MAX_QUERY_WORDS]))


def _memory(row: tuple[int, str, str, float]) -> Memory:
    return Memory(id=row[0], persona_id=row[1], text=row[2], at=row[3])
