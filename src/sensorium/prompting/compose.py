"""Puts a prompt together from its sources, and refuses a stable source that is not stable.

Pure. Knows no particular source and no tokens.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from msgspec.structs import replace

from sensorium.errors import UnstableSource
from sensorium.history import Entry
from sensorium.prompting.format import PromptFormat
from sensorium.prompting.sources import SOURCES
from sensorium.prompting.tiers import Source, arranged
from sensorium.prompting.view import View
from sensorium.request import Block, Prompt, Tier


def compose(view: View, prompt_format: PromptFormat, sources: Iterable[Source] = SOURCES) -> Prompt:
    """The whole prompt, every block in its final order.

    Raises UnstableSource naming the source of a stable tier that renders differently when only the moment
    differs; its author moves it to VOLATILE or takes the moment out of it.
    """
    guard = Guard()
    blocks = [block for source in arranged(sources) for block in guard.render(source, view, prompt_format)]
    return Prompt(view.persona.id, tuple(blocks))


def before_close(prompt: Prompt, prompt_format: PromptFormat) -> Prompt:
    """The prompt as far as a person who still speaks has come: without what closes the newest message and all
    behind it."""
    close = prompt_format.parts(prompt_format.person.close)
    at = next(i for i, block in enumerate(prompt.blocks) if block.source == "newest")
    newest = prompt.blocks[at]
    parts = (
        newest.parts[: len(newest.parts) - len(close)]
        if newest.parts[-len(close) :] == close
        else newest.parts
    )
    return Prompt(prompt.persona_id, (*prompt.blocks[:at], replace(newest, parts=parts)))


def lay_out(view: View, prompt_format: PromptFormat, sources: Iterable[Source] = SOURCES) -> Prompt:
    """`compose` without the guard, at half its cost: for making training data in bulk."""
    blocks = [block for source in arranged(sources) for block in source.render(view, prompt_format)]
    return Prompt(view.persona.id, tuple(blocks))


class Guard:
    """Renders stable sources twice, and remembers which texts were found stable.

    A source that carries the moment gives a text not seen before, so remembering hides nothing. Only the hash
    of a text is kept, or whole conversations would stay alive.
    """

    def __init__(self, max_remembered: int = 512) -> None:
        self._found_stable: OrderedDict[tuple[Source, int], None] = OrderedDict()
        self._max_remembered = max_remembered

    def render(self, source: Source, view: View, prompt_format: PromptFormat) -> tuple[Block, ...]:
        """The source's blocks. Raises UnstableSource when a stable tier's would differ at another moment."""
        blocks = source.render(view, prompt_format)
        if source.tier is Tier.VOLATILE or (seen := (source, hash(blocks))) in self._found_stable:
            return blocks
        if _render_elsewhen(source, view, prompt_format) != blocks:
            raise UnstableSource(
                f"source {source.name!r} declares {source.tier.name} but changes with the moment",
                remedy="move it to VOLATILE, or take clock, presence, memories and counters out of it",
            )
        self._found_stable[seen] = None
        if len(self._found_stable) > self._max_remembered:
            self._found_stable.popitem(last=False)
        return blocks


def _render_elsewhen(source: Source, view: View, prompt_format: PromptFormat) -> tuple[Block, ...]:
    moved = _another_moment(view)
    if source.tier is Tier.INVARIANT:
        return source.render(replace(moved, history=()), prompt_format)
    # In two pieces: an entry that is rendered by its neighbours would be rewritten when more is said.
    middle = len(view.history) // 2
    older = source.render(replace(moved, history=view.history[:middle]), prompt_format)
    return older + source.render(replace(moved, history=view.history[middle:]), prompt_format)


def _another_moment(view: View) -> View:
    """The same persona, rules and conversation; everything that a turn brings is different."""
    newest = Entry(id=-1, kind="person", text="is it raining", speaker_id="-", speaker_name="nobody")
    return replace(
        view,
        wall_s=view.wall_s + 90_061.0,
        utc_offset_s=view.utc_offset_s + 3_600,
        personas_here=(*view.personas_here, "somebody else"),
        people_here=(),
        memories=("it was raining", *reversed(view.memories)),
        percepts=("you hear rain", *view.percepts),
        newest=newest,
    )
