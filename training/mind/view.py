"""A play as the house's own `View`, so that what is trained can be held against what is composed."""

from __future__ import annotations

import tomllib
from pathlib import Path

from sensorium.history import Entry, EntryKind
from sensorium.persona import Persona
from sensorium.prompting.format import PromptFormat, from_bundle
from sensorium.prompting.view import View
from sensorium.recipe import Recipe
from training.mind.play import Play
from training.mind.render import percept_texts
from training.mind.scene import Line

BUNDLE = Path(__file__).parents[2] / "src" / "sensorium" / "bundles" / "nano"


def prompt_format() -> PromptFormat:
    """nano's own."""
    return from_bundle(tomllib.loads((BUNDLE / "bundle.toml").read_text())["prompt"])


def as_view(play: Play) -> View:
    """The same situation, with names as people write them."""
    scene, moment, newest, _ = play
    here = set(moment.present)
    return View(
        persona=Persona(id="self", name=scene.name.capitalize(), facts=scene.facts),
        recipe=Recipe(),
        history=tuple(_entry(i, line) for i, line in enumerate(scene.lines)),
        personas_here=tuple(n.capitalize() for n in (scene.name, *scene.personas) if n in here),
        people_here=tuple(n.capitalize() for n in scene.people if n in here),
        memories=tuple(memory.text for memory in moment.memories),
        percepts=tuple(percept_texts(play)),
        wall_s=moment.at[0] * 3600.0 + moment.at[1] * 60.0,
        newest=_entry(-1, Line(newest.kind, newest.speaker, newest.text)),
    )


def _entry(number: int, line: Line) -> Entry:
    if line.kind == "event":
        return Entry(id=number, kind="event", text=line.text)
    speaker_id = "self" if line.kind == "self" else f"other-{line.name}"
    kind: EntryKind = "person" if line.kind == "person" else "persona"
    return Entry(
        id=number, kind=kind, text=line.text, speaker_id=speaker_id, speaker_name=line.name.capitalize()
    )
