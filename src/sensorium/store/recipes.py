"""The ways to run a room that this house knows: those that ship, and the user's own.

What ships is read from the package and never copied, so an old store has it and an upgrade brings its newest
form; a user's own of the same name wins. Rooms need a row to point at: NULL_RECORD means "as it ships".
"""

from __future__ import annotations

from functools import cache
from importlib import resources

import msgspec

from sensorium.errors import BadInput, NotFound
from sensorium.recipe import Recipe, check, from_toml
from sensorium.store.database import Database

NULL_RECORD = "null"


@cache
def shipped() -> dict[str, Recipe]:
    """By name: the default, and the TOML files of the package."""
    folder = resources.files("sensorium") / "recipes"
    files = sorted((e for e in folder.iterdir() if e.name.endswith(".toml")), key=lambda e: e.name)
    found = [Recipe(), *(from_toml(file.read_bytes(), where=file.name) for file in files)]
    return {recipe.name: recipe for recipe in found}


def all_of(db: Database) -> list[Recipe]:
    """Every recipe, by name."""
    found = {**shipped(), **_own(db)}
    return [found[name] for name in sorted(found)]


def own(db: Database) -> list[str]:
    """The names of those that the user wrote or changed."""
    return sorted(_own(db))


def get(db: Database, name: str) -> Recipe:
    """Whatever its case. Raises NotFound with the nearest."""
    wanted = name.strip().lower()
    found = _own(db).get(wanted) or shipped().get(wanted)
    if found is None:
        raise NotFound.named("recipe", name, [r.name for r in all_of(db)])
    return found


def put(db: Database, recipe: Recipe) -> None:
    """Adds or replaces. Raises BadInput when the record is not usable."""
    check(recipe)
    _write(db, recipe.name, msgspec.json.encode(recipe).decode())


def add(db: Database, recipe: Recipe) -> None:
    """Adds. Raises BadInput when the record is not usable, or the name is taken."""
    if any(known.name == recipe.name for known in all_of(db)):
        raise BadInput(f"there is a recipe {recipe.name!r} already", remedy="--replace takes its place")
    put(db, recipe)


def kept(db: Database, name: str) -> Recipe:
    """The recipe, with a row that a room can point at. Raises NotFound."""
    recipe = get(db, name)
    if recipe.name not in _own(db):
        _write(db, recipe.name, NULL_RECORD)
    return recipe


def remove(db: Database, name: str) -> Recipe:
    """Takes the user's own out; of a name that ships, what ships is there again. Raises as `removable`."""
    recipe = removable(db, name)
    db.execute("DELETE FROM recipes WHERE name = ?", (recipe.name,))
    return recipe


def removable(db: Database, name: str) -> Recipe:
    """Raises NotFound, and BadInput while a room is played by it or when there is nothing of the user's."""
    recipe = get(db, name)
    if recipe.name not in _own(db):
        raise BadInput(f"{recipe.name} comes with sensorium and stays", remedy="no room has to use it")
    if rooms := used_by(db, recipe.name):
        another = "salon" if recipe.name == "default" else "default"
        raise BadInput(
            f"{recipe.name} is the recipe of {', '.join(rooms)}",
            remedy=f"give another first: sensorium room recipe {rooms[0]} {another}",
        )
    return recipe


def used_by(db: Database, name: str) -> list[str]:
    """The ids of the rooms that are played by it."""
    return [i for (i,) in db.execute("SELECT id FROM rooms WHERE recipe = ? ORDER BY id", (name,))]


def _own(db: Database) -> dict[str, Recipe]:
    rows = db.execute("SELECT name, record FROM recipes WHERE record != ?", (NULL_RECORD,))
    return {name: msgspec.json.decode(record, type=Recipe) for name, record in rows}


def _write(db: Database, name: str, record: str) -> None:
    db.execute(
        """INSERT INTO recipes (name, record) VALUES (?, ?)
        ON CONFLICT (name) DO UPDATE SET record = excluded.record""",
        (name, record),
    )
