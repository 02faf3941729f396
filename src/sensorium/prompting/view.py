"""All that a prompt is made of, as it stands at one moment. Frozen; reads no clock, store or model."""

from __future__ import annotations

from typing import Any

import msgspec

from sensorium.history import Entry
from sensorium.persona import Persona
from sensorium.recipe import Recipe
from sensorium.request import Part


class Tool(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something a persona may call. `parameters` is a JSON schema."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = msgspec.field(default_factory=dict)


class Rows(msgspec.Struct, frozen=True):
    """Embedding rows by which a model hears or sees: their SHA-256 (hex) and how many there are. The rows
    themselves travel beside the prompt, in the order of the parts of the prompt."""

    sha256: str
    num: int

    @property
    def part(self) -> Part:
        return Part(self.sha256, rows=self.num)


class View(msgspec.Struct, frozen=True, kw_only=True):
    """One persona's view of its room.

    persona, recipe, tools: who it is and by which rules it plays; change weekly.
    history: the settled conversation, oldest first; with `newest` only where it was read before.
    personas_here, people_here: names of all who are present, this persona included.
    memories: recalled sentences, best last; percepts: full sentences ("you see a red ball").
    wall_s: seconds since the epoch; utc_offset_s: what the room's own clock adds to it.
    newest: the message to be answered, or None when the persona speaks unasked.
    heard: how `newest` came by ear, in order: rows, and words where the front knows better than the ear;
    () when the model is to read it.
    pictures: what is in view, as rows, newest last.
    instructions: what the persona is told for this reply only; a closed world cannot read it.
    """

    persona: Persona
    recipe: Recipe
    room_id: str = ""
    tools: tuple[Tool, ...] = ()
    history: tuple[Entry, ...] = ()
    personas_here: tuple[str, ...] = ()
    people_here: tuple[str, ...] = ()
    memories: tuple[str, ...] = ()
    percepts: tuple[str, ...] = ()
    wall_s: float = 0.0
    utc_offset_s: int = 0
    newest: Entry | None = None
    heard: tuple[Rows | str, ...] = ()
    pictures: tuple[Rows, ...] = ()
    instructions: str = ""
