"""What happens in a room, as everybody who listens is told: the page, other protocols, tests, benches.

`turn_id` and `entry_id` only grow. Knows nothing of who listens or how it gets there; see `page.py` for that.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from sensorium.history import EntryKind

Outcome = Literal["done", "silent", "interrupted", "failed"]
ToolOutcome = Literal["done", "failed", "dropped"]


class Event(msgspec.Struct, frozen=True, tag=True):
    """Base only in the sense of msgspec's tagged unions."""


class Member(msgspec.Struct, frozen=True):
    """Somebody who is in the room."""

    id: str
    name: str


class Listening(Event, frozen=True):
    """A person begins (`speaking`) or stops to speak; `at_ms` of their microphone's sound."""

    person_id: str
    speaking: bool
    at_ms: int


class Hearing(Event, frozen=True):
    """All that a person has said so far of what they are saying; "" when it was nothing after all."""

    person_id: str
    text: str


class Message(Event, frozen=True):
    """It is on disk and part of the conversation. `at_s` is wall time since the epoch; `turn_id` 0: of none.
    Of a reply that was cut off, `text` is what was heard of it."""

    entry_id: int
    kind: EntryKind
    speaker_id: str
    speaker_name: str
    text: str
    turn_id: int
    at_s: float


class TurnBegan(Event, frozen=True):
    """Somebody will answer `person_id` ("": another persona); nobody when `persona_id` is ""."""

    turn_id: int
    persona_id: str
    why: str
    person_id: str


class Writing(Event, frozen=True):
    """The reply's text so far, as people write it. It may not have been said aloud yet."""

    turn_id: int
    persona_id: str
    text: str


class Spoke(Event, frozen=True):
    """Up to that sample of the turn the reply sounds like `text`: all of it so far, as people write it."""

    turn_id: int
    text: str
    until_sample: int


class Held(Event, frozen=True):
    """The player is silent from now on, and keeps what it has."""

    turn_id: int


class Resumed(Event, frozen=True):
    """It goes on where it was held."""

    turn_id: int


class Cleared(Event, frozen=True):
    """The player forgets what it has of the turn."""

    turn_id: int


class TurnEnded(Event, frozen=True):
    """`said` is what was heard. `error` is one line, "" unless `outcome` is "failed"."""

    turn_id: int
    persona_id: str
    outcome: Outcome
    said: str
    error: str
    error_code: str
    voice_to_voice_ms: float | None
    prompt_tokens: int
    cached_tokens: int
    processed_tokens: int
    reply_tokens: int
    stages_ms: dict[str, float]
    bridge_calls: dict[str, int]


class Members(Event, frozen=True):
    """Who is here now, in the order in which they came."""

    personas: tuple[Member, ...]
    people: tuple[Member, ...]


class RecipeCard(msgspec.Struct, frozen=True):
    """By what the room is played, as the page shows it, and which senses that leaves on."""

    name: str
    about: str
    hearing: bool
    vision: bool
    touch: bool


class RecipeChanged(Event, frozen=True):
    """From the next turn on the room is played by this one."""

    recipe: RecipeCard


class Looked(Event, frozen=True):
    """The personas looked at that frame of that person's camera."""

    person_id: str
    number: int


class ToolCalled(Event, frozen=True):
    """The persona has begun to use a tool, in that turn; `arguments` is a JSON object. `call_id` only grows
    while the house is open."""

    call_id: int
    turn_id: int
    persona_id: str
    tool: str
    arguments: str


class ToolEnded(Event, frozen=True):
    """What became of it. `text`: what the tool said, or one line about what went wrong, "" when nobody wants
    to know any more."""

    call_id: int
    outcome: ToolOutcome
    text: str


class WorkerDown(Event, frozen=True):
    """The process died or hung; it is being restarted."""

    worker: str


class WorkerUp(Event, frozen=True):
    """A new process has taken its place."""

    worker: str


AnyEvent = (
    Listening | Hearing | Message | TurnBegan | Writing | Spoke | Held | Resumed | Cleared | TurnEnded
    | Members | RecipeChanged | Looked | ToolCalled | ToolEnded | WorkerDown | WorkerUp
)  # fmt: skip
