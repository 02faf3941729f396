"""INVARIANT, shared by all personas of a room: begin, engine rules, tools, recipe."""

from __future__ import annotations

import json
from collections.abc import Iterable

import msgspec

from sensorium.prompting.format import Frame, PromptFormat
from sensorium.prompting.sources.text import as_sentences
from sensorium.prompting.tiers import Parts, Source
from sensorium.prompting.view import Tool, View
from sensorium.prompting.words import clean_line
from sensorium.request import Scope, Tier


def begin(_view: View, prompt_format: PromptFormat) -> Iterable[Parts]:
    yield prompt_format.parts(prompt_format.begin)


def rules(_view: View, prompt_format: PromptFormat) -> Iterable[Parts]:
    yield _framed_if_any(prompt_format.rules, prompt_format.rules_text, prompt_format)


def tools(view: View, prompt_format: PromptFormat) -> Iterable[Parts]:
    if not view.tools:
        return
    lines = (_tool_line(tool, prompt_format) for tool in sorted(view.tools, key=lambda tool: tool.name))
    joint = "" if prompt_format.text_form == "spoken" else "\n"
    yield prompt_format.framed(prompt_format.tools, joint.join(lines))


def recipe(view: View, prompt_format: PromptFormat) -> Iterable[Parts]:
    """A mind of a closed world could not read a recipe's rules: it keeps its own."""
    text = view.recipe.text if prompt_format.prose else ""
    yield _framed_if_any(prompt_format.recipe, text or prompt_format.recipe_text, prompt_format)


def _framed_if_any(frame: Frame, text: str, prompt_format: PromptFormat) -> Parts:
    text = as_sentences(text, prompt_format)
    return prompt_format.framed(frame, text) if text else ()


def _tool_line(tool: Tool, prompt_format: PromptFormat) -> str:
    if prompt_format.text_form == "spoken":
        return as_sentences(f"{tool.name} . {tool.description} .", prompt_format)
    # Sorted keys: a schema that was built in another order must not be another prompt.
    return clean_line(json.dumps(msgspec.to_builtins(tool), sort_keys=True, ensure_ascii=False))


SOURCES = (
    Source("begin", Tier.INVARIANT, Scope.SHARED, begin),
    Source("rules", Tier.INVARIANT, Scope.SHARED, rules),
    Source("tools", Tier.INVARIANT, Scope.SHARED, tools),
    Source("recipe", Tier.INVARIANT, Scope.SHARED, recipe),
)
