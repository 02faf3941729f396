"""What was learnt so far, on disk: one file in the folder of one training, whole or absent.

Knows nothing of what is in it.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from sensorium.errors import BadInput

NAME = "checkpoint.pt"
MAX_BYTES = 1 << 30


def is_in(folder: Path) -> bool:
    return (folder / NAME).is_file()


def read(folder: Path) -> bytes:
    """Raises BadInput when there is none, or it cannot be read."""
    path = folder / NAME
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadInput(f"{path} is too large for what was put aside", remedy="delete it")
        return path.read_bytes()
    except FileNotFoundError as e:
        raise BadInput("there is nothing to go on with", remedy="train without --resume") from e
    except OSError as e:
        raise BadInput(f"{path} cannot be read: {e.strerror}", remedy="check its permissions") from e


def save(folder: Path, data: bytes) -> None:
    """In the place of what was kept before. Raises BadInput when the disk refuses; then that stays."""
    part = ""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(prefix=f".{NAME}.", suffix=".part", dir=folder)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(part, folder / NAME)
    except OSError as e:
        if part:
            with suppress(OSError):
                os.unlink(part)
        raise BadInput(
            f"{folder / NAME} cannot be written: {e.strerror}", remedy="free some space, then: --resume"
        ) from e
