"""What the owner of this machine decided, read from one TOML file and the environment; never written.

Knows no default that depends on the machine: a context that differs from start to start would make saved
state useless, so sizes are fixed here and not found at start.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from sensorium.errors import BadInput, NotFound

FILE_NAME = "config.toml"
MAX_FILE_BYTES = 64_000
HOME_VARIABLE = "SENSORIUM_HOME"
# Only in the file: no variable of the environment overrides them.
TABLES = ("mcp",)


def _range(low: int, high: int, description: str) -> msgspec.Meta:
    return msgspec.Meta(ge=low, le=high, description=description)


def _text(description: str) -> msgspec.Meta:
    return msgspec.Meta(min_length=1, max_length=400, description=description)


_ServerName = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_-]{0,31}$")]
_Argument = Annotated[str, msgspec.Meta(max_length=4_000)]
_Arguments = Annotated[tuple[_Argument, ...], msgspec.Meta(max_length=64)]
_Words = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
_Environment = Annotated[dict[_Words, _Argument], msgspec.Meta(max_length=64)]
_Phrases = dict[_Words, Annotated[tuple[_Words, ...], msgspec.Meta(max_length=64)]]


class McpServer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One MCP server over stdio: the command that starts it, and what it is given of the environment.
    `phrases`: of its tools, how people ask for them; a call may take `limit_s`."""

    command: Annotated[str, msgspec.Meta(min_length=1, max_length=400)]
    args: _Arguments = ()
    env: _Environment = {}
    phrases: _Phrases = {}
    limit_s: Annotated[float, msgspec.Meta(ge=0.1, le=120.0)] = 10.0


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every key of `config.toml`. docs/configuration.md is made from the descriptions here."""

    bundle: Annotated[str, _text("the model: a shipped bundle, or a folder with bundle.toml")] = "nano"
    kv_cells: Annotated[int, _range(512, 4_194_304, "KV memory in tokens, shared by all sequences")] = 16_384
    max_sequences: Annotated[int, _range(2, 256, "parked prefixes and running turns at once")] = 64
    llm_threads: Annotated[int, _range(0, 256, "threads that read prompts; 0: one for each core")] = 0
    adapter_mb: Annotated[int, _range(1, 65_536, "memory for voices and other adapters, in MiB")] = 512
    settle: Annotated[
        bool,
        msgspec.Meta(description="prefill what was said in the background, before it is needed"),
    ] = True
    hearing: Annotated[
        Literal["auto", "native", "ear", "pocketsphinx"],
        msgspec.Meta(
            description="who hears: the mind itself (native), or a bridge in words: the bundle's ear or "
            "pocketsphinx (extra `stt`); auto: native where the bundle can"
        ),
    ] = "auto"
    speech: Annotated[
        Literal["auto", "codec", "espeak"],
        msgspec.Meta(
            description="who speaks: the mind itself through its codec, or the bridge espeak-ng, a process "
            "of its own (extra `espeak`); auto: codec where the bundle can"
        ),
    ] = "auto"
    endpoint_silence_ms: Annotated[int, _range(200, 5_000, "a silence this long ends what a person says")] = (
        200
    )
    read_along: Annotated[
        bool,
        msgspec.Meta(
            description="prefill what a person says while they still speak, and ask whether it is over"
        ),
    ] = True
    room: Annotated[str, _text("the room that commands use when none is named")] = "living-room"
    person: Annotated[str, _text("the person who speaks when none is named")] = "sam"
    host: Annotated[str, _text("`up` listens at this address; 0.0.0.0 is every one, and needs a token")] = (
        "127.0.0.1"
    )
    port: Annotated[int, _range(0, 65_535, "`up` listens at this port; 0: any that is free")] = 8470
    token: Annotated[
        str,
        msgspec.Meta(
            max_length=256,
            description="who comes in must have it: 16 characters or more, here in no list of processes",
        ),
    ] = ""
    store: Annotated[str, _text("the SQLite file, relative to the home folder")] = "sensorium.db"
    mcp: Annotated[
        dict[_ServerName, McpServer],
        msgspec.Meta(
            max_length=32,
            description="MCP servers that give tools, a table each: docs/tools.md (extra `mcp`)",
        ),
    ] = {}
    home: str = ""

    @classmethod
    def load(cls, home: Path | None = None, environment: Mapping[str, str] | None = None) -> Config:
        """Reads `home`/config.toml, if there is one, then SENSORIUM_* variables, which win.

        Raises BadInput naming the key; an unknown key suggests the nearest.
        """
        environment = os.environ if environment is None else environment
        home = home_folder(environment) if home is None else home
        config = _checked({**_read(home / FILE_NAME), "home": str(home)}, str(home / FILE_NAME), strict=True)
        for key in keys():
            value = environment.get(variable(key)) if key not in TABLES else None
            if value is not None:
                config = _checked({**msgspec.structs.asdict(config), key: value}, variable(key), strict=False)
        return config

    @property
    def store_path(self) -> Path:
        return Path(self.home) / self.store


def home_folder(environment: Mapping[str, str] | None = None) -> Path:
    """Where configuration and store live: $SENSORIUM_HOME, else the user's data folder. Creates nothing."""
    environment = os.environ if environment is None else environment
    if chosen := environment.get(HOME_VARIABLE):
        return Path(chosen).expanduser()
    if (data := environment.get("XDG_DATA_HOME")) and Path(data).is_absolute():
        return Path(data) / "sensorium"
    return Path("~/.local/share/sensorium").expanduser()


def keys() -> tuple[str, ...]:
    """What config.toml may hold; `home` is where the file was and not a key."""
    return tuple(name for name in Config.__struct_fields__ if name != "home")


def variable(key: str) -> str:
    """The environment variable that overrides `key`."""
    return f"SENSORIUM_{key.upper()}"


def _read(path: Path) -> dict[str, Any]:
    try:
        data = path.read_bytes() if path.exists() else b""
    except OSError as e:
        raise BadInput(f"{path} cannot be read: {e.strerror}") from e
    if len(data) > MAX_FILE_BYTES:
        raise BadInput(f"{path}: {len(data)} bytes is too large for a configuration")
    try:
        table = msgspec.toml.decode(data, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as e:
        raise BadInput(f"{path}: {e}") from e
    for key in table:
        if key not in keys():
            unknown = NotFound.named("setting", key, keys())
            raise BadInput(f"{path}: {unknown.message}", remedy=unknown.remedy)
    return table


def _checked(table: dict[str, Any], where: str, *, strict: bool) -> Config:
    try:
        return msgspec.convert(table, Config, strict=strict)
    except msgspec.ValidationError as e:
        what, _, key = str(e).partition(" - at `$.")
        raise BadInput(f"{where}: {key.rstrip('`')}: {what}", remedy="see docs/configuration.md") from e
