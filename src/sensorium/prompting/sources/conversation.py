"""SEMI_STABLE: the conversation as this persona lived it, oldest to newest, one block per entry.

An entry is rendered from itself alone, so that a longer history only appends.
"""

from __future__ import annotations

from collections.abc import Iterable

from sensorium.history import Entry
from sensorium.prompting.format import PromptFormat
from sensorium.prompting.sources.text import as_name, as_sentences, as_words
from sensorium.prompting.tiers import Parts, Source
from sensorium.prompting.view import View
from sensorium.request import Scope, Tier


def conversation(view: View, prompt_format: PromptFormat) -> Iterable[Parts]:
    return (entry_parts(entry, view.persona.id, prompt_format) for entry in view.history)


def entry_parts(entry: Entry, persona_id: str, prompt_format: PromptFormat) -> Parts:
    """One entry in the frame that tells whose it was: a person's, another persona's, its own, nobody's."""
    if entry.kind == "event":
        return prompt_format.framed(prompt_format.event, as_words(entry.text, prompt_format))
    if entry.kind == "person":
        name = as_name(entry.speaker_name, prompt_format)
        return prompt_format.framed(prompt_format.person, as_words(entry.text, prompt_format), name)
    reply = as_sentences(entry.text, prompt_format)
    name = as_name(entry.speaker_name, prompt_format)
    frame = prompt_format.self_ if entry.speaker_id == persona_id else prompt_format.persona
    return prompt_format.framed(frame, reply, name)


SOURCES = (Source("conversation", Tier.SEMI_STABLE, Scope.PERSONA, conversation),)
