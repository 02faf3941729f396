"""What was said and what happened in a room, one entry after the other.

An entry never changes once it stands in the history: what a barge-in cut off was never added. Knows nothing
of storage, prompts or who should speak next.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from sensorium.errors import BadInput

MAX_ENTRY_CHARS = 8_000
MAX_NAME_CHARS = 80

EntryKind = Literal["person", "persona", "event"]


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person's message, a persona's reply or an event ("joe comes in"), in the order of `id`.

    `speaker_id` is a persona id for kind "persona", whatever names the person for "person", "" for an event.
    `at_s` is wall time in seconds since the epoch; no prompt shows it.
    """

    id: int
    kind: EntryKind
    text: str
    speaker_id: str = ""
    speaker_name: str = ""
    at_s: float = 0.0


def check(entry: Entry) -> Entry:
    """Refuses an entry that no prompt should hold; returns it unchanged. Raises BadInput naming the field."""
    if entry.kind not in ("person", "persona", "event"):
        raise BadInput(f"entry kind {entry.kind!r} is none of person, persona, event")
    if not entry.text.strip() or len(entry.text) > MAX_ENTRY_CHARS:
        raise BadInput(f"an entry's text is 1 to {MAX_ENTRY_CHARS} characters, not {len(entry.text)}")
    if len(entry.speaker_name) > MAX_NAME_CHARS:
        raise BadInput(f"a speaker's name has at most {MAX_NAME_CHARS} characters")
    if entry.kind != "event" and not entry.speaker_id:
        raise BadInput(f"a {entry.kind}'s entry needs a speaker_id")
    return entry
