"""A room's things as those outside it are told of them."""

from __future__ import annotations

from sensorium.history import Entry
from sensorium.recipe import Recipe
from sensorium.store import rooms
from sensorium.wire.events import Member, Members, Message, RecipeCard


def message(entry: Entry, turn_id: int = 0) -> Message:
    """The entry as those outside are told of it."""
    return Message(
        entry.id, entry.kind, entry.speaker_id, entry.speaker_name, entry.text, turn_id, entry.at_s
    )


def recipe_card(recipe: Recipe) -> RecipeCard:
    """The recipe as those outside are told of it."""
    senses = recipe.senses
    return RecipeCard(recipe.name, recipe.about, senses.hearing, senses.vision, senses.touch)


def members(room: rooms.Room) -> Members:
    """Who is here."""
    return Members(
        tuple(Member(p.id, p.name) for p in room.personas), tuple(Member(p.id, p.name) for p in room.people)
    )
