"""Whatever reads bytes from outside, by name, each with files that it takes: for `guided.py`.

A target reads the bytes or refuses them; anything else that happens is a bug.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from tests.fuzz.records import UNIONS
from tests.unit.test_audio import wav
from tests.unit.vision.test_picture import jpeg, png

from sensorium import recipe
from sensorium.audio import parse_wav
from sensorium.bundles import gguf_adapter, gguf_file
from sensorium.bundles.catalogue import SHIPPED
from sensorium.dialogue import touch
from sensorium.errors import BadInput
from sensorium.front.realtime import chat_request, client_events
from sensorium.vision import picture
from sensorium.voices import card
from sensorium.wire import framing, page, records

_PIXELS = np.random.default_rng(7).integers(0, 256, (24, 32, 3), dtype=np.uint8)
_NANO = SHIPPED / "nano"
# As many bytes of a voice as its header has, and some of its weights.
_GGUF_HEAD = 60_000


class Target(NamedTuple):
    """`seeds` are the beginnings of what is tried."""

    read: Callable[[bytes], object]
    seeds: tuple[bytes, ...]


def attempt(target: Target, data: bytes) -> None:
    with contextlib.suppress(BadInput, client_events.Refused):
        target.read(data)


def _pictures(data: bytes) -> None:
    with contextlib.suppress(BadInput):
        picture.thumbnail(data)
    picture.decode(data)


def _gguf(data: bytes) -> None:
    """As a model, as a voice for nano's mind, and as a voice with its card."""
    with tempfile.NamedTemporaryFile(
        suffix=".gguf", dir="/dev/shm" if Path("/dev/shm").is_dir() else None
    ) as f:
        f.write(data)
        f.flush()
        path = Path(f.name)
        with contextlib.suppress(BadInput):
            gguf_file.fingerprint(gguf_file.read_model(path))
        with contextlib.suppress(BadInput):
            gguf_adapter.check_numbers(gguf_adapter.read_adapter(path, _MIND).file)
        card.read(path)


def _wire(data: bytes) -> None:
    refused = None
    read = 0
    for union in UNIONS.values():
        try:
            read += len(framing.Decoder(union).feed(data))
        except BadInput as e:
            refused = e
    if refused is not None and not read:
        raise refused


def _recipe(data: bytes) -> None:
    recipe.from_toml(data, where="the recipe")


_MIND = gguf_file.read_model(_NANO / "mind.gguf")
_SALON = (Path(recipe.__file__).parent / "recipes" / "salon.toml").read_bytes()
_CHAT = {"model": "maya", "messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]}
_EVENT = {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": []}}

TARGETS = {
    "pictures": Target(
        _pictures, (jpeg(_PIXELS), png(_PIXELS), png(np.dstack([_PIXELS, _PIXELS[..., :1]]), 6))
    ),
    "wav": Target(
        lambda data: parse_wav(data, "the sound"),
        (
            wav(bytes(64)),
            wav(np.ones(9, "<f4").tobytes(), codec=3, bits=32),
            wav(bytes(96), bits=24, channels=2),
        ),
    ),
    "gguf": Target(_gguf, ((_NANO / "voices" / "maya.gguf").read_bytes()[:_GGUF_HEAD],)),
    "wire": Target(_wire, (framing.encode(records.Cancel(1)), framing.encode(records.Inspect(2), b"more"))),
    "page": Target(
        lambda data: page.Decoder(page.FromPage).decode(data), (page.encode(page.Frame(7), jpeg(_PIXELS)),)
    ),
    "touch": Target(touch.read, (msgspec.msgpack.encode((touch.Touched("move", "maya", 0.5, 0.25),)),)),
    "realtime": Target(client_events.read, (json.dumps(_EVENT).encode(), b'{"type":"response.create"}')),
    "chat": Target(chat_request.read, (json.dumps(_CHAT).encode(),)),
    "recipe": Target(_recipe, (_SALON,)),
}
