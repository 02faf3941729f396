"""`bench parts`: what hearing, seeing and speaking cost on one core, each part alone and on one thread.

In this process, through the code that the workers run, without sockets. What a bundle lacks is not measured
and says so.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from sensorium.audio import read_wav
from sensorium.bench.figures import Figure, report
from sensorium.bundles import catalogue
from sensorium.bundles.catalogue import Bundle
from sensorium.bundles.senses_file import Projection
from sensorium.hearing.encoder import CHUNK_SAMPLES, EarModel
from sensorium.hearing.native import NativeEar
from sensorium.persona import Voice
from sensorium.speech.codec import CODES_PER_FRAME, NUM_CODES, CodecModel, Decoder
from sensorium.speech.mouth import Mouth, Pcm, WordCodes
from sensorium.speech.native import NativeVoice
from sensorium.vision.encoder import Eye
from sensorium.vision.picture import decode

PICTURE_HEIGHT, PICTURE_WIDTH = 480, 640
EAR_ROUNDS, MOUTHS, LOOKS = 5, 200, 200
_FRAMES_BEFORE_SOUND = 8

# How far it is: (done, of, what is being done).
Progress = Callable[[int, int, str], None]


def run(name: str, progress: Progress) -> dict[str, Any]:
    """Measures all parts of the bundle. Raises NotFound or BundleError, and MissingExtra without gguf where
    the bundle has no two voices of its own."""
    from sensorium.bench import speaking

    bundle = catalogue.find(name)
    figures: list[Figure] = []
    steps = (("ear", ear), ("codec", codec), ("eye", eye))
    with one_core():
        for done, (what, measure) in enumerate(steps):
            progress(done, len(steps) + 1, what)
            figures.append(measure(bundle))
        progress(len(steps), len(steps) + 1, "mind")
        with tempfile.TemporaryDirectory(prefix="sensorium-bench-") as folder:
            spoken, settings = speaking.measure(bundle, Path(folder))
    return report(bundle.name, [*figures, *spoken], settings)


@contextmanager
def one_core() -> Iterator[None]:
    """Nothing of this thread runs on two cores at once."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def ear(bundle: Bundle, rounds: int = EAR_ROUNDS) -> Figure:
    """Sound to rows for the mind, and words: the questions of `sensorium demo`, in chunks of 80 ms."""
    figure = Figure("ear_chunk_ms", "ear, 80 ms of sound (ms)", 3.0)
    if missing := _missing(bundle, "ear", "senses"):
        return figure._replace(why=missing)
    model = EarModel.load(bundle.file("ear"))
    engine = NativeEar(model, Projection.load(bundle.file("senses"), "ear", len(model.words)))
    values = []
    for chunks in [_chunks(sound) for sound in questions()] * rounds:
        for chunk in chunks:
            values.append(_timed_ms(partial(engine.feed, chunk)))
        engine.reset()
    return figure._replace(values=values)


def codec(bundle: Bundle, mouths: int = MOUTHS) -> Figure:
    """From the first frame of codes to the first samples, without the mind that thinks of them."""
    figure = Figure("codec_first_chunk_ms", "codec, first sound of a reply (ms)", 10.0)
    if missing := _missing(bundle, "codec"):
        return figure._replace(why=missing)
    model = CodecModel.load(bundle.file("codec"))
    voice = NativeVoice(lambda: Decoder(model))
    voice.warm_up()
    draw = np.random.default_rng(1)
    codes = draw.integers(0, NUM_CODES, (mouths, _FRAMES_BEFORE_SOUND, CODES_PER_FRAME)).astype(np.int16)
    return figure._replace(values=[_first_sound_ms(voice.open(Voice()), frames) for frames in codes])


def eye(bundle: Bundle, looks: int = LOOKS) -> Figure:
    """From a JPEG file to embeddings and names."""
    figure = Figure(
        "eye_picture_ms", f"eye, a JPEG of {PICTURE_WIDTH} x {PICTURE_HEIGHT}, unpacked and seen (ms)", 20.0
    )
    if missing := _missing(bundle, "eye"):
        return figure._replace(why=missing)
    model = Eye.load(bundle.file("eye"))
    file = simplejpeg.encode_jpeg(picture(), quality=90)
    model.look(decode(file))
    return figure._replace(values=[_timed_ms(lambda: model.look(decode(file))) for _ in range(looks)])


def questions() -> list[NDArray[np.float32]]:
    """The recorded ones that ship, 16 kHz."""
    folder = Path(str(resources.files("sensorium.cli") / "evening"))
    return [read_wav(path).samples for path in sorted(folder.glob("*.wav"))]


def picture() -> NDArray[np.uint8]:
    """Three coloured discs under a lamp from the left, uint8 (height, width, 3)."""
    y, x = np.mgrid[:PICTURE_HEIGHT, :PICTURE_WIDTH]
    pixels = np.repeat((120 + 60 * x / PICTURE_WIDTH)[..., None], 3, 2)
    for left, colour in ((130, (200, 30, 30)), (330, (30, 60, 200)), (520, (40, 160, 50))):
        pixels[(y - 240) ** 2 + (x - left) ** 2 < 70**2] = colour
    return pixels.astype(np.uint8)


def _missing(bundle: Bundle, *roles: str) -> str:
    lacking = [role for role in roles if role not in bundle.files]
    return f"bundle {bundle.name} has no {' and no '.join(lacking)}" if lacking else ""


def _chunks(sound: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    whole = np.pad(sound, (0, -len(sound) % CHUNK_SAMPLES))
    return list(whole.reshape(-1, CHUNK_SAMPLES))


def _first_sound_ms(mouth: Mouth, frames: NDArray[np.int16]) -> float:
    started_s = time.perf_counter()
    for frame in frames:
        if any(isinstance(event, Pcm) for event in mouth.feed(WordCodes(0, frame[None]))):
            break
    return (time.perf_counter() - started_s) * 1000.0


def _timed_ms(work: Callable[[], object]) -> float:
    started_s = time.perf_counter()
    work()
    return (time.perf_counter() - started_s) * 1000.0
