"""The voices of this house: what each is called, whose it is, under which licence. The files lie elsewhere.

Those that come with the bundle are not in the store; whoever has read them gives them as `shipped`.

A name is found whatever its case, or by the beginning of its sha256.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from sensorium.errors import BadInput, NotFound
from sensorium.persona import Persona, VoiceRef
from sensorium.store import personas
from sensorium.store.database import Database

_COLUMNS = "name, sha256, num_bytes, licence, attribution, consent, added_at"


class Voice(msgspec.Struct, frozen=True, kw_only=True):
    """`num_bytes` of the file; `added_at` wall seconds. `bundle`: the one that it comes with, and then it was
    never added; "" for one in the store."""

    name: str
    sha256: str
    num_bytes: int
    licence: str
    attribution: str
    consent: str
    added_at: float | None
    bundle: str = ""

    @property
    def ref(self) -> VoiceRef:
        """What a persona's record says. One of a bundle is named without sha256, so that it is the same voice
        after an upgrade."""
        return VoiceRef(self.name, "" if self.bundle else self.sha256)


def all_of(db: Database, shipped: Iterable[Voice] = ()) -> list[Voice]:
    """Every voice, by name; of two that have the same name the store's is first."""
    stored = [_voice(row) for row in db.execute(f"SELECT {_COLUMNS} FROM voices")]
    return sorted([*stored, *shipped], key=lambda v: (v.name, v.bundle))


def get(db: Database, name: str, shipped: Iterable[Voice] = ()) -> Voice:
    """By name, or by at least six digits of its sha256 if only one begins so; the store's before the
    bundle's. Raises NotFound with the nearest."""
    wanted = name.strip().lower()
    known = all_of(db, shipped)
    found = [v for v in known if v.name == wanted]
    if not found and re.fullmatch("[0-9a-f]{6,64}", wanted):
        found = [v for v in known if v.sha256.startswith(wanted)]
    if len({v.sha256 for v in found}) == 1 or (found and found[0].name == wanted):
        return found[0]
    if not known:
        raise NotFound(
            f"no voice called {name!r}", remedy="there is none yet; see: sensorium voice add --help"
        )
    raise NotFound.named("voice", name, [v.name for v in known])


def holds(db: Database, sha256: str) -> bool:
    return db.execute("SELECT 1 FROM voices WHERE sha256 = ?", (sha256,)).fetchone() is not None


def check_free(db: Database, voice: Voice, shipped: Iterable[Voice] = ()) -> Voice | None:
    """The voice that has the same file, if there is one. Raises BadInput when another has the name."""
    known = all_of(db, shipped)
    for other in known:
        if other.sha256 == voice.sha256:
            return other
    for other in known:
        if other.name == voice.name:
            raise BadInput(
                f"there is another voice {voice.name!r} already (sha256 {other.sha256[:12]})"
                + (f", which comes with bundle {other.bundle}" if other.bundle else ""),
                remedy="add this one with --name"
                + ("" if other.bundle else f", or first: sensorium voice remove {voice.name}"),
            )
    return None


def add(db: Database, voice: Voice) -> Voice:
    """The voice as it is kept: one that has the same file stays as it was. Raises as `check_free`."""
    if known := check_free(db, voice):
        return known
    values = tuple(getattr(voice, column) for column in _COLUMNS.split(", "))
    db.execute(f"INSERT INTO voices ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", values)
    return voice


def check_unused(db: Database, name: str) -> Voice:
    """Raises NotFound, and BadInput while a persona speaks with it."""
    voice = get(db, name)
    if speakers := speakers_of(db, voice):
        names = ", ".join(p.id for p in speakers)
        raise BadInput(
            f"{names} {'speaks' if len(speakers) == 1 else 'speak'} with voice {voice.name}",
            remedy=f"first: sensorium voice assign {speakers[0].id} --none",
        )
    return voice


def remove(db: Database, name: str) -> Voice:
    """Takes the entry out; the file is the caller's. Raises as `check_unused`."""
    voice = check_unused(db, name)
    db.execute("DELETE FROM voices WHERE sha256 = ?", (voice.sha256,))
    return voice


def assign(db: Database, persona_name: str, voice: VoiceRef | None) -> Persona:
    """Gives a persona this voice, or none. Raises NotFound."""
    persona = personas.get(db, persona_name)
    changed = msgspec.structs.replace(persona, voice_adapter_id=str(voice) if voice else None)
    personas.put(db, changed)
    return changed


def speakers_of(db: Database, voice: Voice) -> list[Persona]:
    """The personas that speak with it, by id."""
    return [
        p
        for p in personas.all_of(db)
        if p.voice_ref is not None and (p.voice_ref == voice.ref or p.voice_ref.sha256 == voice.sha256)
    ]


def _voice(row: tuple[object, ...]) -> Voice:
    return msgspec.convert(dict(zip(_COLUMNS.split(", "), row, strict=True)), Voice)
