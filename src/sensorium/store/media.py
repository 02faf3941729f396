"""Sounds and pictures under the hash of their bytes, so that the same one is kept once."""

from __future__ import annotations

import hashlib
import re

import msgspec

from sensorium.errors import BadInput, NotFound
from sensorium.store.database import Database

# Ten minutes of 16 kHz s16le are 19 MB. What is larger belongs in a file of its own, not in the store.
MAX_BYTES = 32 * 2**20
_MIME = re.compile(r"[a-z]+/[a-z0-9.+-]{1,60}")


class Media(msgspec.Struct, frozen=True, kw_only=True):
    sha256: str
    mime: str
    data: bytes


def put(db: Database, data: bytes, mime: str) -> str:
    """Keeps the bytes (once) and gives their sha256 in hex. Raises BadInput for size or type."""
    if not 1 <= len(data) <= MAX_BYTES:
        raise BadInput(f"{len(data)} bytes of {mime}; a medium has 1 to {MAX_BYTES}")
    if not _MIME.fullmatch(mime):
        raise BadInput(f"{mime!r} is not a media type")
    sha256 = hashlib.sha256(data).hexdigest()
    db.execute(
        "INSERT INTO media (sha256, mime, data) VALUES (?, ?, ?) ON CONFLICT (sha256) DO NOTHING",
        (sha256, mime, data),
    )
    return sha256


def get(db: Database, sha256: str) -> Media:
    """Raises NotFound."""
    row = db.execute("SELECT sha256, mime, data FROM media WHERE sha256 = ?", (sha256,)).fetchone()
    if row is None:
        raise NotFound(f"no medium with sha256 {sha256[:64]!r}")
    return Media(sha256=row[0], mime=row[1], data=row[2])
