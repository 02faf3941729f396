"""`sensorium voice`: the voices that personas speak with, as files that carry their licence and consent."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter

from sensorium.bundles import gguf_adapter
from sensorium.cli.output import Home, Json, Yes, confirm, run
from sensorium.cli.voice_intake import fitting, take_in
from sensorium.cli.voice_preview import preview
from sensorium.cli.voice_shelf import named, shipped
from sensorium.cli.voice_train import train
from sensorium.config import Config
from sensorium.errors import AdapterError, BadInput
from sensorium.store import voices
from sensorium.store.database import Database
from sensorium.store.store import Store
from sensorium.store.voices import Voice
from sensorium.voices.library import Library, copy_file

app = App(
    name="voice",
    help="The voices that personas speak with: list, show, train, preview, add, remove, assign, export and "
    "import.",
    help_epilogue="A voice is one GGUF file, made for one model: an adapter that acts only while its persona "
    "speaks, and that carries its name, licence, attribution and the consent of whoever was recorded.\n\n"
    "Start with: sensorium voice add warm.gguf, then: sensorium voice assign maya warm",
)
app.command(train)
app.command(preview)

Name = Annotated[str, Parameter(name="voice", help="Name of the voice, or the beginning of its sha256.")]
File = Annotated[Path, Parameter(help="The voice's GGUF file.")]


@app.command(name="list")
def list_(*, json: Json = False, home: Home = None) -> None:
    """Every voice, how large it is, its licence, who speaks with it, and whether it comes with the bundle.

    Example: sensorium voice list
    """
    with run("voice list", json) as output, _house(home) as (config, store):
        usable, broken = shipped(config)
        everything = store.read(_with_speakers, usable).result()
        output.result({"voices": [_fields(voice, who) for voice, who in everything]})
        for voice, who in everything:
            spoken = f"spoken by {', '.join(who)}" if who else "spoken by nobody"
            origin = f", comes with bundle {voice.bundle}" if voice.bundle else ""
            size = f"{voice.num_bytes / 1e6:7.2f} MB"
            output.text(f"{voice.name:<20} {size}  {voice.licence:<14} {spoken}{origin}")
        for error in broken.values():
            output.complain(error)
        if not everything and not broken:
            output.text("No voices yet. Add one with: sensorium voice add FILE")


@app.command
def show(name: Name, /, *, json: Json = False, home: Home = None) -> None:
    """One voice: whose it is, what it may be used for, and whether it fits the configured model.

    Example: sensorium voice show warm
    """
    with run("voice show", json) as output, _house(home) as (config, store):
        voice = named(config, store, name)
        who = store.read(_speakers, voice).result()
        path, words = _library(config).checked(voice.ref)
        misfit = ""
        rank, invoked_by = 0, gguf_adapter.invocation_tokens(gguf_adapter.read_head(path))
        try:
            rank = fitting(config, path).rank
        except AdapterError as e:
            misfit = e.one_line()
        facts = {
            **_fields(voice, who),
            "preview_text": words.preview_text,
            "base_sha256": words.base_sha256,
            "invocation_tokens": invoked_by,
            "rank": rank,
            "misfit": misfit,
            "file": str(path),
        }
        output.result({"voice": dict(facts)})
        if voice.added_at is not None:
            facts["added_at"] = time.strftime("%Y-%m-%d %H:%M", time.localtime(voice.added_at))
        for field, value in facts.items():
            shown = ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
            output.text(f"{field.replace('_', ' '):<18} {shown or '-'}")


@app.command(name=["add", "import"])
def add(
    file: File,
    /,
    *,
    name: Annotated[
        str, Parameter(show_default=False, help="Call it so here, instead of by the name in the file.")
    ] = "",
    json: Json = False,
    home: Home = None,
) -> None:
    """Takes in a voice: checks the file against the configured model and copies it into the home folder.

    The file must be an activated LoRA for this model and say its name, licence, attribution, consent and a
    preview text. `add` and `import` are the same: what `export` wrote on one machine is taken in on another.

    Example: sensorium voice add warm.gguf
    """
    with run("voice add", json) as output:
        config = Config.load(home)
        voice, is_new = take_in(config, file, name)
        output.result({"voice": _fields(voice, [])})
        if is_new:
            output.text(f"Added {voice.name}, {voice.licence}, by {voice.attribution}.")
            output.text(f"Give it to a persona: sensorium voice assign maya {voice.name}")
        else:
            output.text(f"That file is here already, as {voice.name}.")


@app.command
def remove(name: Name, /, *, yes: Yes = False, json: Json = False, home: Home = None) -> None:
    """Deletes a voice that no persona speaks with. One that comes with the bundle stays with it.

    Example: sensorium voice remove warm --yes
    """
    with run("voice remove", json) as output, _house(home) as (config, store):
        found = named(config, store, name)
        if found.bundle:
            who = store.read(_speakers, found).result()
            raise BadInput(
                f"voice {found.name} comes with bundle {found.bundle} and stays with it",
                remedy="a persona speaks without it after: "
                f"sensorium voice assign {who[0] if who else 'PERSONA'} --none",
            )
        store.read(voices.check_unused, name).result()
        confirm(f"Remove voice {name} and its file?", yes)
        voice = store.submit(voices.remove, name).result()
        Library(Path(config.home)).drop(voice.sha256)
        output.result({"removed": voice.name})
        output.text(f"Removed {voice.name}.")


@app.command
def assign(
    persona: Annotated[str, Parameter(help="Id or spoken name of the persona.")],
    name: Annotated[
        str,
        Parameter(name="voice", show_default=False, help="Name of the voice, or the start of its sha256."),
    ] = "",
    /,
    *,
    none: Annotated[
        bool, Parameter(negative="", show_default=False, help="Take its voice away; it has the model's own.")
    ] = False,
    json: Json = False,
    home: Home = None,
) -> None:
    """Gives a persona a voice, or takes it away. It keeps it over restarts and in its exported file.

    One that comes with the bundle is kept by name, so that an upgrade brings its new version.

    Example: sensorium voice assign maya warm
    """
    with run("voice assign", json) as output, _house(home) as (config, store):
        if bool(name) == none:
            raise BadInput("name a voice, or say --none", remedy="see: sensorium voice list")
        voice = None if none else named(config, store, name)
        changed = store.submit(voices.assign, persona, voice.ref if voice else None).result()
        output.result({"persona": changed.id, "voice_adapter_id": changed.voice_adapter_id})
        output.text(f"{changed.name} speaks with {voice.name if voice else 'no voice of its own'}.")


@app.command
def export(
    name: Name,
    /,
    *,
    out: Annotated[
        Path | None, Parameter(show_default=False, help="Write here instead of to NAME.gguf in this folder.")
    ] = None,
    json: Json = False,
    home: Home = None,
) -> None:
    """Copies a voice out as one file, licence, attribution and consent inside, for another machine.

    There: sensorium voice import NAME.gguf

    Example: sensorium voice export warm --out warm.gguf
    """
    with run("voice export", json) as output, _house(home) as (config, store):
        voice = named(config, store, name)
        path, words = _library(config).checked(voice.ref)
        target = out or Path(f"{voice.name}.gguf")
        if target.exists():
            raise BadInput(f"{target} exists already", remedy="choose another --out, or move it away")
        copy_file(path, target, voice.sha256)
        output.result({"voice": voice.name, "sha256": voice.sha256, "file": str(target)})
        output.text(f"Wrote {target} ({words.licence}, by {words.attribution}).")


@contextmanager
def _house(home: Path | None) -> Iterator[tuple[Config, Store]]:
    config = Config.load(home)
    with Store.open(config.store_path) as store:
        yield config, store


def _library(config: Config) -> Library:
    return Library(Path(config.home), config.bundle)


def _with_speakers(db: Database, usable: list[Voice]) -> list[tuple[Voice, list[str]]]:
    return [(voice, _speakers(db, voice)) for voice in voices.all_of(db, usable)]


def _speakers(db: Database, voice: Voice) -> list[str]:
    return [p.id for p in voices.speakers_of(db, voice)]


def _fields(voice: Voice, who: list[str]) -> dict[str, Any]:
    return {**msgspec.structs.asdict(voice), "personas": who}
