"""The voices that can be spoken with here: those of the home folder, and those that come with the bundle."""

from __future__ import annotations

from sensorium.bundles import catalogue
from sensorium.config import Config
from sensorium.errors import AdapterError, BundleError, NotFound
from sensorium.store import voices
from sensorium.store.store import Store
from sensorium.store.voices import Voice
from sensorium.voices import card


def shipped(config: Config) -> tuple[list[Voice], dict[str, AdapterError | BundleError]]:
    """The voices of the configured bundle, and by name why others of its voices cannot be used.

    Raises NotFound or BundleError for the bundle itself.
    """
    bundle = catalogue.find(config.bundle)
    usable, broken = [], dict[str, AdapterError | BundleError]()
    for name, entry in bundle.voices.items():
        try:
            path = bundle.voice(name)
            words, _ = card.read(path, name=name)
        except (AdapterError, BundleError) as e:
            broken[name] = e
            continue
        usable.append(
            Voice(
                name=name,
                sha256=entry.sha256,
                num_bytes=path.stat().st_size,
                licence=words.licence,
                attribution=words.attribution,
                consent=words.consent,
                added_at=None,
                bundle=bundle.name,
            )
        )
    return usable, broken


def named(config: Config, store: Store, name: str) -> Voice:
    """By name or the beginning of its sha256; the home folder's before the bundle's, which is read only when
    needed. Raises NotFound with the nearest, and why a voice of the bundle cannot be used."""
    try:
        return store.read(voices.get, name).result()
    except NotFound:
        usable, broken = shipped(config)
    if error := broken.get(name.strip().lower()):
        raise error
    return store.read(voices.get, name, usable).result()
