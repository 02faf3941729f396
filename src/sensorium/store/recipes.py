"""The ways to run a room that this house knows."""

from __future__ import annotations

import msgspec

from sensorium.errors import NotFound
from sensorium.recipe import Recipe, check
from sensorium.store.database import Database


def all_of(db: Database) -> list[Recipe]:
    """Every recipe, by name."""
    return [_decode(record) for (record,) in db.execute("SELECT record FROM recipes ORDER BY name")]


def get(db: Database, name: str) -> Recipe:
    """Whatever its case. Raises NotFound with the nearest."""
    row = db.execute("SELECT record FROM recipes WHERE name = ?", (name.strip().lower(),)).fetchone()
    if row is None:
        raise NotFound.named("recipe", name, [r.name for r in all_of(db)])
    return _decode(row[0])


def put(db: Database, recipe: Recipe) -> None:
    """Adds or replaces. Raises BadInput when the record is not usable."""
    check(recipe)
    db.execute(
        """INSERT INTO recipes (name, record) VALUES (?, ?)
        ON CONFLICT (name) DO UPDATE SET record = excluded.record""",
        (recipe.name, msgspec.json.encode(recipe).decode()),
    )


def _decode(record: str) -> Recipe:
    return msgspec.json.decode(record, type=Recipe)
