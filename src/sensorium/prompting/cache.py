"""Remembers composed prompts, so that a turn renders only what is new in it.

For the front's event loop alone: no locks. The clock is handed in; nothing here waits.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

from msgspec.structs import replace

from sensorium.clock import Clock
from sensorium.history import Entry
from sensorium.persona import Persona
from sensorium.prompting.compose import Guard
from sensorium.prompting.format import PromptFormat
from sensorium.prompting.sources import SOURCES
from sensorium.prompting.tiers import Source, arranged
from sensorium.prompting.view import Tool, View
from sensorium.recipe import Recipe
from sensorium.request import Block, Prompt, Tier

TTL_S = 300.0


class _Key(NamedTuple):
    persona_id: str
    room_id: str
    recipe: str


class _Ingredients(NamedTuple):
    """All that the stable head is made of; equal ingredients give equal bytes."""

    persona: Persona
    recipe: Recipe
    tools: tuple[Tool, ...]
    prompt_format: PromptFormat


class _Composition(NamedTuple):
    made_s: float
    ingredients: _Ingredients
    head: tuple[Block, ...]
    history: tuple[Entry, ...]
    conversation: tuple[Block, ...]


class CompositionCache:
    """Composed stable tiers by persona, room, recipe and the entries of the history.

    A hit needs the remembered history to be the beginning of the new one. Events on what the key names
    `forget`; a missed event shows as `stale` in the counts, never as a wrong prompt. A composition is made
    anew after five minutes, so that the guard looks again.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        ttl_s: float = TTL_S,
        max_compositions: int = 256,
        sources: Iterable[Source] = SOURCES,
    ) -> None:
        kept = arranged(sources)
        self._head = [s for s in kept if s.tier is Tier.INVARIANT]
        self._growing = [s for s in kept if s.tier is Tier.SEMI_STABLE]
        self._volatile = [s for s in kept if s.tier is Tier.VOLATILE]
        self._clock = clock
        self._ttl_s = ttl_s
        self._max_compositions = max_compositions
        self._guard = Guard()
        self._compositions: OrderedDict[_Key, _Composition] = OrderedDict()
        self._counts: Counter[str] = Counter()

    def compose(self, view: View, prompt_format: PromptFormat) -> Prompt:
        """Byte for byte what `compose.compose` gives. Raises UnstableSource as it does."""
        key = _Key(view.persona.id, view.room_id, view.recipe.name)
        ingredients = _Ingredients(view.persona, view.recipe, view.tools, prompt_format)
        found = self._find(key, ingredients, view.history)
        made = (
            self._grown(found, view, prompt_format) if found else self._made(ingredients, view, prompt_format)
        )
        self._counts["hits" if found else "misses"] += 1
        self._keep(key, made)
        volatile = [block for source in self._volatile for block in source.render(view, prompt_format)]
        self._counts["rendered_blocks"] += len(volatile)
        return Prompt(view.persona.id, (*made.head, *made.conversation, *volatile))

    def forget(self, *, persona_id: str = "", room_id: str = "", recipe: str = "") -> int:
        """Drops what any of these names: a persona or recipe was edited, a room's members changed, its
        history was cut. Returns how many compositions were dropped."""
        names = _Key(persona_id, room_id, recipe)
        gone = [
            key for key in self._compositions if any(n and n == k for n, k in zip(names, key, strict=True))
        ]
        for key in gone:
            del self._compositions[key]
        self._counts["forgotten"] += len(gone)
        return len(gone)

    def stats(self) -> dict[str, float]:
        """hits, misses, hit_rate (0 to 1), and of the misses: expired, stale; blocks rendered and reused."""
        names = ("hits", "misses", "expired", "stale", "forgotten", "rendered_blocks", "reused_blocks")
        asked = self._counts["hits"] + self._counts["misses"]
        return {
            **{name: self._counts[name] for name in names},
            "compositions": len(self._compositions),
            "hit_rate": self._counts["hits"] / asked if asked else 0.0,
        }

    def _find(self, key: _Key, ingredients: _Ingredients, history: tuple[Entry, ...]) -> _Composition | None:
        found = self._compositions.get(key)
        if found is None:
            return None
        if not 0.0 <= self._clock.now_s() - found.made_s < self._ttl_s:
            self._counts["expired"] += 1
            return None
        if found.ingredients != ingredients or history[: len(found.history)] != found.history:
            self._counts["stale"] += 1
            return None
        return found

    def _made(self, ingredients: _Ingredients, view: View, prompt_format: PromptFormat) -> _Composition:
        head = tuple(b for source in self._head for b in self._guard.render(source, view, prompt_format))
        grown = tuple(b for source in self._growing for b in self._guard.render(source, view, prompt_format))
        self._counts["rendered_blocks"] += len(head) + len(grown)
        return _Composition(self._clock.now_s(), ingredients, head, view.history, grown)

    def _grown(self, found: _Composition, view: View, prompt_format: PromptFormat) -> _Composition:
        self._counts["reused_blocks"] += len(found.head) + len(found.conversation)
        added = view.history[len(found.history) :]
        if not added:
            return found
        tail = replace(view, history=added)
        blocks = tuple(block for source in self._growing for block in source.render(tail, prompt_format))
        self._counts["rendered_blocks"] += len(blocks)
        return found._replace(history=view.history, conversation=found.conversation + blocks)

    def _keep(self, key: _Key, made: _Composition) -> None:
        self._compositions[key] = made
        self._compositions.move_to_end(key)
        if len(self._compositions) > self._max_compositions:
            self._compositions.popitem(last=False)
