"""How a bundle wants its prompt written: which tokens frame what, and in which form words come.

A format is data (the `[prompt]` table of bundle.toml) that the llm worker reports when it is ready, so the
front never reads a model. Knows nothing of sources or tiers.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from sensorium.errors import BundleError
from sensorium.request import Part


class Frame(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands round a text: `open` [name `middle`] text `close`. `named` decides on the name."""

    open: tuple[str, ...] = ()
    middle: tuple[str, ...] = ()
    close: tuple[str, ...] = ()
    named: bool = False


class PromptFormat(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One frame for each kind of content. A string listed in `special_tokens` is that token; any other
    string of a frame is plain text.

    `text_form` "spoken" means lower-case words without punctuation, numbers as words (nano); "written"
    leaves text as it is. `prose` false leaves out free descriptions (a closed world cannot read them).
    `silent` is the token by which the model declines to answer, or "". `image` stands before the rows of a
    picture, inside the frame of a percept. `tool_call`: what opens and closes a call in a reply of a mind
    that makes such (prompting/tool_calls.py), () for one that does not.
    """

    special_tokens: tuple[str, ...]
    begin: tuple[str, ...] = ()
    rules: Frame
    tools: Frame
    recipe: Frame
    identity: Frame
    person: Frame
    persona: Frame
    self_: Frame = msgspec.field(name="self")
    event: Frame
    memory: Frame
    percept: Frame
    time: Frame
    silent: str = ""
    image: tuple[str, ...] = ()
    tool_call: tuple[str, ...] = ()
    text_form: str = "written"
    prose: bool = True
    rules_text: str
    recipe_text: str = ""

    def parts(self, strings: Iterable[str]) -> tuple[Part, ...]:
        special = set(self.special_tokens)
        return tuple(Part(s, s in special) for s in strings if s)

    def framed(self, frame: Frame, text: str, name: str = "") -> tuple[Part, ...]:
        """The frame round `text`; adjacent pieces stay separate parts, each tokenized alone.

        `text` and `name` come from outside and stay plain text, whatever they spell.
        """
        return self.framed_parts(frame, _plain(text), name)

    def framed_parts(self, frame: Frame, content: tuple[Part, ...], name: str = "") -> tuple[Part, ...]:
        """The same round parts, which may be embedding rows."""
        named = (*_plain(name), *self.parts(frame.middle)) if frame.named else ()
        return (*self.parts(frame.open), *named, *content, *self.parts(frame.close))

    @property
    def message_close(self) -> str:
        """The special token that ends what a person says, "" where a text does."""
        first = self.person.close[:1]
        return first[0] if first and first[0] in self.special_tokens else ""

    def reply_open(self) -> tuple[Part, ...]:
        """What the prompt ends with, so that the model speaks next: the opening of its own entry."""
        return self.parts(self.self_.open)


def _plain(text: str) -> tuple[Part, ...]:
    return (Part(text),) if text else ()


def from_bundle(table: object) -> PromptFormat:
    """Checks the `[prompt]` table. Raises BundleError naming the field."""
    try:
        prompt_format = msgspec.convert(table, PromptFormat)
    except msgspec.ValidationError as e:
        raise BundleError(f"bundle.toml [prompt]: {e}") from e
    if prompt_format.text_form not in ("spoken", "written"):
        raise BundleError(f"bundle.toml [prompt]: text_form is {prompt_format.text_form!r}")
    if len(prompt_format.tool_call) not in (0, 2) or not all(prompt_format.tool_call):
        raise BundleError("bundle.toml [prompt]: tool_call is what opens a call and what closes it")
    if prompt_format.silent and prompt_format.silent not in prompt_format.special_tokens:
        raise BundleError(f"bundle.toml [prompt]: silent {prompt_format.silent!r} is no special token")
    return prompt_format
