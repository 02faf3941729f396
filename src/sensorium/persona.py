"""Who a persona is: the record, its checks, and the stable number that other machines know it by.

Knows nothing of storage, prompts or models.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import NamedTuple

import msgspec

from sensorium.errors import BadInput

MAX_TEXT_CHARS = 4_000
MAX_FACTS = 24
VOICE_NAME = r"[a-z0-9][a-z0-9_-]{0,31}"
_ID = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_OF_BUNDLE = "bundle"
_VOICE = re.compile(f"({VOICE_NAME})@([0-9a-f]{{64}}|{_OF_BUNDLE})")


class Voice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a text-to-speech bridge should sound for this persona, whatever its engine.

    `espeak` is an espeak-ng voice name such as "en-us+f3"; `pitch` 0 to 99; `rate_wpm` words per minute.
    """

    espeak: str = "en-us"
    pitch: int = 50
    rate_wpm: int = 160


class VoiceRef(NamedTuple):
    """Which voice adapter: what people call it, and the sha256 of its file, which decides.

    Without a sha256 it is the one that the bundle has under that name, whichever bundle is used; where it has
    none, the model's own voice.
    """

    name: str
    sha256: str = ""

    def __str__(self) -> str:
        return f"{self.name}@{self.sha256 or _OF_BUNDLE}"


class Persona(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One character: id, spoken name, what it is like, what is true of it, how it sounds.

    `facts` maps an attribute ("likes", "job", "pet") to a short value in lower-case words.
    `voice_adapter_id` is a `VoiceRef` as NAME@SHA256 or NAME@bundle: the voice in the model's own mouth.
    """

    id: str
    name: str
    description: str = ""
    facts: dict[str, str] = msgspec.field(default_factory=dict)
    voice: Voice = msgspec.field(default_factory=Voice)
    voice_adapter_id: str | None = None

    @property
    def voice_ref(self) -> VoiceRef | None:
        """The voice adapter; None when it has none."""
        found = _VOICE.fullmatch(self.voice_adapter_id or "")
        return VoiceRef(found[1], "" if found[2] == _OF_BUNDLE else found[2]) if found else None

    @property
    def slot_hint(self) -> int:
        return slot_hint(self.id)


def slot_hint(persona_id: str) -> int:
    """The persona's stable u32: the first four bytes of SHA-256 of its id, little-endian.

    The same on every machine and in every run, unlike Python's `hash`.
    """
    return int.from_bytes(hashlib.sha256(persona_id.encode()).digest()[:4], "little")


def check(persona: Persona) -> Persona:
    """Refuses a persona that the rest of the house could not hold; returns it unchanged.

    Raises BadInput naming the field.
    """
    if not _ID.fullmatch(persona.id):
        raise BadInput(
            f"persona id {persona.id!r} is not usable",
            remedy="lower-case letters, digits, - and _, at most 32, starting with a letter",
        )
    if not persona.name.strip() or len(persona.name) > 40:
        raise BadInput("a persona's name is 1 to 40 characters")
    if len(persona.description) > MAX_TEXT_CHARS:
        raise BadInput(f"description has {len(persona.description)} characters; at most {MAX_TEXT_CHARS}")
    if len(persona.facts) > MAX_FACTS:
        raise BadInput(f"{len(persona.facts)} facts; at most {MAX_FACTS}")
    for key, value in persona.facts.items():
        if not key or len(key) > 40 or not value or len(value) > 200:
            raise BadInput(f"fact {key!r}: the key is 1 to 40 characters, the value 1 to 200")
    if not 0 <= persona.voice.pitch <= 99:
        raise BadInput(f"voice pitch {persona.voice.pitch} is outside 0 to 99")
    if not 80 <= persona.voice.rate_wpm <= 400:
        raise BadInput(f"voice rate {persona.voice.rate_wpm} is outside 80 to 400 words per minute")
    if persona.voice_adapter_id is not None and persona.voice_ref is None:
        raise BadInput(
            f"voice_adapter_id {persona.voice_adapter_id[:80]!r} is neither NAME@SHA256 nor NAME@bundle",
            remedy="leave it out, and use: sensorium voice assign",
        )
    return persona


def from_toml(data: bytes, *, where: str) -> Persona:
    """Reads one persona from TOML bytes. `where` names the file in errors. Raises BadInput."""
    if len(data) > 64_000:
        raise BadInput(f"{where}: {len(data)} bytes is too large for a persona file")
    try:
        persona = msgspec.toml.decode(data, type=Persona)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as e:
        raise BadInput(f"{where}: {e}") from e
    return check(persona)


def to_toml(persona: Persona) -> bytes:
    """The inverse of `from_toml`, in field order."""
    lines = [
        f"id = {_quote(persona.id)}",
        f"name = {_quote(persona.name)}",
        f"description = {_quote(persona.description)}",
    ]
    if persona.voice_adapter_id is not None:
        lines.append(f"voice_adapter_id = {_quote(persona.voice_adapter_id)}")
    lines += ["", "[facts]", *(f"{_quote(k)} = {_quote(v)}" for k, v in persona.facts.items())]
    v = persona.voice
    lines += ["", "[voice]", f"espeak = {_quote(v.espeak)}", f"pitch = {v.pitch}", f"rate_wpm = {v.rate_wpm}"]
    return ("\n".join(lines) + "\n").encode()


def _quote(text: str) -> str:
    # A JSON string without surrogate escapes is a TOML basic string, but for DEL.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
