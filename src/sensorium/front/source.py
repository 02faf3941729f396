"""What a turn answers, and what else belongs to it. Knows nothing of how."""

from __future__ import annotations

from typing import NamedTuple

from sensorium.errors import BadInput
from sensorium.front.listening import Utterance
from sensorium.front.tooling import Result
from sensorium.history import MAX_ENTRY_CHARS, Entry
from sensorium.store.people import Person


class Source(NamedTuple):
    """Where the newest message comes from: a person, maybe by ear, or an entry that stands in the history.
    `instructions`: what the persona is told beside it, for this turn only; `grammar`: all it may say.
    `tools`: the room's tools may be used; `results`: what they gave, to be told now."""

    person: Person | None = None
    entry: Entry | None = None
    by_ear: Utterance | None = None
    instructions: str = ""
    grammar: str = ""
    tools: bool = False
    results: tuple[Result, ...] = ()


def check_text(text: str) -> None:
    """Raises BadInput for what is no message."""
    if not text:
        raise BadInput("no words were understood")
    if len(text) > MAX_ENTRY_CHARS:
        raise BadInput(f"a message has at most {MAX_ENTRY_CHARS} characters, not {len(text)}")
