"""How `sensorium persona` gets a new or changed persona: from flags, from a file, from the user's editor.

Knows nothing of the store.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from cyclopts import Parameter

from sensorium import persona as persona_files
from sensorium.errors import BadInput
from sensorium.persona import Persona

MAX_FILE_BYTES = 64_000

S = TypeVar("S", bound=msgspec.Struct)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Changes:
    """What the flags say about a persona; None leaves a field as it is."""

    name: Annotated[str | None, Parameter(help="Spoken name.")] = None
    description: Annotated[str | None, Parameter(help="What it is like, in a sentence or two.")] = None
    fact: Annotated[
        tuple[str, ...],
        Parameter(
            negative="", show_default=False, help='Something true of it, as KEY=VALUE; "KEY=" takes it away.'
        ),
    ] = ()
    voice: Annotated[str | None, Parameter(help='espeak-ng voice, e.g. "en-us+f3".')] = None
    pitch: Annotated[int | None, Parameter(help="0 to 99.")] = None
    rate_wpm: Annotated[int | None, Parameter(help="Words per minute, 80 to 400.")] = None


NO_CHANGES = Changes()


def changed(persona: Persona, changes: Changes) -> Persona:
    """The persona with the flags applied. Raises BadInput for a fact that is not KEY=VALUE."""
    facts = dict(persona.facts)
    for fact in changes.fact:
        key, equals, value = (piece.strip() for piece in fact.partition("="))
        if not equals or not key:
            raise BadInput(f"--fact {fact!r} is not KEY=VALUE", remedy="for example --fact likes=pears")
        if value:
            facts[key] = value
        elif facts.pop(key, None) is None:
            raise BadInput(f"{persona.name} has no fact {key!r} to take away")
    voice = _given(persona.voice, espeak=changes.voice, pitch=changes.pitch, rate_wpm=changes.rate_wpm)
    edited = _given(persona, name=changes.name, description=changes.description, facts=facts, voice=voice)
    return persona_files.check(edited)


def _given(record: S, **fields: Any) -> S:
    return msgspec.structs.replace(record, **{k: v for k, v in fields.items() if v is not None})


def edited_by_hand(persona: Persona) -> Persona:
    """Opens the persona's TOML in the user's editor. Raises BadInput when it fails or leaves nonsense."""
    editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{persona.id}.toml"
        path.write_bytes(persona_files.to_toml(persona))
        try:
            status = subprocess.run([*editor, str(path)]).returncode
        except OSError as e:
            raise BadInput(f"{editor[0]}: {e.strerror}", remedy="set EDITOR, or change it by flags") from e
        if status != 0:
            raise BadInput(f"{editor[0]} ended with {status}; nothing was changed")
        return from_file(path)


def from_file(path: Path) -> Persona:
    """One persona from a TOML file, or from standard input for "-". Raises BadInput."""
    try:
        if str(path) == "-":
            data = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
        else:
            with path.open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
    except OSError as e:
        raise BadInput(f"{path} cannot be read: {e.strerror}") from e
    return persona_files.from_toml(data, where=str(path))


def write_file(path: Path, data: bytes) -> None:
    """Raises BadInput."""
    try:
        path.write_bytes(data)
    except OSError as e:
        raise BadInput(f"{path} cannot be written: {e.strerror}") from e
