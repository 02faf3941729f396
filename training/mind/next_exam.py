"""Who answers: whether the mind itself knows it, beside the rules of the house's floor.

Behind a message the mind is asked for one token: does the reader itself answer, or another persona, and
which? Once behind the settled history (as it was taught), once behind the moment too (as a draft stands).
Knows nothing of torch models.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from msgspec.structs import replace

from sensorium.bundles.catalogue import find
from sensorium.dialogue.floor import Floor, RoomNow, Seat
from sensorium.inference.backend import Span
from sensorium.inference.llama import LlamaBackend, LlamaConfig
from sensorium.inference.tokenizer import Tokenizer
from sensorium.persona import Persona
from sensorium.prompting.compose import before_close, lay_out
from sensorium.prompting.format import PromptFormat
from sensorium.recipe import FloorPolicy
from sensorium.request import Part
from training.mind.exam import share
from training.mind.play import Play
from training.mind.room_exam import Message, as_seen_by, cast, draw_message
from training.mind.view import as_view, prompt_format
from training.world import Split

SEED = 8_400_000
# "named": one of the six is called. "about": nobody is called, one of the six is spoken of. "nobody": no name
# of the six. "guest": a person is called. The mind was taught that who is not called is whoever spoke last.
Kind = Literal["named", "about", "nobody", "guest"]
_KINDS: tuple[Kind, ...] = ("named", "about", "nobody", "guest")
_SPLITS: tuple[Split, ...] = ("fillers", "phrasings")
_SOON_S, _LATE_S = 20.0, 600.0


class Asked(NamedTuple):
    """`meant`: who should answer, "" for nobody of the six; `reader`: who is asked."""

    kind: Kind
    message: Message
    meant: str
    reader: str


class Opinion(NamedTuple):
    """Probabilities by name: behind the settled history, and behind the moment."""

    settled: dict[str, float]
    drafted: dict[str, float]


def questions(count: int, personas: Sequence[Persona], seed: int = SEED) -> Iterator[Asked]:
    rng = random.Random(f"{seed}/next")
    for i in range(count):
        yield _draw(rng, _SPLITS[i % 2], _KINDS[i // 2 % len(_KINDS)], personas)


def _draw(rng: random.Random, split: Split, kind: Kind, personas: Sequence[Persona]) -> Asked:
    names = [persona.name.lower() for persona in personas]
    while True:
        as_drawn = {"named": "one", "guest": "another"}.get(kind, "nobody")
        message = draw_message(rng, split, as_drawn, personas)  # type: ignore[arg-type]
        speaks_of = not set(names).isdisjoint(message.play.newest.text.split())
        # Before anybody spoke nobody can be foreseen.
        if message.last and (kind == "named" or speaks_of == (kind == "about")):
            # A draft is made for whoever spoke last.
            return Asked(kind, message, message.meant, message.last)


class Questioner:
    """Asks a mind who answers, on one thread."""

    def __init__(self, gguf: Path) -> None:
        self._backend = LlamaBackend(gguf, LlamaConfig(4096, 4, decode_threads=1, batch_threads=1))
        self._tokenizer = Tokenizer(self._backend, word_space=True)
        self._format = prompt_format()

    def ask(self, asked: Asked, personas: Sequence[Persona]) -> Opinion:
        reader = next(p for p in personas if p.name.lower() == asked.reader)
        play = as_seen_by(asked.message.play, reader)
        view = as_view(play)
        assert view.newest is not None
        close = self._format.parts(self._format.person.close)
        drafted = before_close(lay_out(view, self._format), self._format)
        settled = lay_out(replace(view, history=(*view.history, view.newest)), self._format).stable()
        names = [name for name in (play.scene.name, *play.scene.personas) if name != asked.reader]
        return Opinion(
            self._shares(self._tokenizer.prompt(settled).ids, asked.reader, names),
            self._shares(
                [*self._tokenizer.prompt(drafted).ids, *self._ids(close)], asked.reader, names
            ),
        )

    def _shares(self, ids: Sequence[int], reader: str, names: Sequence[str]) -> dict[str, float]:
        own, another = (self._ids(self._format.parts(f.open)) for f in (self._format.self_, self._format.persona))
        ids = list(ids)
        for start in range(0, len(ids), 512):
            chunk = ids[start : start + 512]
            self._backend.decode([Span(0, start, chunk, start + len(chunk) == len(ids))], ())
        first = _softmax(self._backend.logits(0))
        self._backend.decode([Span(0, len(ids), another, True)], ())
        second = _softmax(self._backend.logits(0))
        self._backend.drop(0)
        shares = {name: first[another[0]] * second[self._ids((Part(name),))[0]] for name in names}
        return {reader: float(first[own[0]]), **{n: float(s) for n, s in shares.items()}}

    def _ids(self, parts: Sequence[Part]) -> list[int]:
        return [i for part in parts for i in self._tokenizer._tokens(part)]

    def close(self) -> None:
        self._backend.close()


def by_floor(asked: Asked, personas: Sequence[Persona], policy: FloorPolicy, ago_s: float) -> str:
    ids = {persona.id: persona.name.lower() for persona in personas}
    seats = tuple(Seat(persona.id, persona.name) for persona in personas)
    last = next(i for i, name in ids.items() if name == asked.message.last)
    choice = Floor(policy).choose(asked.message.play.newest.text, RoomNow(seats, last, ago_s))
    return ids.get(choice.persona_id or "", "")


def _softmax(logits: Any) -> Any:
    shares = np.exp(logits.astype(np.float64) - logits.max())
    return shares / shares.sum()
