"""Addressed or silent: the six personas of the seeded room, one message, and who of them answers it.

The mind is asked as each of the six, all of them having heard the same conversation. Beside it stands what
the house does with the same message: its floor chooses who is asked, and the mind may still be silent. Knows
nothing of torch models.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from sensorium.bundles.catalogue import find
from sensorium.dialogue.floor import Floor, RoomNow, Seat
from sensorium.persona import Persona
from sensorium.recipe import Recipe
from sensorium.store.seed import NUM_IN_ROOM, shipped_personas
from training.mind.answer import Answerer
from training.mind.exam import share
from training.mind.now import draw_moment
from training.mind.play import SILENCE, TOPICS, Newest, Play, addressed, converse, put
from training.mind.scene import Moment, Scene, Speaks, draw_names, draw_scene
from training.world import Split

BAR = 0.97
SEED = 8_300_000
# "one": one of the six by name. "another": somebody else by name. "nobody": no name.
Kind = Literal["one", "another", "nobody"]
_KINDS: tuple[Kind, ...] = ("one", "one", "one", "one", "another", "nobody")
_SPLITS: tuple[Split, ...] = ("fillers", "phrasings")
_MAX_LINES = 24
_S_AGO = 20.0


class Message(NamedTuple):
    """`play` as one of the six sees it. `meant`: the name of who should answer, "" for nobody; `last`: of the
    six, who spoke last, "" for nobody yet."""

    split: Split
    kind: Kind
    play: Play
    meant: str
    last: str


class Outcome(NamedTuple):
    """`answered`: the names of those who answered when asked; `house`: who does in the house, or ""."""

    message: Message
    answered: frozenset[str]
    house: str


def cast() -> tuple[Persona, ...]:
    return tuple(shipped_personas()[:NUM_IN_ROOM])


def draw_message(rng: random.Random, split: Split, kind: Kind, personas: Sequence[Persona]) -> Message:
    scene = _draw_room(rng, split, personas)
    converse(scene, _MAX_LINES)
    # The house always says who is here and what time it is.
    while not ((moment := draw_moment(scene)).present and moment.clock):
        pass
    speaker = rng.choice(scene.people)
    text, name = _draw_text(scene, moment, speaker, kind)
    last = next((line.name for line in reversed(scene.lines) if line.kind in ("self", "persona")), "")
    meant = {"one": name, "another": "", "nobody": last}[kind]
    return Message(split, kind, Play(scene, moment, Newest("person", speaker, text, "", "room")), meant, last)


def _draw_room(rng: random.Random, split: Split, personas: Sequence[Persona]) -> Scene:
    """The six as they ship, seen by one of them, and one to four people."""
    scene = draw_scene(rng, split)
    facts = {persona.name.lower(): persona.facts for persona in personas}
    name = rng.choice(tuple(facts))
    return replace(
        scene,
        name=name,
        personas=tuple(other for other in facts if other != name),
        people=draw_names(rng, scene.filler, len(scene.people), set(facts), cast=False),
        facts=facts[name],
        others_facts={other: known for other, known in facts.items() if other != name},
    )


def _draw_text(scene: Scene, moment: Moment, speaker: str, kind: Kind) -> tuple[str, str]:
    """What is said, and the name in it, "" for none."""
    rng = scene.rng
    weights = [weight for _, weight in TOPICS.values()]
    while True:
        topic = rng.choices(tuple(TOPICS), weights)[0]
        turn = topic(scene, Speaks(scene.name, scene.facts), speaker, moment)
        if turn.intent != "salad":  # words in no order are put to nobody
            break
    text = put(scene, turn)
    if kind == "nobody":
        return text, ""
    name = scene.name
    if kind == "another":
        others = [person for person in scene.people if person != speaker]
        name = rng.choice(others) if others else scene.stranger()
    return addressed(scene, turn, text, name, 1.0), name


def as_seen_by(play: Play, persona: Persona) -> Play:
    """The same room and conversation; what this persona said is its own."""
    scene, name = play.scene, persona.name.lower()
    everybody = (scene.name, *scene.personas)
    lines = [
        line._replace(kind="self" if line.name == name else "persona")
        if line.kind in ("self", "persona")
        else line
        for line in scene.lines
    ]
    others = tuple(other for other in everybody if other != name)
    return play._replace(scene=replace(scene, name=name, personas=others, facts=persona.facts, lines=lines))


def is_silent(reply: str) -> bool:
    """As the house takes it: nothing was said but, perhaps, the token for silence."""
    return not reply.replace(SILENCE, "").strip()


def put_to_all(answerer: Answerer, message: Message, personas: Sequence[Persona]) -> Outcome:
    answered = frozenset(
        persona.name.lower()
        for persona in personas
        if not is_silent(answerer.reply_to(as_seen_by(message.play, persona)))
    )
    chosen = chosen_by_floor(message, personas)
    return Outcome(message, answered, chosen if chosen in answered else "")


def chosen_by_floor(message: Message, personas: Sequence[Persona]) -> str:
    """Whom the house asks, "" for nobody."""
    ids = {persona.name.lower(): persona.id for persona in personas}
    seats = tuple(Seat(persona.id, persona.name) for persona in personas)
    room = RoomNow(seats, last_persona_id=ids.get(message.last, ""), last_spoke_s_ago=_S_AGO)
    choice = Floor(Recipe().floor).choose(message.play.newest.text, room)
    return next((name for name, persona_id in ids.items() if persona_id == choice.persona_id), "")


def messages(count: int, personas: Sequence[Persona], seed: int = SEED) -> list[Message]:
    """Half with held-out words, half with held-out wordings; of all kinds."""
    rng = random.Random(f"{seed}/room")
    return [draw_message(rng, _SPLITS[i % 2], _KINDS[i // 2 % len(_KINDS)], personas) for i in range(count)]


def rows(count: int = 300, gguf: Path | None = None, seed: int = SEED) -> list[dict[str, Any]]:
    """The mind alone, on messages with a name in them; and the house, on all."""
    personas = cast()
    answerer = Answerer(gguf or find("nano").file("mind"))
    try:
        outcomes = [put_to_all(answerer, message, personas) for message in messages(count, personas, seed)]
    finally:
        answerer.close()
    return [_mind_row([o for o in outcomes if o.message.kind != "nobody"], personas), _house_row(outcomes)]


def _mind_row(outcomes: Sequence[Outcome], personas: Sequence[Persona]) -> dict[str, Any]:
    names = [persona.name.lower() for persona in personas]
    called = [o.message.meant in o.answered for o in outcomes if o.message.meant]
    left_out = [name not in o.answered for o in outcomes for name in names if name != o.message.meant]
    marks = [(o.message, o.answered == frozenset({o.message.meant} - {""})) for o in outcomes]
    decisions = {
        "decisions_right": share([*called, *left_out]),
        "answers_when_called": share(called),
        "silent_when_not": share(left_out),
    }
    return _row("all six asked, somebody named", marks) | decisions


def _house_row(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    marks = [(o.message, o.house == o.message.meant) for o in outcomes]
    return _row("the house: floor, then whom it chose", marks)


def _row(skill: str, marks: Sequence[tuple[Message, bool]]) -> dict[str, Any]:
    right = share(mark for _, mark in marks)
    parts: dict[str, list[bool]] = {}
    for message, mark in marks:
        for name in (message.kind, message.split):
            parts.setdefault(name, []).append(mark)
    return {
        "part": "mind",
        "skill": skill,
        "messages": len(marks),
        "right": right,
        **{name: share(some) for name, some in parts.items()},
        "bar": BAR,
        "met": right >= BAR,
    }
