"""Given a voice file, when it lacks what a voice must say, then one line names file and field."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import pytest
from tests.unit.voices.conftest import WARM, Write

from sensorium.bench import random_gguf
from sensorium.bundles import gguf_adapter, gguf_file
from sensorium.errors import AdapterError, BadInput
from sensorium.voices import card
from sensorium.voices.card import KEYS, MAX_WORDS_CHARS, Card


def test_what_was_written_is_read(write: Write) -> None:
    assert card.read(write())[0] == WARM
    assert card.read(write(), name="other")[0] == msgspec.structs.replace(WARM, name="other")
    base = "0123456789abcdef" * 4
    words, file = card.read(write(base_sha256=base))
    assert words.base_sha256 == base and file.text("general.license") == WARM.licence


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"name": ""}, "voice name"),
        ({"name": "Warm Voice"}, "voice name"),
        ({"name": "../x"}, "voice name"),
        ({"name": "x" * 33}, "voice name"),
        ({"licence": ""}, "general.license"),
        ({"licence": "  "}, "general.license"),
        ({"attribution": "two\nlines"}, "attribution"),
        ({"consent": "\x1b[2J"}, "consent"),
        ({"preview_text": "x" * (MAX_WORDS_CHARS + 1)}, "preview text"),
        ({"base_sha256": "abc"}, "sha256"),
    ],
)
def test_a_card_that_no_voice_may_have_is_refused(change: dict[str, str], named: str) -> None:
    with pytest.raises(BadInput, match=named) as caught:
        card.check(msgspec.structs.replace(WARM, **change))
    assert caught.value.remedy


@pytest.mark.parametrize("field", [f for f in Card.__struct_fields__ if f != "base_sha256"])
def test_a_file_without_one_of_its_words_is_refused_by_name(model: Path, tmp_path: Path, field: str) -> None:
    path = tmp_path / "mute.gguf"
    metadata = WARM.metadata()
    del metadata[KEYS[field]]
    random_gguf.write_lora(path, base=model, invoked_by=["<|self|>"], metadata=metadata)
    with pytest.raises(AdapterError) as caught:
        card.read(path)
    line = caught.value.one_line()
    assert "mute.gguf" in line and "\n" not in line and caught.value.remedy


def test_a_plain_lora_is_no_voice(write: Write) -> None:
    with pytest.raises(AdapterError, match="whole prompt") as caught:
        card.read(write(invoked_by=""))
    assert "ask --adapter" in caught.value.remedy


def test_a_name_can_be_given_to_a_file_that_has_none(model: Path, tmp_path: Path) -> None:
    metadata = {**WARM.metadata(), KEYS["name"]: "The Warm One"}
    path = tmp_path / "x.gguf"
    random_gguf.write_lora(path, base=model, invoked_by=["<|self|>"], metadata=metadata)
    assert card.read(path, name="warm")[0] == WARM
    with pytest.raises(AdapterError, match="The Warm One"):
        card.read(path)


def test_damage_anywhere_in_the_head_is_refused_or_harmless(
    write: Write, model: Path, tmp_path: Path
) -> None:
    """Whatever a file says, it is read, or refused in one line that names it."""
    data = write().read_bytes()
    base = gguf_file.read_model(model)
    path = tmp_path / "damaged.gguf"
    chance = random.Random(3)
    num_refused = 0
    for _ in range(400):
        broken = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            broken[chance.randrange(1700)] = chance.randrange(256)
        path.write_bytes(broken)
        try:
            card.read(path)
            gguf_adapter.read_adapter(path, base)
        except AdapterError as e:
            num_refused += 1
            assert "damaged.gguf" in e.one_line() and e.remedy
    assert num_refused > 200
