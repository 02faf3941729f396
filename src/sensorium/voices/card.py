"""What a voice file says about itself: whose voice, under which licence, with whose consent.

A voice is one GGUF file: an activated LoRA with these words in its metadata, so that they travel with it.
Knows nothing of where files lie and who speaks with them.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from sensorium.bundles import gguf_adapter
from sensorium.bundles.gguf_file import GgufFile
from sensorium.errors import AdapterError, BadInput
from sensorium.persona import VOICE_NAME

MAX_WORDS_CHARS = 2_000
# Field of `Card` -> GGUF key: the standard's where it has one.
KEYS = {
    "name": "general.name",
    "licence": "general.license",
    "attribution": "general.author",
    "consent": "sensorium.voice.consent",
    "preview_text": "sensorium.voice.preview_text",
    "base_sha256": gguf_adapter.BASE_SHA256,
}


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """`licence` is best an SPDX identifier. `consent` says whose voice it is and that they agree, or that
    nobody was recorded. `preview_text` is a sentence that shows it well. `base_sha256` of the model file that
    it was made for; "" means any model that its matrices fit."""

    name: str
    licence: str
    attribution: str
    consent: str
    preview_text: str
    base_sha256: str = ""

    def metadata(self) -> dict[str, str]:
        """GGUF keys and strings, for whoever writes the file. Raises BadInput naming the field."""
        words = msgspec.structs.asdict(check(self))
        return {KEYS[field]: text for field, text in words.items() if text}


def check(card: Card) -> Card:
    """Raises BadInput naming the first field that a voice may not have; returns it unchanged."""
    if not re.fullmatch(VOICE_NAME, card.name):
        raise BadInput(
            f"{card.name!r} is no voice name", remedy="lower-case letters, digits, - and _, at most 32"
        )
    for field in ("licence", "attribution", "consent", "preview_text"):
        text = getattr(card, field)
        if not text.strip() or len(text) > MAX_WORDS_CHARS or not text.isprintable():
            raise BadInput(
                f"its {field.replace('_', ' ')} ({KEYS[field]}) is "
                + (
                    "missing" if not text.strip() else f"not one line of at most {MAX_WORDS_CHARS} characters"
                ),
                remedy="a voice comes with licence, attribution and consent, or not at all",
            )
    if card.base_sha256 and not re.fullmatch("[0-9a-f]{64}", card.base_sha256):
        raise BadInput(f"its base model ({KEYS['base_sha256']}) is no sha256", remedy="64 hex digits")
    return card


def read(path: Path, *, name: str = "") -> tuple[Card, GgufFile]:
    """The checked card of a voice file, called `name` if given, and its head. Whether it fits a model is for
    `gguf_adapter.read_adapter` to say. Raises AdapterError naming the file."""
    file = gguf_adapter.read_head(path)
    if not gguf_adapter.invocation_tokens(file):
        raise AdapterError(
            f"{path} has no {gguf_adapter.INVOCATION_TOKENS}: it would act on the whole prompt",
            remedy="a voice is an activated LoRA (aLoRA); try a plain one with: sensorium ask --adapter",
        )
    words = {field: file.text(key) for field, key in KEYS.items()}
    try:
        return check(Card(**{**words, "name": name or words["name"]})), file
    except BadInput as e:
        raise AdapterError(f"{path}: {e.message}", remedy=e.remedy) from e
