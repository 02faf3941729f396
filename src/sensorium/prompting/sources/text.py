"""Brings text and names into the form that a prompt format asks for."""

from __future__ import annotations

from sensorium.prompting.format import PromptFormat
from sensorium.prompting.words import clean, clean_line, spoken


def as_sentences(text: str, prompt_format: PromptFormat) -> str:
    """Text whose sentence ends matter: rules, identity, replies."""
    return spoken(text) if prompt_format.text_form == "spoken" else clean(text)


def as_words(text: str, prompt_format: PromptFormat) -> str:
    """Text whose punctuation cannot be relied on: people's messages, events, percepts, memories."""
    return spoken(text, stops=False) if prompt_format.text_form == "spoken" else clean(text)


def as_name(name: str, prompt_format: PromptFormat) -> str:
    """A name that stands inside a frame; a nameless speaker is "someone"."""
    text = spoken(name, stops=False) if prompt_format.text_form == "spoken" else clean_line(name)
    if text.strip():
        return text
    return " someone" if prompt_format.text_form == "spoken" else "Someone"
