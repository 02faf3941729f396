"""Given who reads and who is here, when the mind is asked who answers, then by the format's own tokens."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from sensorium.bundles import catalogue
from sensorium.history import Entry
from sensorium.persona import Persona
from sensorium.prompting import format as prompt_formats
from sensorium.prompting.format import Frame, PromptFormat
from sensorium.prompting.next_speaker import openings
from sensorium.prompting.sources.conversation import entry_parts

MAYA, THEO = Persona(id="maya", name="Maya"), Persona(id="theo", name="Theo")


@pytest.fixture
def nano() -> PromptFormat:
    return prompt_formats.from_bundle(catalogue.find("nano").prompt)


def test_each_opening_is_how_the_entry_of_that_persona_begins(nano: PromptFormat) -> None:
    for reader in (MAYA, THEO):
        asked = openings(reader, (MAYA, THEO), nano)
        assert list(asked) == ["maya", "theo"]
        for persona in (MAYA, THEO):
            entry = Entry(id=1, kind="persona", text="hi", speaker_id=persona.id, speaker_name=persona.name)
            begins = entry_parts(entry, reader.id, nano)
            assert begins[: len(asked[persona.id])] == asked[persona.id]


def test_a_format_that_tells_nobody_apart_is_not_asked(nano: PromptFormat) -> None:
    plain = replace(nano, self_=Frame(open=("me:",)))
    alike = replace(nano, self_=replace(nano.self_, open=nano.persona.open))
    nameless = replace(nano, persona=replace(nano.persona, named=False))
    for unable in (plain, alike, nameless, replace(nano, self_=Frame())):
        assert openings(MAYA, (MAYA, THEO), unable) == {}
