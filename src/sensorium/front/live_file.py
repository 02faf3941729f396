"""The file in the home folder in which a running house says once a second how it is: written and read.

Knows no house and no command. Whoever reads it needs no socket and disturbs nobody.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from sensorium.errors import NotFound

FILE = "live.json"
# Older than this it is what a house left behind that was killed.
STALE_S = 5.0
_MAX_BYTES = 1 << 20


def write(home: Path, values: Mapping[str, Any]) -> None:
    """Whole or not at all. A disk that refuses must not end a conversation."""
    with suppress(OSError):
        home.mkdir(parents=True, exist_ok=True)
        new = home / f"{FILE}.{os.getpid()}.new"
        new.write_bytes(msgspec.json.encode(values))
        new.replace(home / FILE)


def remove(home: Path) -> None:
    """Unless another house writes it by now."""
    with suppress(OSError, msgspec.DecodeError):
        said = msgspec.json.decode((home / FILE).read_bytes(), type=dict[str, Any])
        if said.get("pid") == os.getpid():
            (home / FILE).unlink()


def read(home: Path, wall_s: float) -> dict[str, Any]:
    """What the house of this home folder said last. Raises NotFound when none is running there."""
    try:
        with (home / FILE).open("rb") as file:
            values = msgspec.json.decode(file.read(_MAX_BYTES))
        if not isinstance(values, dict) or wall_s - float(values["at_s"]) > STALE_S:
            raise KeyError("at_s")
    except (OSError, msgspec.DecodeError, KeyError, TypeError, ValueError) as e:
        raise NotFound(
            f"nothing is running in {home}", remedy="start one in another terminal: sensorium chat"
        ) from e
    return values
