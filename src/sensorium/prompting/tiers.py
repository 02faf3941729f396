"""A source is a named piece of the prompt that declares how often it changes and whom it belongs to.

The order of sources is fixed by the table here, never by who registered first. Knows no particular source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from sensorium.prompting.format import PromptFormat
from sensorium.prompting.view import View
from sensorium.request import Block, Part, Scope, Tier

# Within tier and scope. `begin` is first because a model may insist on it; the reply opener must be last.
ORDER = (
    "begin", "rules", "tools", "recipe",
    "identity",
    "conversation",
    "memories", "percepts", "time", "instructions", "newest", "reply",
)  # fmt: skip

Parts = tuple[Part, ...]


class Source(NamedTuple):
    """`parts` gives one tuple of parts for each block; a pure function.

    A SEMI_STABLE source must render history entry by entry: what a longer history adds, it only appends.
    """

    name: str
    tier: Tier
    scope: Scope
    parts: Callable[[View, PromptFormat], Iterable[Parts]]

    def render(self, view: View, prompt_format: PromptFormat) -> tuple[Block, ...]:
        """The source's blocks, stamped with what it declares. Empty blocks are left out."""
        return tuple(
            Block(self.tier, self.scope, self.name, parts)
            for parts in self.parts(view, prompt_format)
            if parts
        )


def arranged(sources: Iterable[Source]) -> tuple[Source, ...]:
    """By tier, then scope, then the table above; names that it lacks come after it, by name."""
    rank = {name: i for i, name in enumerate(ORDER)}
    kept = sorted(sources, key=lambda s: (s.tier, s.scope, rank.get(s.name, len(ORDER)), s.name))
    names = [s.name for s in kept]
    if len(set(names)) != len(names):
        raise ValueError(f"two sources of one name in {names}")
    growing = [s.name for s in kept if s.tier is Tier.SEMI_STABLE]
    if len(growing) > 1:
        # What the first one appends would lie in front of the second one's old text.
        raise ValueError(f"only one source can grow, not {growing}; make it an entry of the conversation")
    return tuple(kept)
