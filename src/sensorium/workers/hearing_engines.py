"""Which ear hears: an engine by its name in the configuration, and who is asked when it is not sure.

Imports no more than the engine needs: a native turn knows no bridge.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from sensorium.bundles.catalogue import find
from sensorium.bundles.senses_file import Projection
from sensorium.errors import BundleError
from sensorium.hearing.encoder import EarModel
from sensorium.hearing.engine import Engine
from sensorium.hearing.second_opinion import SecondOpinion, command
from sensorium.workers.calls import Calls

ENGINES = ("auto", "native", "ear", "pocketsphinx", "fake")


def opener(engine: str, bundle_name: str, calls: Calls) -> tuple[Callable[[], Engine], dict[str, object]]:
    """Makes an engine for a new stream, and what the front should know: `row_width` where it gives rows.

    What the other engines need is not imported: a native turn knows no bridge. Raises NotFound, BundleError
    or MissingExtra when the engine's files or libraries are not there.
    """
    if engine == "fake":
        from sensorium.hearing.fake import FakeSpeechToText

        return FakeSpeechToText, {"engine": engine, "model": "fake"}
    bundle = find(bundle_name)
    if engine == "auto":
        engine = "native" if bundle.capabilities.audio_in else "ear"
    if engine == "pocketsphinx":
        from sensorium.hearing.bridge import Pocketsphinx

        grammar, dictionary = bundle.file("grammar"), bundle.file("dictionary")
        return lambda: Pocketsphinx(grammar, dictionary), {"engine": engine, "model": grammar.name}
    model = EarModel.load(bundle.file("ear"))
    calls.watch(model, "run", "hearing.encoder")
    facts: dict[str, object] = {"engine": engine, "model": f"{bundle.name} ear", "words": len(model.words)}
    if engine == "ear":
        from sensorium.hearing.bridge import EarWords

        return lambda: EarWords(model), facts
    from sensorium.hearing.native import NativeEar

    if "senses" not in bundle.files:
        raise BundleError(
            f"bundle {bundle.name} has no senses: its mind reads words only", remedy='set hearing = "ear"'
        )
    projection = Projection.load(bundle.file("senses"), "ear", len(model.words))
    return lambda: NativeEar(model, projection), {**facts, "row_width": projection.width}


def second_opinion(engine: str, bundle_name: str) -> SecondOpinion | None:
    """pocketsphinx at the side of the mind's own ear, with "auto" and where it is installed."""
    if engine != "auto" or find_spec("pocketsphinx") is None:
        return None
    bundle = find(bundle_name)
    if not bundle.capabilities.audio_in or "grammar" not in bundle.files:
        return None
    return SecondOpinion(command(bundle.file("grammar"), bundle.file("dictionary")))
