"""How each persona of a room would begin to answer, as one of them reads it: what a mind is asked to choose
from. Pure. Knows nothing of probabilities.
"""

from __future__ import annotations

from collections.abc import Iterable

from sensorium.persona import Persona
from sensorium.prompting.format import PromptFormat
from sensorium.prompting.sources.text import as_name
from sensorium.request import Part


def openings(
    reader: Persona, personas: Iterable[Persona], prompt_format: PromptFormat
) -> dict[str, tuple[Part, ...]]:
    """By persona id. Empty where the format does not tell its own entries from others' by special tokens."""
    own, other = (prompt_format.parts(f.open) for f in (prompt_format.self_, prompt_format.persona))
    told_apart = own != other and all(part.special for part in (*own, *other))
    if not (own and other and told_apart and prompt_format.persona.named):
        return {}
    return {
        persona.id: own if persona.id == reader.id else (*other, Part(as_name(persona.name, prompt_format)))
        for persona in personas
    }
