"""INVARIANT, one persona's own: its name, what it is like, what is true of it."""

from __future__ import annotations

from collections.abc import Iterable

from sensorium.persona import Persona
from sensorium.prompting.format import PromptFormat
from sensorium.prompting.sources.text import as_sentences
from sensorium.prompting.tiers import Parts, Source
from sensorium.prompting.view import View
from sensorium.prompting.words import clean_line, spoken
from sensorium.request import Scope, Tier

# What stands before and after the value; any other key is "your KEY is VALUE".
_SENTENCES = {
    "likes": ("you like", ""),
    "dislikes": ("you do not like", ""),
    "home": ("you live in", ""),
    "age": ("you are", "years old"),
}


def identity(view: View, prompt_format: PromptFormat) -> Iterable[Parts]:
    persona = view.persona
    name, *facts = (_sentence(s, prompt_format) for s in (f"your name is {persona.name}", *_facts(persona)))
    prose = as_sentences(persona.description, prompt_format) if prompt_format.prose else ""
    sentences = [s for s in (name, _ended(prose), *facts) if s]
    joint = "" if prompt_format.text_form == "spoken" else " "
    yield prompt_format.framed(prompt_format.identity, joint.join(sentences))


def _facts(persona: Persona) -> Iterable[str]:
    for key, value in sorted(persona.facts.items()):
        before, after = _SENTENCES.get(key, (f"your {key.replace('_', ' ')} is", ""))
        yield f"{before} {value} {after}"


def _sentence(text: str, prompt_format: PromptFormat) -> str:
    # A full stop inside a value ("st. ives") must not end the sentence for a model that reads " .".
    if prompt_format.text_form == "spoken":
        return spoken(text, stops=False) + " ."
    line = clean_line(text)
    return _ended(line[:1].upper() + line[1:])


def _ended(text: str) -> str:
    if not text or text.endswith((".", "!", "?")):
        return text
    return text + (" ." if text.startswith(" ") else ".")


SOURCES = (Source("identity", Tier.INVARIANT, Scope.PERSONA, identity),)
