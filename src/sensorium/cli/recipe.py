"""`sensorium recipe`: the ways to run a room; a room's own is chosen with `sensorium room recipe`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter

from sensorium import recipe as recipe_files
from sensorium.cli.output import Home, Json, Output, Yes, confirm, run
from sensorium.config import Config
from sensorium.errors import BadInput
from sensorium.recipe import Recipe
from sensorium.store import recipes
from sensorium.store.database import Database
from sensorium.store.store import Store

app = App(name="recipe", help="What a room is for: list, show, check, add and remove recipes.")

Name = Annotated[str, Parameter(name="name", help="Name of a recipe, whatever its case.")]
File = Annotated[
    Path,
    Parameter(name="file", allow_leading_hyphen=True, help="TOML file of one recipe; - for standard input."),
]


@app.command(name="list")
def list_(*, json: Json = False, home: Home = None) -> None:
    """Every recipe, what it is for and which rooms are played by it.

    A recipe is a TOML file: rules for the mind, who answers, which senses are on, what a reply may cost. Give
    a room one with `sensorium room recipe living-room stand-up`, or in its page under Settings.

    Example: sensorium recipe list
    """
    with run("recipe list", json) as output, _store(home) as store:
        rows = store.read(_rows).result()
        output.result({"recipes": rows})
        for row in rows:
            where = f"  [{', '.join(row['rooms'])}]" if row["rooms"] else ""
            own = "  (yours)" if row["own"] else ""
            output.text(f"{row['name']:<16} {row['about'] or '-'}{own}{where}")


@app.command
def show(name: Name, /, *, json: Json = False, home: Home = None) -> None:
    """One recipe, whole, as the TOML file that `sensorium recipe add` takes.

    Start your own from one that ships: `sensorium recipe show salon > quiz.toml`, change its name and the
    rest, then `sensorium recipe add quiz.toml`. What you leave out of the file is as in docs/recipes.md.

    Example: sensorium recipe show stand-up
    """
    with run("recipe show", json) as output, _store(home) as store:
        row = store.read(_row, name).result()
        recipe = store.read(recipes.get, name).result()
        output.result({"recipe": msgspec.to_builtins(recipe), "own": row["own"], "rooms": row["rooms"]})
        output.text(recipe_files.to_toml(recipe).decode())
        whose = "yours" if row["own"] else "comes with sensorium"
        output.text(f"# {whose}; the recipe of {', '.join(row['rooms']) or 'no room'}")


@app.command
def check(file: File, /, *, json: Json = False) -> None:
    """Is this file a recipe? Says which field is wrong; changes nothing.

    Example: sensorium recipe check quiz.toml
    """
    with run("recipe check", json) as output:
        recipe = _from_file(file)
        output.result({"recipe": msgspec.to_builtins(recipe)})
        output.text(f"{file} is the recipe {recipe.name}.")


@app.command
def add(
    file: File,
    /,
    *,
    replace: Annotated[
        bool,
        Parameter(negative="", show_default=False, help="Take the place of a recipe of the same name."),
    ] = False,
    json: Json = False,
    home: Home = None,
) -> None:
    """Takes in a recipe from TOML, checked. One that ships can be replaced by your own of its name.

    A room that is open plays on by what it has until it is given the recipe anew.

    Example: sensorium recipe add quiz.toml
    """
    with run("recipe add", json) as output:
        recipe = _from_file(file)
        with _store(home) as store:
            store.submit(recipes.put if replace else recipes.add, recipe).result()
        output.result({"recipe": msgspec.to_builtins(recipe)})
        output.text(
            f"Took in {recipe.name}. Play by it with: sensorium room recipe living-room {recipe.name}"
        )


@app.command
def remove(name: Name, /, *, yes: Yes = False, json: Json = False, home: Home = None) -> None:
    """Takes a recipe of yours out. Not while a room is played by it; what ships stays, and comes back.

    Example: sensorium recipe remove quiz --yes
    """
    with run("recipe remove", json) as output, _store(home) as store:
        recipe = store.read(recipes.removable, name).result()
        confirm(f"Remove the recipe {recipe.name}?", yes)
        store.submit(recipes.remove, recipe.name).result()
        output.result({"removed": recipe.name})
        _tell_removed(output, recipe)


def _tell_removed(output: Output, recipe: Recipe) -> None:
    again = "; the one that ships is there again" if recipe.name in recipes.shipped() else ""
    output.text(f"Removed {recipe.name}{again}.")


def _store(home: Path | None) -> Store:
    return Store.open(Config.load(home).store_path)


def _row(db: Database, name: str) -> dict[str, Any]:
    recipe = recipes.get(db, name)
    return {
        "name": recipe.name,
        "about": recipe.about,
        "own": recipe.name in recipes.own(db),
        "rooms": recipes.used_by(db, recipe.name),
    }


def _rows(db: Database) -> list[dict[str, Any]]:
    return [_row(db, recipe.name) for recipe in recipes.all_of(db)]


def _from_file(path: Path) -> Recipe:
    """From a TOML file, or from standard input for "-". Raises BadInput."""
    most = recipe_files.MAX_FILE_BYTES + 1
    try:
        if str(path) == "-":
            data = sys.stdin.buffer.read(most)
        else:
            with path.open("rb") as file:
                data = file.read(most)
    except OSError as e:
        raise BadInput(f"{path} cannot be read: {e.strerror}") from e
    return recipe_files.from_toml(data, where=str(path))
