"""Finds a bundle folder and reads its bundle.toml. Loads no model."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import msgspec

from sensorium.errors import BundleError, NotFound
from sensorium.persona import VOICE_NAME
from sensorium.request import SpeechFormat

SHIPPED = Path(__file__).parent
_MAX_TOML_BYTES = 1 << 20


class BundleFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of a bundle. An empty `sha256` is not checked (a bundle under construction)."""

    path: str
    sha256: str = ""


class Capabilities(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    audio_in: bool = False
    image_in: bool = False
    audio_out: bool = False
    tools: bool = False


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """bundle.toml as read, and where it was. `prompt` is checked where it is used (prompting/format.py).

    A bundle with `audio_out` says in `speech` how its mind writes sound. `voices` come with it, by name; each
    has a sha256.
    """

    name: str
    version: str
    licence: str
    source: str
    context_tokens: int
    prompt: dict[str, Any]
    files: dict[str, BundleFile]
    voices: dict[str, BundleFile] = msgspec.field(default_factory=dict)
    capabilities: Capabilities = msgspec.field(default_factory=Capabilities)
    speech: SpeechFormat | None = None
    training: dict[str, Any] = msgspec.field(default_factory=dict)
    folder: str = ""

    def check_sees(self) -> None:
        """Raises BundleError when its mind cannot see."""
        if not self.capabilities.image_in:
            raise BundleError(f"bundle {self.name} cannot see pictures", remedy="choose a bundle that can")

    def file(self, role: str) -> Path:
        """The checked path of "mind", "ear", ... Raises BundleError when absent or altered."""
        if role not in self.files:
            raise BundleError(f"bundle {self.name} has no {role}")
        return self._checked(self.files[role])

    def voice(self, name: str) -> Path:
        """The checked path of a voice that comes with it. Raises NotFound, and BundleError as `file`."""
        if name not in self.voices:
            raise NotFound.named(f"voice in bundle {self.name}", name, self.voices)
        return self._checked(self.voices[name])

    def _checked(self, entry: BundleFile) -> Path:
        folder = Path(self.folder).resolve()
        try:
            path = (folder / entry.path).resolve()
            is_file = path.is_file()
        except (OSError, ValueError) as e:  # too long, or with a zero byte
            raise BundleError(f"bundle {self.name}: {entry.path[:80]!r} is no path of a file") from e
        if not path.is_relative_to(folder):
            raise BundleError(f"bundle {self.name}: {entry.path} points outside its folder")
        if not is_file:
            raise BundleError(f"bundle {self.name}: {path} is missing", remedy="install the bundle again")
        if entry.sha256 and _sha256(path) != entry.sha256:
            raise BundleError(
                f"bundle {self.name}: {path} was altered (sha256 differs)", remedy="install the bundle again"
            )
        return path


def find(name_or_folder: str) -> Bundle:
    """A shipped bundle by name, or any folder with a bundle.toml. Raises NotFound or BundleError."""
    folder = next((f for f in (Path(name_or_folder), SHIPPED / name_or_folder) if _holds_bundle(f)), None)
    if folder is None:
        known = [p.parent.name for p in SHIPPED.glob("*/bundle.toml")]
        raise NotFound.named("bundle", name_or_folder[:80], known)
    bundle = _read(folder / "bundle.toml")
    if bundle.capabilities.audio_out and bundle.speech is None:
        raise BundleError(f"{folder / 'bundle.toml'}: audio_out needs a [speech] table")
    for name, entry in bundle.voices.items():
        # The sha256 of a voice is what it is known by, so none is without, not even under construction.
        if not re.fullmatch(VOICE_NAME, name) or not re.fullmatch("[0-9a-f]{64}", entry.sha256):
            raise BundleError(
                f"{folder / 'bundle.toml'}: [voices.{name[:40]}] needs a voice name and a sha256",
                remedy="a name has lower-case letters, digits, - and _, at most 32",
            )
    return msgspec.structs.replace(bundle, folder=str(folder))


def _holds_bundle(folder: Path) -> bool:
    try:
        return (folder / "bundle.toml").is_file()
    except OSError:  # a name too long for a file
        return False


def _read(path: Path) -> Bundle:
    try:
        if path.stat().st_size > _MAX_TOML_BYTES:
            raise BundleError(f"{path} is larger than {_MAX_TOML_BYTES >> 20} MiB")
        return msgspec.toml.decode(path.read_bytes(), type=Bundle)
    except OSError as e:
        raise BundleError(f"{path} cannot be read: {e.strerror}") from e
    except RecursionError as e:
        raise BundleError(f"{path}: tables or arrays too deep in one another") from e
    except ValueError as e:  # msgspec's errors are such, as are those of UTF-8 and of endless numbers
        raise BundleError(f"{path}: {' '.join(str(e).split())[:400]}") from e


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
