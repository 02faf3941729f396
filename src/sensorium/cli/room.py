"""`sensorium room`: the rooms, who is in them and what was said there."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from sensorium.cli.output import Home, Json, Output, Yes, confirm, run
from sensorium.clock import SystemClock
from sensorium.config import Config
from sensorium.errors import BadInput, NotFound
from sensorium.store import messages, people, rooms
from sensorium.store.database import Database
from sensorium.store.messages import Message
from sensorium.store.people import Person
from sensorium.store.rooms import Room
from sensorium.store.store import Store

app = App(name="room", help="The rooms: list, show, create, remove; join, leave, recipe, history.")

MAX_HISTORY = 10_000

Name = Annotated[str, Parameter(name="room", help="Id of the room, whatever its case.")]
Member = Annotated[str, Parameter(help="Id or name of a persona or a person.")]


@app.command(name="list")
def list_(*, json: Json = False, home: Home = None) -> None:
    """Every room and how many are in it.

    Example: sensorium room list
    """
    with run("room list", json) as output, _store(home) as store:
        found = store.read(rooms.all_of).result()
        output.result({"rooms": [_fields(room) for room in found]})
        for room in found:
            output.text(f"{room.id:<20} {len(room.personas)} personas, {len(room.people)} people")


@app.command
def show(name: Name, /, *, json: Json = False, home: Home = None) -> None:
    """Who is in a room, and its recipe.

    Example: sensorium room show living-room
    """
    with run("room show", json) as output, _store(home) as store:
        _show(output, store.read(rooms.get, name).result())


@app.command
def create(
    room_id: Annotated[str, Parameter(name="id", help="Lower-case letters, digits, - and _.")],
    /,
    *,
    name: Annotated[str, Parameter(show_default=False, help="What people call it; else the id.")] = "",
    recipe: Annotated[str, Parameter(help="The recipe it is played by.")] = "default",
    member: Annotated[
        tuple[str, ...], Parameter(negative="", show_default=False, help="Who is in it from the start.")
    ] = (),
    json: Json = False,
    home: Home = None,
) -> None:
    """A new room.

    Example: sensorium room create kitchen --member hugo --member maya --member sam
    """
    with run("room create", json) as output, _store(home) as store:
        now_s = SystemClock().wall_s()
        _show(output, store.submit(_create, room_id.lower(), name, recipe, member, now_s).result())


@app.command
def remove(name: Name, /, *, yes: Yes = False, json: Json = False, home: Home = None) -> None:
    """Takes a room away, with everything that was said in it.

    Example: sensorium room remove kitchen --yes
    """
    with run("room remove", json) as output, _store(home) as store:
        room = store.read(rooms.get, name).result()
        confirm(f"Remove {room.id} and all that was said in it?", yes)
        store.submit(rooms.remove, room.id).result()
        output.result({"removed": room.id})
        output.text(f"Removed {room.id}.")


@app.command
def join(
    room: Name,
    member: Member,
    /,
    *,
    person: Annotated[
        bool, Parameter(negative="", show_default=False, help="A person who may be new to the house.")
    ] = False,
    json: Json = False,
    home: Home = None,
) -> None:
    """A persona or a person comes into a room. The room's conversation says so.

    Example: sensorium room join living-room nora
    """
    with run("room join", json) as output, _store(home) as store:
        _show(output, store.submit(_join, room, member, person, SystemClock().wall_s()).result())


@app.command
def leave(room: Name, member: Member, /, *, json: Json = False, home: Home = None) -> None:
    """A persona or a person leaves a room. The room's conversation says so.

    Example: sensorium room leave living-room nora
    """
    with run("room leave", json) as output, _store(home) as store:
        _show(output, store.submit(rooms.leave, room, member, at_s=SystemClock().wall_s()).result())


@app.command
def recipe(
    name: Name,
    recipe: Annotated[str, Parameter(name="recipe", help="A name of `sensorium recipe list`.")],
    /,
    *,
    json: Json = False,
    home: Home = None,
) -> None:
    """Gives a room another recipe. A room that is open is given one in its page, under Settings.

    Example: sensorium room recipe living-room stand-up
    """
    with run("room recipe", json) as output, _store(home) as store:
        _show(output, store.submit(rooms.set_recipe, name, recipe).result())


@app.command
def history(
    name: Name,
    /,
    *,
    count: Annotated[int, Parameter(help="How many of the last messages, 1 to 10000.")] = 20,
    json: Json = False,
    home: Home = None,
) -> None:
    """What was said in a room, newest last.

    Example: sensorium room history living-room --count 50
    """
    with run("room history", json) as output, _store(home) as store:
        if not 1 <= count <= MAX_HISTORY:
            raise BadInput(f"--count {count} is outside 1 to {MAX_HISTORY}")
        room = store.read(rooms.get, name).result()
        said = store.read(messages.tail, room.id, count).result()
        output.result({"room": room.id, "messages": said})
        for message in said:
            output.text(_line(message))
        if not said:
            output.text(f"Nothing was said in {room.id} yet.")


def _store(home: Path | None) -> Store:
    return Store.open(Config.load(home).store_path)


def _create(
    db: Database, room_id: str, name: str, recipe: str, members: tuple[str, ...], at_s: float
) -> Room:
    rooms.create(db, room_id, at_s=at_s, name=name, recipe=recipe)
    for member in members:
        rooms.admit(db, room_id, member)
    return rooms.get(db, room_id)


def _join(db: Database, room_id: str, member: str, is_person: bool, at_s: float) -> Room:
    if is_person:
        try:
            people.get(db, member)
        except NotFound:
            people.put(db, Person(id=member.lower(), name=member.capitalize()))
    return rooms.join(db, room_id, member, at_s=at_s)


def _show(output: Output, room: Room) -> None:
    output.result({"room": _fields(room)})
    output.text(f"{room.id} ({room.name}), recipe {room.recipe.name}")
    output.text(f"personas: {', '.join(p.id for p in room.personas) or 'none'}")
    output.text(f"people:   {', '.join(p.id for p in room.people) or 'none'}")


def _fields(room: Room) -> dict[str, Any]:
    return {
        "id": room.id,
        "name": room.name,
        "recipe": room.recipe.name,
        "personas": [p.id for p in room.personas],
        "people": [p.id for p in room.people],
    }


def _line(message: Message) -> str:
    entry = message.entry
    at = time.strftime("%H:%M:%S", time.localtime(entry.at_s))
    if entry.kind == "event":
        return f"{at}  * {entry.text}"
    cut = " ..." if message.spoken and message.spoken != entry.text else ""
    return f"{at}  {entry.speaker_name}: {entry.text}{cut}"
