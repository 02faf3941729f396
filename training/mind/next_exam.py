"""Who answers: whether the mind itself knows it, and what that adds to the house's floor.

On each message whoever spoke last is drafted for, as the house does, and the mind is asked for one token
behind the draft: does the reader answer, or another persona, and which? Knows nothing of torch models.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from sensorium.bundles.catalogue import find
from sensorium.clock import SystemClock
from sensorium.dialogue.floor import LEAST_EXPECTED, Floor, RoomNow, Seat
from sensorium.inference.adapters import Adapters
from sensorium.inference.jobs import Request, Settled, Urgency
from sensorium.inference.llama import LlamaBackend, LlamaConfig
from sensorium.inference.scheduler import Limits, Scheduler
from sensorium.inference.tokenizer import Tokenizer
from sensorium.persona import Persona
from sensorium.prompting.compose import before_close, lay_out
from sensorium.prompting.next_speaker import openings
from sensorium.recipe import FloorPolicy, FloorRules
from training.mind.exam import share
from training.mind.room_exam import Kind as Drawn
from training.mind.room_exam import Message, as_seen_by, cast, draw_message
from training.mind.view import as_view, prompt_format
from training.world import Split

SEED = 8_400_000
# "named": one of the six is called. "about": nobody is called, one of the six is spoken of. "nobody": none of
# the six is in it. "guest": a person is called. Where nobody is called whoever spoke last is meant: so the
# mind was taught.
Kind = Literal["named", "about", "nobody", "guest"]
_KINDS: dict[Kind, Drawn] = {"named": "one", "about": "nobody", "nobody": "nobody", "guest": "another"}
_SPLITS: tuple[Split, ...] = ("fillers", "phrasings")
# Since the last reply: in an exchange that still runs, and long after it.
AGO_S = {"soon": 20.0, "late": 600.0}
_POLICIES: tuple[FloorPolicy, ...] = ("addressed", "last_speaker")


class Asked(NamedTuple):
    """A message of one kind. Who is `meant` and who spoke `last` stand in it, by name."""

    kind: Kind
    message: Message


def questions(count: int, personas: Sequence[Persona], seed: int = SEED) -> list[Asked]:
    """Half with held-out words, half with held-out wordings; of all kinds."""
    rng, kinds = random.Random(f"{seed}/next"), tuple(_KINDS)
    return [_draw(rng, _SPLITS[i % 2], kinds[i // 2 % len(kinds)], personas) for i in range(count)]


def _draw(rng: random.Random, split: Split, kind: Kind, personas: Sequence[Persona]) -> Asked:
    names = {persona.name.lower() for persona in personas}
    while True:
        message = draw_message(rng, split, _KINDS[kind], personas)
        speaks_of = not names.isdisjoint(message.play.newest.text.split())
        # Before anybody spoke nobody can be foreseen.
        if message.last and (kind == "named" or speaks_of == (kind == "about")):
            return Asked(kind, message)


class Questioner:
    """Asks a mind who answers, through the house's scheduler."""

    def __init__(self, gguf: Path) -> None:
        self._backend = LlamaBackend(gguf, LlamaConfig(4096, 16, decode_threads=1, batch_threads=1))
        adapters = Adapters(self._backend, 1 << 20)
        self._scheduler = Scheduler(self._backend, adapters, SystemClock(), Limits(2048))
        self._tokenizer = Tokenizer(self._backend, word_space=True)
        self._format = prompt_format()
        self._last_id = 0

    def expected(self, message: Message, personas: Sequence[Persona]) -> dict[str, float]:
        """By persona id, how likely each answers."""
        reader = next(p for p in personas if p.name.lower() == message.last)
        view = as_view(as_seen_by(message.play, reader))
        draft = before_close(lay_out(view, self._format), self._format)
        begins = openings(reader, personas, self._format)
        self._last_id -= 1
        self._scheduler.prefix_cache.clear()  # messages share little
        self._scheduler.submit(
            Request(
                self._last_id,
                reader.id,
                self._tokenizer.prompt(draft),
                urgency=Urgency.HEARING,
                close=self._backend.special(self._format.message_close),
                openings=tuple(self._tokenizer.opening(parts) for parts in begins.values()),
            )
        )
        while True:
            for event in self._scheduler.step():
                if isinstance(event, Settled):
                    return dict(zip(begins, event.p_openings, strict=True))

    def close(self) -> None:
        self._backend.close()


def chosen(
    asked: Asked,
    personas: Sequence[Persona],
    policy: FloorPolicy,
    ago_s: float,
    expected: Mapping[str, float],
) -> str:
    """The name of whom the floor asks, "" for nobody."""
    ids = {persona.id: persona.name.lower() for persona in personas}
    seats = tuple(Seat(persona.id, persona.name) for persona in personas)
    last = next(i for i, name in ids.items() if name == asked.message.last)
    floor, room = Floor(FloorRules(policy=policy)), RoomNow(seats, last, ago_s)
    choice = floor.choose(asked.message.play.newest.text, room, expected)
    return ids.get(choice.persona_id or "", "")


def surely_expected(expected: Mapping[str, float], personas: Sequence[Persona]) -> str:
    """The mind alone."""
    best = max(personas, key=lambda p: expected[p.id])
    return best.name.lower() if expected[best.id] >= LEAST_EXPECTED else ""


def rows(count: int = 400, gguf: Path | None = None, seed: int = SEED) -> list[dict[str, Any]]:
    """The mind alone, then the floor without and with it, in a running exchange and long after one."""
    personas, drawn = cast(), questions(count, cast(), seed)
    questioner = Questioner(gguf or find("nano").file("mind"))
    try:
        told = [questioner.expected(asked.message, personas) for asked in drawn]
    finally:
        questioner.close()
    found = [_row("the mind alone", drawn, [surely_expected(e, personas) for e in told])]
    for when, ago_s in AGO_S.items():
        for policy in _POLICIES:
            for who, opinions in (("floor", [{} for _ in told]), ("floor and mind", told)):
                answers = [
                    chosen(a, personas, policy, ago_s, e) for a, e in zip(drawn, opinions, strict=True)
                ]
                found.append(_row(f"{who}, {policy}, {when}", drawn, answers))
    return found


def _row(skill: str, drawn: Sequence[Asked], answers: Sequence[str]) -> dict[str, Any]:
    marks = [(a.kind, answer == a.message.meant) for a, answer in zip(drawn, answers, strict=True)]
    kinds: dict[str, float] = {kind: share(m for k, m in marks if k == kind) for kind in _KINDS}
    return {
        "part": "mind",
        "skill": skill,
        "messages": len(marks),
        "right": share(m for _, m in marks),
        **kinds,
    }
