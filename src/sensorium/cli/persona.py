"""`sensorium persona`: who there is, and changing that."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
from cyclopts import App, Parameter

from sensorium import persona as persona_files
from sensorium.cli.output import Home, Json, Yes, confirm, run
from sensorium.clock import SystemClock
from sensorium.config import Config
from sensorium.errors import BadInput
from sensorium.persona import Persona
from sensorium.store import personas, rooms
from sensorium.store.database import Database
from sensorium.store.store import Store

if TYPE_CHECKING:
    from rich.table import Table

app = App(name="persona", help="Who there is: list, show, add, edit, remove, export and import personas.")

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
    voice_adapter: Annotated[str | None, Parameter(help='Id of a voice adapter; "" for none.')] = None


Name = Annotated[str, Parameter(help="Id or spoken name, whatever its case.")]
File = Annotated[
    Path, Parameter(allow_leading_hyphen=True, help="TOML file of one persona; - for standard input.")
]


@app.command(name="list")
def list_(*, json: Json = False, home: Home = None) -> None:
    """Every persona, with its voice and the rooms it is in.

    Example: sensorium persona list
    """
    with run("persona list", json) as output, _store(home) as store:
        everyone = store.read(_with_rooms).result()
        output.result({"personas": [{**_fields(p), "rooms": where} for p, where in everyone]})
        if not json:
            output.say(_table(everyone))


@app.command
def show(name: Name, /, *, json: Json = False, home: Home = None) -> None:
    """One persona, whole.

    Example: sensorium persona show maya
    """
    with run("persona show", json) as output, _store(home) as store:
        persona = store.read(personas.get, name).result()
        where = store.read(rooms.of_persona, persona.id).result()
        output.result({"persona": _fields(persona), "rooms": where, "slot_hint": persona.slot_hint})
        output.text(persona_files.to_toml(persona).decode())
        output.text(f"# in {', '.join(where) or 'no room'}; slot hint {persona.slot_hint}")


@app.command
def add(
    persona_id: Annotated[
        str, Parameter(name="id", show_default=False, help="Lower-case letters, digits, - and _.")
    ] = "",
    /,
    *,
    file: Annotated[Path | None, Parameter(help="Take it from this TOML file; flags win over it.")] = None,
    changes: Changes = Changes(),
    json: Json = False,
    home: Home = None,
) -> None:
    """A new persona, from flags, a TOML file or both.

    Example: sensorium persona add zoe --name Zoe --fact likes=bells --fact job=pilot --voice en+f2
    """
    with run("persona add", json) as output, _store(home) as store:
        persona = _from_file(file) if file else Persona(id=persona_id, name=persona_id.capitalize())
        if not persona.id and not file:
            raise BadInput("a new persona needs an id or --file", remedy="see: sensorium persona add --help")
        renamed = msgspec.structs.replace(persona, id=persona_id.lower() or persona.id)
        added = store.submit(personas.add, _changed(renamed, changes)).result()
        output.result({"persona": _fields(added)})
        output.text(f"Added {added.name}. Let it in with: sensorium room join living-room {added.id}")


@app.command
def edit(
    name: Name,
    /,
    *,
    changes: Changes = Changes(),
    json: Json = False,
    home: Home = None,
) -> None:
    """Changes a persona by flags; without flags opens $EDITOR on it.

    Example: sensorium persona edit maya --fact likes=pears --rate-wpm 150
    """
    with run("persona edit", json) as output, _store(home) as store:
        persona = store.read(personas.get, name).result()
        if changes != Changes():
            edited = _changed(persona, changes)
        elif sys.stdin.isatty() and not json:
            edited = _edited_by_hand(persona)
        else:
            raise BadInput("nothing to change", remedy="name a change, e.g. --fact likes=pears")
        if edited.id != persona.id:
            raise BadInput("an id stays what it is", remedy=f"add {edited.id!r} and remove {persona.id!r}")
        store.submit(personas.put, edited).result()
        output.result({"persona": _fields(edited)})
        output.text(f"Changed {edited.name}." if edited != persona else "Nothing was changed.")


@app.command
def remove(
    name: Name,
    /,
    *,
    force: Annotated[
        bool, Parameter(negative="", show_default=False, help="Even if it is in a room: it leaves first.")
    ] = False,
    yes: Yes = False,
    json: Json = False,
    home: Home = None,
) -> None:
    """Takes a persona out of the house, with its memories. What it said stays in the rooms' history.

    Example: sensorium persona remove zoe --yes
    """
    with run("persona remove", json) as output, _store(home) as store:
        persona = store.read(personas.get, name).result()
        if not force:
            store.read(personas.check_homeless, persona).result()
        confirm(f"Remove {persona.name} and all that it remembers?", yes)
        store.submit(_remove, persona.id, force, SystemClock().wall_s()).result()
        output.result({"removed": persona.id})
        output.text(f"Removed {persona.name}.")


@app.command
def export(
    name: Name,
    /,
    *,
    out: Annotated[Path | None, Parameter(help="Write here instead of to standard output.")] = None,
    json: Json = False,
    home: Home = None,
) -> None:
    """Writes a persona as TOML, for another machine or another house.

    Example: sensorium persona export maya --out maya.toml
    """
    with run("persona export", json) as output, _store(home) as store:
        persona = store.read(personas.get, name).result()
        data = persona_files.to_toml(persona)
        if out is None:
            output.text(data.decode().rstrip("\n"))
        else:
            _write(out, data)
            output.text(f"Wrote {out}.")
        output.result({"persona": persona.id, "toml": data.decode(), "file": str(out) if out else None})


@app.command(name="import")
def import_(
    file: File,
    /,
    *,
    replace: Annotated[
        bool, Parameter(negative="", show_default=False, help="Replace a persona of the same id.")
    ] = False,
    json: Json = False,
    home: Home = None,
) -> None:
    """Takes in a persona from TOML, checked.

    Example: sensorium persona import maya.toml --replace
    """
    with run("persona import", json) as output, _store(home) as store:
        persona = _from_file(file)
        store.submit(personas.put if replace else personas.add, persona).result()
        output.result({"persona": _fields(persona)})
        output.text(f"Took in {persona.name}.")


def _store(home: Path | None) -> Store:
    return Store.open(Config.load(home).store_path)


def _fields(persona: Persona) -> dict[str, Any]:
    return {name: getattr(persona, name) for name in persona.__struct_fields__}


def _with_rooms(db: Database) -> list[tuple[Persona, list[str]]]:
    return [(persona, rooms.of_persona(db, persona.id)) for persona in personas.all_of(db)]


def _remove(db: Database, persona_id: str, force: bool, at_s: float) -> None:
    if force:
        for room_id in rooms.of_persona(db, persona_id):
            rooms.leave(db, room_id, persona_id, at_s=at_s)
    personas.remove(db, persona_id)


def _changed(persona: Persona, changes: Changes) -> Persona:
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
    if changes.voice_adapter is not None:
        edited = msgspec.structs.replace(edited, voice_adapter_id=changes.voice_adapter or None)
    return persona_files.check(edited)


def _given(record: S, **fields: Any) -> S:
    return msgspec.structs.replace(record, **{k: v for k, v in fields.items() if v is not None})


def _edited_by_hand(persona: Persona) -> Persona:
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
        return _from_file(path)


def _from_file(path: Path) -> Persona:
    try:
        if str(path) == "-":
            data = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
        else:
            with path.open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
    except OSError as e:
        raise BadInput(f"{path} cannot be read: {e.strerror}") from e
    return persona_files.from_toml(data, where=str(path))


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as e:
        raise BadInput(f"{path} cannot be written: {e.strerror}") from e


def _table(everyone: list[tuple[Persona, list[str]]]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("id", "name", "voice", "facts", "rooms"):
        table.add_column(column)
    for persona, where in everyone:
        facts = ", ".join(f"{k} {v}" for k, v in list(persona.facts.items())[:3])
        cells = (persona.id, persona.name, persona.voice.espeak, facts, ", ".join(where))
        table.add_row(*(escape(cell) for cell in cells))
    return table
