"""The tools that a room's recipe names and that are there, and which of them a person's words ask for.

Decides nothing about calls. Knows no process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from sensorium import asking
from sensorium.dialogue.names import distance
from sensorium.front.room import RoomState
from sensorium.front.tool_link import ToolLink
from sensorium.prompting.view import Tool
from sensorium.prompting.words import spoken
from sensorium.wire.records import ToolCard

# Longer than any wish; to look at a speech would hold up the loop.
MAX_WISH_WORDS = 64
# From so many letters on a word counts with one letter misheard.
_LEAST_MISHEARD = 5


class Wanted(NamedTuple):
    """`arguments` is a JSON object."""

    tool: str
    arguments: str


class Toolbox:
    """`calls_itself`: the mind was trained to call tools, so it is told of them, and words are left to it.
    `changed` hears that prompts are others now."""

    def __init__(
        self,
        link: ToolLink,
        room: RoomState,
        *,
        calls_itself: bool,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._link, self._room = link, room
        self._calls_itself, self._changed = calls_itself, changed
        self._cards: tuple[ToolCard, ...] = ()
        self._phrases: list[tuple[asking.Phrase, dict[str, Any], str]] = []
        link.changed = self.refresh
        self.refresh()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(card.name for card in self._cards)

    def wanted(self, text: str, called: str) -> Wanted | None:
        """What these words ask for, said to whoever is `called` so: by the phrase with most fixed words."""
        said = spoken(text, stops=False).split()
        if len(said) > MAX_WISH_WORDS:
            return None
        words = asking.bare(said, [called])
        for phrase, fixed, tool in self._phrases:
            if (filled := asking.fitted(phrase, words, alike)) is not None:
                return Wanted(tool, msgspec.json.encode({**fixed, **filled}).decode())
        return None

    def refresh(self) -> None:
        """The room's recipe is another, or what there is."""
        wanted = self._room.room.recipe.tools
        cards = tuple(card for card in self._link.offered.tools if card.name in wanted)
        if cards == self._cards:
            return
        self._cards = cards
        if not self._calls_itself:
            found = [(asking.parse(by.phrase), by.fixed, card.name) for card in cards for by in card.phrases]
            self._phrases = sorted(found, key=lambda one: -one[0].num_words)
            return
        self._room.tools = tuple(
            Tool(name=card.name, description=card.description, parameters=card.parameters) for card in cards
        )
        self._changed()


def alike(heard: str, word: str) -> bool:
    """Is it that word, as it may have been misheard?"""
    return heard == word or (len(word) >= _LEAST_MISHEARD and distance(heard, word) == 1)
