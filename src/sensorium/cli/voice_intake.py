"""How a voice file comes into the house: checked against the model, copied, written down."""

from __future__ import annotations

from pathlib import Path

from sensorium.bundles import catalogue, gguf_adapter, gguf_file
from sensorium.bundles.catalogue import Bundle
from sensorium.cli.voice_shelf import shipped
from sensorium.clock import SystemClock
from sensorium.config import Config
from sensorium.errors import SensoriumError
from sensorium.store import voices
from sensorium.store.store import Store
from sensorium.store.voices import Voice
from sensorium.voices import card
from sensorium.voices.library import Library, digest


def fitting(config: Config, path: Path) -> gguf_adapter.Adapter:
    """The file as an adapter of the configured bundle's mind. Raises AdapterError, or BundleError."""
    bundle = catalogue.find(config.bundle)
    model = gguf_file.read_model(bundle.file("mind"))
    return gguf_adapter.read_adapter(path, model, model_sha256=bundle.files["mind"].sha256)


def speaking(config: Config) -> Bundle:
    """The configured bundle. Raises BundleError when its mind cannot have a voice."""
    from sensorium.tuning.script import speech_of

    bundle = catalogue.find(config.bundle)
    speech_of(bundle)
    return bundle


def take_in(config: Config, file: Path, name: str = "") -> tuple[Voice, bool]:
    """The voice as it is kept, called `name` if given, and whether it is new here. Raises AdapterError when
    the file cannot be used with the configured model, BadInput when another voice has its name."""
    words, _ = card.read(file, name=name)
    gguf_adapter.check_numbers(fitting(config, file).file)
    voice = Voice(
        name=words.name,
        sha256=digest(file),
        num_bytes=file.stat().st_size,
        licence=words.licence,
        attribution=words.attribution,
        consent=words.consent,
        added_at=SystemClock().wall_s(),
    )
    kept = _put(config, file, voice)
    return kept, kept == voice


def _put(config: Config, file: Path, voice: Voice) -> Voice:
    """File first, entry second: a crash between them leaves a file that nobody names, and no harm."""
    library = Library(Path(config.home))
    with Store.open(config.store_path) as store:
        known = store.read(voices.check_free, voice, shipped(config)[0]).result()
        if known is not None and known.bundle:
            return known
        was_here = library.holds(voice.sha256)
        library.put(file, voice.sha256)
        try:
            return store.submit(voices.add, voice).result()
        except SensoriumError:
            if not was_here:
                library.drop(voice.sha256)
            raise
