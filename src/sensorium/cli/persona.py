"""`sensorium persona`: who there is, and changing that."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from cyclopts import App, Parameter

from sensorium import persona as persona_files
from sensorium.cli.output import Home, Json, Yes, confirm, run
from sensorium.cli.persona_edit import NO_CHANGES, Changes, changed, edited_by_hand, from_file, write_file
from sensorium.clock import SystemClock
from sensorium.config import Config
from sensorium.errors import BadInput
from sensorium.persona import Persona
from sensorium.store import personas, rooms, voices
from sensorium.store.database import Database
from sensorium.store.store import Store
from sensorium.voices.library import missing

if TYPE_CHECKING:
    from rich.table import Table

app = App(name="persona", help="Who there is: list, show, add, edit, remove, export and import personas.")

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
    changes: Changes = NO_CHANGES,
    json: Json = False,
    home: Home = None,
) -> None:
    """A new persona, from flags, a TOML file or both.

    Example: sensorium persona add zoe --name Zoe --fact likes=bells --fact job=pilot --voice en+f2
    """
    with run("persona add", json) as output, _store(home) as store:
        persona = from_file(file) if file else Persona(id=persona_id, name=persona_id.capitalize())
        if not persona.id and not file:
            raise BadInput("a new persona needs an id or --file", remedy="see: sensorium persona add --help")
        renamed = msgspec.structs.replace(persona, id=persona_id.lower() or persona.id)
        added = store.submit(personas.add, changed(renamed, changes)).result()
        output.result({"persona": _fields(added)})
        output.text(f"Added {added.name}. Let it in with: sensorium room join living-room {added.id}")


@app.command
def edit(
    name: Name,
    /,
    *,
    changes: Changes = NO_CHANGES,
    json: Json = False,
    home: Home = None,
) -> None:
    """Changes a persona by flags; without flags opens $EDITOR on it.

    Example: sensorium persona edit maya --fact likes=pears --rate-wpm 150
    """
    with run("persona edit", json) as output, _store(home) as store:
        persona = store.read(personas.get, name).result()
        if changes != NO_CHANGES:
            edited = changed(persona, changes)
        elif sys.stdin.isatty() and not json:
            edited = edited_by_hand(persona)
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

    A voice of its own is named in it and travels as a file of its own: sensorium voice export.

    Example: sensorium persona export maya --out maya.toml
    """
    with run("persona export", json) as output, _store(home) as store:
        persona = store.read(personas.get, name).result()
        data = persona_files.to_toml(persona)
        if out is None:
            output.text(data.decode().rstrip("\n"))
        else:
            write_file(out, data)
            output.text(f"Wrote {out}.")
            if persona.voice_ref is not None and persona.voice_ref.sha256:
                output.text(f"Its voice goes beside it: sensorium voice export {persona.voice_ref.name}")
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
    """Takes in a persona from TOML, checked. Its voice is a file of its own: sensorium voice import.

    Example: sensorium persona import maya.toml --replace
    """
    with run("persona import", json) as output, _store(home) as store:
        persona = from_file(file)
        store.submit(personas.put if replace else personas.add, persona).result()
        voice = persona.voice_ref
        # One that comes with a bundle is there where the bundle is.
        is_missing = (
            voice is not None and voice.sha256 != "" and not store.read(voices.holds, voice.sha256).result()
        )
        output.result({"persona": _fields(persona), "voice_missing": is_missing})
        output.text(f"Took in {persona.name}.")
        if voice is not None and is_missing:
            output.complain(missing(voice))


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
