"""The folder of voice files, each under the sha256 of its bytes, so that one name can never mean two voices;
and the voices that come with the bundle, which stay in it.

Knows files only; names and who speaks with what are in the store. A file is whole or absent, also after a
crash or on a full disk.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from sensorium.bundles import catalogue
from sensorium.bundles.catalogue import Bundle
from sensorium.errors import AdapterError, BadInput, NotFound
from sensorium.persona import VoiceRef
from sensorium.voices import card
from sensorium.voices.card import Card

FOLDER = "voices"


class Library:
    """The voices of one home folder, and of `bundle` (name or folder) if one is named. Nothing is created
    before the first is added; bundle.toml is read once, when it is first needed."""

    def __init__(self, home: Path, bundle: str = "") -> None:
        self.folder = home / FOLDER
        self._bundle_name = bundle

    def path(self, sha256: str) -> Path:
        return self.folder / f"{sha256}.gguf"

    def holds(self, sha256: str) -> bool:
        return self.path(sha256).is_file()

    def put(self, source: Path, sha256: str) -> Path:
        """Copies `source` in; nothing happens when it is here already. Raises BadInput when the disk refuses,
        AdapterError when the bytes are not those that `sha256` names."""
        path = self.path(sha256)
        if self.holds(sha256) and digest(path) == sha256:
            return path
        copy_file(source, path, sha256)
        return path

    def shipped(self) -> dict[str, VoiceRef]:
        """The voices that come with the bundle, by name. Raises NotFound or BundleError for the bundle."""
        voices = self._bundle.voices if self._bundle else {}
        return {name: VoiceRef(name, entry.sha256) for name, entry in voices.items()}

    def checked(self, voice: VoiceRef) -> tuple[Path, Card]:
        """The file that a persona's record names, unaltered, and its card. Raises NotFound when it is not
        here, AdapterError when it was changed, BundleError when the bundle's was."""
        if not voice.sha256 or not self.holds(voice.sha256):
            return self._checked_shipped(voice)
        path = self.path(voice.sha256)
        if digest(path) != voice.sha256:
            raise AdapterError(
                f"voice {voice.name}: {path} was altered (its sha256 differs)",
                remedy="add the voice again: sensorium voice add FILE",
            )
        return path, card.read(path, name=voice.name)[0]

    def drop(self, sha256: str) -> None:
        """Deletes the file, if it is here. Raises BadInput when the disk refuses."""
        try:
            self.path(sha256).unlink(missing_ok=True)
        except OSError as e:
            raise BadInput(f"{self.path(sha256)} cannot be deleted: {e.strerror}") from e

    @cached_property
    def _bundle(self) -> Bundle | None:
        return catalogue.find(self._bundle_name) if self._bundle_name else None

    def _checked_shipped(self, voice: VoiceRef) -> tuple[Path, Card]:
        bundle = self._bundle
        for name, ref in self.shipped().items():
            if bundle is not None and voice in (VoiceRef(name), VoiceRef(voice.name, ref.sha256)):
                path = bundle.voice(name)
                return path, card.read(path, name=voice.name)[0]
        raise missing(voice)


def missing(voice: VoiceRef) -> NotFound:
    """What whoever needs a voice is told when it is not here."""
    if not voice.sha256:
        return NotFound(f"the bundle has no voice {voice.name!r}", remedy="see: sensorium voice list")
    return NotFound(
        f"voice {voice.name!r} (sha256 {voice.sha256[:12]}) is not on this machine",
        remedy=f"export it where it is (sensorium voice export {voice.name}), "
        f"then here: sensorium voice import {voice.name}.gguf",
    )


def digest(path: Path) -> str:
    """sha256 of the file in hex. Raises AdapterError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as e:
        raise AdapterError(f"{path}: {e.strerror or e}", remedy="check the path") from e


def copy_file(source: Path, target: Path, sha256: str) -> None:
    """Copies through a temporary file beside `target`, checking the bytes on the way.

    Raises BadInput when the disk refuses, AdapterError when the bytes have another sha256; then `target` is
    as it was.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as taken, tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as made:
            try:
                found = hashlib.sha256()
                while piece := taken.read(1 << 20):
                    found.update(piece)
                    made.write(piece)
                if found.hexdigest() != sha256:
                    raise AdapterError(f"{source} changed while it was read", remedy="try again")
                made.flush()
                os.fsync(made.fileno())
                os.chmod(made.name, 0o644)
                os.replace(made.name, target)
            except BaseException:
                with suppress(FileNotFoundError):
                    os.unlink(made.name)
                raise
    except OSError as e:
        raise BadInput(
            f"{e.filename or target} cannot be written: {e.strerror}",
            remedy="free some space, or choose another place",
        ) from e
