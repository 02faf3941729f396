"""What a Realtime session asks of the room, in the order in which it is to be done.

Answers come back as calls of `Session`. Knows nothing of who carries it out.
"""

from __future__ import annotations

from typing import NamedTuple

from sensorium.front.realtime.settings import FunctionTool, TurnDetection


class OpenEar(NamedTuple):
    """From now on `Feed` comes, mono s16le at this rate. Without `detection` only `CloseEar` ends a turn."""

    sample_rate_hz: int
    detection: TurnDetection | None


class Feed(NamedTuple):
    pcm: bytes


class CloseEar(NamedTuple):
    """The sound so far is the item's: `understood` is wanted. Feeding begins anew with `OpenEar`."""

    item_id: str


class DropEar(NamedTuple):
    """The sound so far is nobody's."""


class Hear(NamedTuple):
    """A recording, whole: `understood` is wanted."""

    item_id: str
    pcm: bytes
    sample_rate_hz: int


class Look(NamedTuple):
    """A JPEG or PNG file for everybody to see: `looked` is wanted, `troubled` before it when it is none."""

    picture: bytes
    event_id: str


class Answer(NamedTuple):
    """The persona is to answer `words`, which are those of the items; "" when nothing new was said. It ends
    with `ended`. `tools`: it must call one of these instead of speaking."""

    response_id: str
    item_ids: tuple[str, ...]
    words: str
    instructions: str
    aloud: bool
    tools: tuple[FunctionTool, ...]


class Stop(NamedTuple):
    """The response is to end at once; `ended` follows."""

    response_id: str


class HeardUntil(NamedTuple):
    """Of the response's sound, so much was played."""

    response_id: str
    ms: int


Action = OpenEar | Feed | CloseEar | DropEar | Hear | Look | Answer | Stop | HeardUntil
