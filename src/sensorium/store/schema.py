"""What the tables are, as numbered steps. A step that was released is never edited; a new one follows it.

Knows no content: what is in a new store at first is seed.py's.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sensorium.errors import StoreError
from sensorium.store.database import APPLICATION_ID, Database, transaction

_FIRST = """
CREATE TABLE personas (
    id TEXT PRIMARY KEY,
    record TEXT NOT NULL CHECK (json_valid(record))
) STRICT;

CREATE TABLE recipes (
    name TEXT PRIMARY KEY,
    record TEXT NOT NULL CHECK (json_valid(record))
) STRICT;

CREATE TABLE people (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL
) STRICT;

CREATE TABLE rooms (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    recipe TEXT NOT NULL REFERENCES recipes (name),
    created_at REAL NOT NULL
) STRICT;

-- A member is a persona or a person, never both; the order of rows is the order of coming in.
CREATE TABLE room_members (
    id INTEGER PRIMARY KEY,
    room_id TEXT NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    persona_id TEXT REFERENCES personas (id),
    person_id TEXT REFERENCES people (id),
    CHECK ((persona_id IS NULL) != (person_id IS NULL)),
    UNIQUE (room_id, persona_id),
    UNIQUE (room_id, person_id)
) STRICT;

CREATE TABLE media (
    sha256 TEXT PRIMARY KEY,
    mime TEXT NOT NULL,
    data BLOB NOT NULL
) STRICT;

-- speaker_id points nowhere on purpose: what was said outlives who said it.
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    room_id TEXT NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('person', 'persona', 'event')),
    speaker_id TEXT NOT NULL,
    speaker_name TEXT NOT NULL,
    text TEXT NOT NULL,
    spoken TEXT NOT NULL,
    heard_samples INTEGER NOT NULL CHECK (heard_samples >= 0),
    at REAL NOT NULL,
    turn_id INTEGER NOT NULL,
    media_sha256 TEXT REFERENCES media (sha256)
) STRICT;
CREATE INDEX messages_by_room ON messages (room_id, id);

CREATE TABLE memories (
    id INTEGER PRIMARY KEY,
    persona_id TEXT NOT NULL REFERENCES personas (id) ON DELETE CASCADE,
    text TEXT NOT NULL,
    at REAL NOT NULL
) STRICT;
CREATE INDEX memories_by_persona ON memories (persona_id, id);
CREATE VIRTUAL TABLE memory_words USING fts5 (
    text, content = 'memories', content_rowid = 'id', tokenize = 'porter unicode61'
);
CREATE TRIGGER memories_added AFTER INSERT ON memories BEGIN
    INSERT INTO memory_words (rowid, text) VALUES (new.id, new.text);
END;
CREATE TRIGGER memories_removed AFTER DELETE ON memories BEGIN
    INSERT INTO memory_words (memory_words, rowid, text) VALUES ('delete', old.id, old.text);
END;
CREATE TRIGGER memories_changed AFTER UPDATE OF id, text ON memories BEGIN
    INSERT INTO memory_words (memory_words, rowid, text) VALUES ('delete', old.id, old.text);
    INSERT INTO memory_words (rowid, text) VALUES (new.id, new.text);
END;

CREATE TABLE turns (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    persona_id TEXT NOT NULL REFERENCES personas (id) ON DELETE CASCADE,
    record BLOB NOT NULL
) STRICT;
CREATE INDEX turns_by_persona ON turns (persona_id, id);
"""

# The files lie in the folder `voices` under their sha256. Personas name theirs in their record.
_VOICES = """
CREATE TABLE voices (
    sha256 TEXT PRIMARY KEY CHECK (length(sha256) = 64),
    name TEXT NOT NULL UNIQUE,
    num_bytes INTEGER NOT NULL CHECK (num_bytes > 0),
    licence TEXT NOT NULL,
    attribution TEXT NOT NULL,
    consent TEXT NOT NULL,
    added_at REAL NOT NULL
) STRICT;
"""

# Those who shipped before bundles had voices get theirs by name, unless somebody gave them another.
_SHIPPED_VOICES = """
UPDATE personas SET record = json_set(record, '$.voice_adapter_id', id || '@bundle')
WHERE json_extract(record, '$.voice_adapter_id') IS NULL AND id IN (
    'ada', 'clara', 'felix', 'hugo', 'ines', 'jonas', 'leo',
    'maya', 'milo', 'nora', 'oscar', 'ruby', 'theo', 'vera'
);
"""

# A recipe's floor was one word, its only budget stood by itself, and the default lay in every store.
_RECIPE_TABLES = """
UPDATE recipes SET record = 'null' WHERE name = 'default' AND json(record) = json('{
    "name": "default", "text": "", "floor": "addressed", "max_reply_tokens": 64,
    "sampling": {"temperature": 0.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "repeat_penalty": 1.0,
        "repeat_last_n": 64, "seed": 0, "grammar": ""}
}');
UPDATE recipes SET record = json_remove(
    json_set(
        record,
        '$.floor', json_object('policy', json_extract(record, '$.floor')),
        '$.budgets', json_object('max_reply_tokens', coalesce(json_extract(record, '$.max_reply_tokens'), 64))
    ),
    '$.max_reply_tokens'
)
WHERE json_type(record, '$.floor') = 'text';
"""

# A guest stays as long as a connection does; one that a crash left behind is sent home.
_GUESTS = """
ALTER TABLE room_members ADD COLUMN is_guest INTEGER NOT NULL DEFAULT 0 CHECK (is_guest IN (0, 1));
"""

# What tools want said later; persona_id points nowhere, because whoever set a timer may have been taken out.
_REMINDERS = """
CREATE TABLE reminders (
    id INTEGER PRIMARY KEY,
    room_id TEXT NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    persona_id TEXT NOT NULL,
    tool TEXT NOT NULL,
    text TEXT NOT NULL,
    due_at REAL NOT NULL
) STRICT;
CREATE INDEX reminders_by_room ON reminders (room_id, due_at);
"""

STEPS: tuple[str, ...] = (_FIRST, _VOICES, _SHIPPED_VOICES, _RECIPE_TABLES, _GUESTS, _REMINDERS)


def migrate(db: Database, path: Path, fill: Callable[[Database], None]) -> None:
    """Brings an older store up to date, and gives an empty one its first content; all of it or nothing.

    Raises StoreError for a store of a newer schema, which is left as it is.
    """
    if _checked_version(db, path) == len(STEPS):
        return
    with transaction(db):
        # Asked again under the lock: another process may have done it meanwhile.
        found = _checked_version(db, path)
        for step in STEPS[found:]:
            db.execute(step)
        if found == 0:
            fill(db)
        db.pragma("application_id", APPLICATION_ID)
        db.pragma("user_version", len(STEPS))


def _checked_version(db: Database, path: Path) -> int:
    found = int(db.pragma("user_version"))
    if found > len(STEPS):
        raise StoreError(
            f"{path} was written by a newer sensorium (schema {found}; this one knows {len(STEPS)})",
            remedy="upgrade sensorium",
        )
    return found
