# ruff: noqa: SIM905
"""A scene: a room with people and personas, what is true in it, and what has been said so far.

Holds state and draws it at random; knows no phrasing of questions or answers and no tokens.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from training import world
from training.mind.pictures import Picture, PictureBank
from training.world import Filler, Split

UNKNOWN = "i do not know that ."
UNCLEAR = "sorry i do not understand ."


class Attr(NamedTuple):
    """Something that can be true of somebody: its kind and, for some kinds, of what ("pet", "dog")."""

    kind: str
    of: str = ""


class Place(NamedTuple):
    """A part of the prompt: ("line", its number), ("speaker", of that line), ("memory", i), ("percept", i),
    ("identity", key), ("presence", ""), ("time", ""), ("picture", the number of a thing on it)."""

    kind: str
    which: str | int = ""


class Copy(NamedTuple):
    """Words of a reply that stand in the prompt, and the places where they may be read; what they are found
    by: the word that was asked for (`topic`: "dog") and the name that was asked about (`whom`)."""

    words: str
    places: tuple[Place, ...]
    topic: str = ""
    whom: str = ""


class Statement(NamedTuple):
    """A line that says something about `whom`, and the lines that said the same thing before, perhaps with
    another value."""

    place: Place
    earlier: tuple[Place, ...]
    whom: str
    topic: str


class Line(NamedTuple):
    """One entry of the conversation. `kind`: person, persona, self or event. `learn`: it can be derived
    from what stands before it, so a model can be asked to."""

    kind: str
    name: str
    text: str
    learn: bool = False
    copies: tuple[Copy, ...] = ()


class Turn(NamedTuple):
    """Something said and its answer: by which intent, with which slots, testing what. `about` is what the
    listeners learn from it: (whom, what, value). `copies`: where the answer is read from, what decides it
    first; none if nothing in the prompt does."""

    intent: str
    given: dict[str, str]
    reply: str
    skill: str
    about: tuple[str, Attr, str] | None = None
    copies: tuple[Copy, ...] = ()


class Speaks(NamedTuple):
    """Whoever answers: its name and its facts."""

    name: str
    facts: dict[str, str]


class Memory(NamedTuple):
    name: str
    attr: Attr
    value: str
    text: str


class Sight(NamedTuple):
    """`words`: of a thing on a picture, where they are not just its colour and what it is."""

    colour: str
    noun: str
    size: str = ""
    words: str = ""

    @property
    def text(self) -> str:
        return self.words or f"{self.size} {self.colour} {self.noun}".strip()


class Moment(NamedTuple):
    """What stands in the VOLATILE tier beside the newest message. `clock` is `at` in words, or "" when no
    time is given; `at` is (hour, minute). The sights are those on the `picture`, where there is one."""

    memories: tuple[Memory, ...] = ()
    present: tuple[str, ...] = ()
    sights: tuple[Sight, ...] = ()
    touches: tuple[str, ...] = ()
    clock: str = ""
    at: tuple[int, int] = (0, 0)
    picture: Picture | None = None


@dataclass
class SceneFiller(Filler):
    """Fills slots from the scene's split; where `odd`, so often with a word that does not belong there, so
    that what is copied is what was said, not what is usual."""

    odd: float = 0.0

    def word(self, category: str) -> str:
        if not self.odd or category == "day_part" or self.rng.random() >= self.odd:
            return super().word(category)
        if category in ("name", "pet_name", "city") and self.rng.random() < 0.4:
            return odd_word(self.rng)
        while (word := self.rng.choice(_MISPLACED)) in _kin(category):
            pass
        return word


_ONSETS = "b d f g h j k l m n p r s t v w z br dr gr kr tr st sh ch".split()
_VOWELS = "a e i o u a e i o ai ou ee".split()
_CODAS = ["", "", "n", "l", "r", "s", "k", "t", "m", "x"]


def odd_word(rng: random.Random) -> str:
    """A pronounceable word outside the vocabulary."""
    while True:
        word = "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(rng.randint(1, 2)))
        word += rng.choice(_CODAS)
        if len(word) > 2 and word not in _VOCABULARY:
            return word


_VOCABULARY = frozenset(world.VOCABULARY)
# Held-out words take part, but never in a slot of their kind.
_MISPLACED = tuple(w for words in world.WORDS.values() for w in words)
# Categories that fill the same slots: what can be liked, what can be seen, who can be called.
_SHARED_SLOTS = (
    frozenset("food drink topic hobby sport flower season colour instrument".split()),
    frozenset(("object", "shape")),
    frozenset(("name", "pet_name")),
)


@cache
def _kin(category: str) -> frozenset[str]:
    """The words that may belong in a slot of the category."""
    shared = next((kinds for kinds in _SHARED_SLOTS if category in kinds), (category,))
    return frozenset(w for kind in shared for w in world.WORDS[kind])


@dataclass
class Scene:
    """What is true: who is who, the persona's own facts, and what has been learnt about others."""

    rng: random.Random
    split: Split
    filler: SceneFiller
    name: str
    personas: tuple[str, ...]  # the others
    people: tuple[str, ...]
    facts: dict[str, str]
    hot_animals: tuple[str, ...]
    hot_keys: tuple[str, ...]
    hot_things: tuple[str, ...]
    hot_plain: tuple[str, ...]
    others_facts: dict[str, dict[str, str]] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    known: dict[str, dict[Attr, str]] = field(default_factory=dict)
    # Of these, more than one value was heard.
    changed: set[tuple[str, Attr]] = field(default_factory=set)
    # Where what is known was said.
    sources: dict[tuple[str, Attr], tuple[Place, ...]] = field(default_factory=dict)
    statements: list[Statement] = field(default_factory=list)
    # Numbers of lines: what each has said last, who came and who left last (-1: none).
    last_said: dict[str, int] = field(default_factory=dict)
    last_own: int = -1
    came: int = -1
    left: int = -1
    # Who answered last, and what this persona was saying when it was interrupted, until that is past.
    last_voice: str = ""
    broken_off: Turn | None = None
    # Where there are any, the eye may have one in view.
    pictures: PictureBank | None = None

    @property
    def here(self) -> Place:
        """The message that is being drawn: it is not among the lines yet."""
        return Place("line", len(self.lines))

    @property
    def speaker_here(self) -> Place:
        return Place("speaker", len(self.lines))

    def learn(self, name: str, attr: Attr, value: str) -> None:
        """What the last line says."""
        about = self.known.setdefault(name, {})
        place, earlier = Place("line", len(self.lines) - 1), self.sources.get((name, attr), ())
        self.statements.append(Statement(place, earlier, name, attr.of))
        if attr in about and about[attr] != value:
            self.changed.add((name, attr))
            earlier = ()
        about[attr] = value
        self.sources[name, attr] = (*earlier, place)

    def add(self, line: Line) -> None:
        if line.kind in ("self", "persona"):
            self.last_voice, self.broken_off = line.name, None
        if line.kind == "self":
            self.last_own = len(self.lines)
        elif line.kind != "event":
            self.last_said[line.name] = len(self.lines)
        self.lines.append(line)

    def break_off(self, turn: Turn, num_words: int) -> None:
        """This persona begins to say it, and is interrupted."""
        words = turn.reply.split()[:num_words]
        self.add(Line("self", self.name, " ".join(words)))
        self.broken_off = turn

    def come(self, name: str) -> None:
        self.came = len(self.lines)
        self.add(Line("event", name, f"{name} comes in"))

    def leave(self, name: str) -> None:
        self.left = len(self.lines)
        self.add(Line("event", name, f"{name} leaves"))

    def other_persona(self) -> str | None:
        return self.rng.choice(self.personas) if self.personas else None

    def stranger(self) -> str:
        """A name of nobody in the room."""
        present = {self.name, *self.personas, *self.people}
        while (name := self.filler.word("name")) in present:
            pass
        return name


def draw_facts(filler: Filler, low: int, high: int) -> dict[str, str]:
    """Facts of a persona, as its file holds them."""
    rng = filler.rng
    keys = ["likes", "dislikes", "home", "age", *world.KEYS]
    chosen = rng.sample(keys, min(len(keys), rng.randint(low, high)))
    return {key: draw_fact(filler, key) for key in chosen}


def draw_fact(filler: Filler, key: str) -> str:
    match key:
        case "likes" | "dislikes":
            return filler.like()
        case "home":
            return filler.word("city")
        case "age":
            return filler.age()
        case _:
            return filler.value(key)


def draw_names(
    rng: random.Random, filler: Filler, num: int, taken: set[str], *, cast: bool
) -> tuple[str, ...]:
    """Distinct names; `cast` prefers the personas that ship."""
    names: list[str] = []
    while len(names) < num:
        name = rng.choice(world.PERSONAS) if cast and rng.random() < 0.9 else filler.word("name")
        if name not in taken:
            taken.add(name)
            names.append(name)
    return tuple(names)


def draw_scene(rng: random.Random, split: Split, odd: float = 0.0) -> Scene:
    """An empty room with its company. What is "hot" comes up again and again, so that facts of the same
    kind, told by different people, stand beside each other. `odd`: see SceneFiller."""
    filler = SceneFiller(rng, held=split == "fillers", odd=odd)
    num_others = min(rng.choice((0, 1, 2, 3, 4, 5, 5, 5, 6, 7, 9, 13)), 13)
    num_people = rng.choice((1, 1, 2, 2, 3, 4))
    cast = rng.random() < 0.5 and (split != "fillers" or rng.random() < 0.3)
    taken: set[str] = set()
    name, *personas = draw_names(rng, filler, 1 + num_others, taken, cast=cast and num_others < 13)
    people = draw_names(rng, filler, min(num_people, 4), taken, cast=False)
    return Scene(
        rng=rng,
        split=split,
        filler=filler,
        name=name,
        personas=tuple(personas),
        people=people,
        facts=draw_facts(filler, 0, 12),
        hot_animals=(filler.word("animal"), filler.word("animal")),
        hot_keys=tuple(rng.sample(world.PERSON_KEYS, 2)),
        hot_things=(filler.word("thing"),),
        hot_plain=tuple(rng.sample(("home", "age", "likes"), 2)),
    )
