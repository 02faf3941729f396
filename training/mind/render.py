# ruff: noqa: SIM905
"""A play as tokens, exactly as sensorium.prompting composes it (a test holds the two together).

Each id has a weight class: 0 not learnt, 1 an own answer, 2 learnt a little, 3 the answer to the newest
message, 4 a speech code, 5 a word or an end that stands among codes, 6 who answers. Knows nothing of models.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

from training import world
from training.mind.now import presence_text
from training.mind.pictures import Picture
from training.mind.play import SILENCE, Play
from training.mind.scene import Copy, Line, Place, Statement
from training.mind.vocabulary import (
    BEGIN,
    END,
    FIRST_CODE,
    FIRST_WORD,
    PAD,
    SAYS,
    SELF,
    SILENT,
    SPECIAL_ID,
    WORD_ID,
    encode,
)

ANSWER, LIGHT, LAST_ANSWER, CODE, AMONG_CODES, NEXT = 1, 2, 3, 4, 5, 6
# The first is the bundle's own; the others keep the model from hanging on its wording.
RULES = (
    "you are one voice in a room . answer when you are asked . be silent when another is asked .",
    "you are in a room with people . answer in few words .",
    "be kind . say only what you know . be silent when another is asked .",
    "listen . answer when you are asked .",
    "you are one voice in a room .",
    "",
)
RECIPES = (
    "use few words .",
    "",
    "",
    "speak one after the other .",
    "be quick and kind .",
    "one question one answer .",
    "this is a quiet evening with people .",
)
_FACTS = {
    "likes": "you like {} .",
    "dislikes": "you do not like {} .",
    "home": "you live in {} .",
    "age": "you are {} years old .",
}
FRAME = {
    kind: SPECIAL_ID[f"<|{kind}|>"]
    for kind in "rules recipe identity person persona event memory percept time".split()
}


def identity_sentences(name: str, facts: dict[str, str]) -> list[tuple[str, str]]:
    """(key, sentence), as the house orders them."""
    sentences = [("name", f"your name is {name} .")]
    for key in sorted(facts):
        sentence = _FACTS.get(key, f"your {key.replace('_', ' ')} is {{}} .").format(facts[key])
        sentences.append((key, sentence))
    return sentences


IMAGE = SPECIAL_ID["<|image|>"]
# Of the places where something may be read, the last few are kept.
MAX_TARGETS = 6
# What attention is shown, from one position to others. "owner": from a word that is said, who says it.
# "topic", "whom": from a reply's opener, what is asked for, about whom; and from the end of a statement the
# same. "source": from an opener, the end of the statement that decides the reply (the first token of all
# where none does); from a word of the reply, where the next one stands.
# "earlier": from the end of a statement, the end of the last one that said the same before, else the first
# token: what supersedes another is known by it.
SHOWN = ("owner", "topic", "whom", "earlier", "source")


# The ear knows the world's words, which come first.
_FIRST_UNHEARD = WORD_ID[world.REPLY_WORDS[0]]


class Page:
    """Ids and their weight classes, growing together. `heard`: positions of words that are read as the ear
    heard them; `seen`: of embeddings of the eye (position, picture of the bank, which of its rows); `shown`:
    what attention is shown, by kind: a position to positions."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.classes: list[int] = []
        self.heard: list[int] = []
        self.seen: list[tuple[int, int, int]] = []
        self.shown: dict[str, dict[int, tuple[int, ...]]] = {kind: {} for kind in SHOWN}
        self._places: dict[Place, tuple[int, int]] = {}
        self._num_lines = 0
        self._asked = False  # the last line is a person's

    def add(self, ids: list[int], weight_class: int = 0, place: Place | None = None) -> None:
        if place:
            self._places[place] = (len(self.ids), len(self.ids) + len(ids))
        self.ids += ids
        self.classes += [weight_class] * len(ids)

    def show(self, kind: str, position: int, targets: Iterable[int]) -> None:
        """Adds to what is shown there; what comes later than the position is left out."""
        known = self.shown[kind].get(position, ())
        kept = sorted({*known, *(t for t in targets if t <= position)})[-MAX_TARGETS:]
        if kept:
            self.shown[kind][position] = tuple(kept)

    def frame(self, kind: str, text: str, place: Place | None = None) -> None:
        if text:
            self.add([FRAME[kind]])
            self.add(encode(text), 0, place)
            self.add([END])

    def line(self, line: Line, *, heard: bool = False) -> None:
        """`heard`: what a person says comes by ear, if it is all in words that the ear knows."""
        number = self._num_lines
        place = Place("line", number)
        self._num_lines += 1
        answers, self._asked = self._asked, line.kind == "person"
        if line.kind == "event":
            self.frame("event", line.text, place)
        elif line.kind == "self":
            self.opener(NEXT if answers else 0)
            self._own(line.text, place, ANSWER if line.learn else 0)
            if line.learn:
                self._show(place, line.copies, number - 1)
        else:
            weight_class = LIGHT if line.kind == "person" else 0
            speaker = Place("speaker", number)
            who = NEXT if answers and line.kind == "persona" else 0
            self.add([FRAME[line.kind]], who)
            self.add(encode(line.name), who, speaker)
            self.add([SAYS])
            ids = encode(line.text)
            if heard and line.kind == "person" and all(FIRST_WORD <= i < _FIRST_UNHEARD for i in ids):
                self.heard += range(len(self.ids), len(self.ids) + len(ids))
            self.add(ids, weight_class, place)
            self.add([END], weight_class)
            self._belongs(place, range(*self._places[speaker]))

    def picture(self, picture: Picture) -> None:
        """A row for all of it and one for each thing, in place of words."""
        self.add([FRAME["percept"], IMAGE])
        for slot in range(1 + len(picture.things)):
            self.seen.append((len(self.ids), picture.which, slot))
            self.add([PAD], 0, Place("picture", slot - 1))
        self.add([END])

    def opener(self, weight_class: int = 0) -> None:
        self.add([SELF], weight_class)

    def reply(self, text: str, copies: tuple[Copy, ...]) -> None:
        """After the opener: the answer to the newest message."""
        number = self._num_lines
        if text == SILENCE:
            place = Place("silence", number)
            self.add([SILENT], LAST_ANSWER, place)
            self.add([END], LAST_ANSWER)
        else:
            place = Place("line", number)
            self._num_lines += 1
            self._own(text, place, LAST_ANSWER)
        self._show(place, copies, number - 1)

    def spoken(self, ids: list[int], num_given: int) -> None:
        """The last reply, aloud: `num_given` tokens that are not asked for, then words and codes."""
        self.add(ids[:num_given])
        for i in ids[num_given:]:
            self.add([i], CODE if i >= FIRST_CODE else AMONG_CODES)

    def _own(self, text: str, place: Place, weight_class: int) -> None:
        self.add(encode(text), weight_class, place)
        self.add([END], weight_class)
        self._belongs(place, (self._places[place][0] - 1,))

    def _belongs(self, place: Place, owner: Iterable[int]) -> None:
        first, end = self._places[place]
        owner = tuple(owner)
        for position in range(first, end + 1):
            self.show("owner", position, owner)

    def _show(self, place: Place, copies: tuple[Copy, ...], newest: int) -> None:
        """Notes how the reply at `place` to line number `newest` comes about."""
        first, end = self._places[place]
        opener = first - 1
        for copy in copies:
            words = encode(copy.words)
            for source in copy.places:
                if source.kind == "picture":
                    self._show_seen(place, opener, words, source)
                    continue
                found = self._find(words, source, first)
                if not found:
                    continue
                if copy is copies[0]:
                    self._show_evidence(opener, copy, source, found, newest)
                topics = self._find(encode(copy.topic), source, first)
                # A word that stands before what it is asked by cannot be found by it.
                if not topics or topics[0] < found[0]:
                    for start in self._find(words, place, end)[-1:]:
                        for i in range(start == first, len(words)):
                            self.show("source", start + i - 1, [at + i for at in found])
        if opener not in self.shown["source"]:
            self.show("source", opener, (0,))

    def _show_seen(self, place: Place, opener: int, words: list[int], source: Place) -> None:
        """Each word of a thing is read from its embedding; so is what to say at all."""
        seen = self._places[source][:1]
        self.show("source", opener, seen)
        for start in self._find(words, place)[-1:]:
            for i in range(len(words)):
                self.show("source", start + i - 1, seen)

    def _show_evidence(self, opener: int, copy: Copy, source: Place, found: list[int], newest: int) -> None:
        """That `opener` may know by `source` what to say."""
        question = Place("line", newest)
        if source == question or source.kind not in ("line", "memory", "percept", "identity"):
            self.show("source", opener, found)  # a word of the message itself, a name in a list, the time
            return
        end = self._places[source][1]
        last = end - 1 if source.kind == "identity" else end  # its full stop, or its <|end|>
        self.show("source", opener, (last,))
        topic = encode(copy.topic)
        self.show("topic", opener, self._find(topic, question, opener))
        at = self._find(topic, source, opener)
        for start in found:
            for i in range(len(encode(copy.words))):
                self.show("topic", start + i, at)
        self.show("topic", last, at)
        self.show("whom", opener, self._named(copy.whom, question))
        self.show("whom", last, self._named(copy.whom, source))

    def statement(self, statement: Statement) -> None:
        """Shows what the end of a line can know about it."""
        if statement.place not in self._places:
            return
        last = self._places[statement.place][1]
        earlier = [self._places[place][1] for place in statement.earlier[-1:]]
        self.show("earlier", last, earlier or (0,))
        self.show("topic", last, self._find(encode(statement.topic), statement.place))
        self.show("whom", last, self._named(statement.whom, statement.place))

    def _named(self, name: str, place: Place) -> list[int]:
        """Where the name stands in the place, else before it if it is the speaker's."""
        words = encode(name)
        found = self._find(words, place) or self._find(words, Place("speaker", place.which))
        return [start + i for start in found for i in range(len(words))]

    def _find(self, words: list[int], place: Place, before: int | None = None) -> list[int]:
        """Where the words begin in the place, if they end before a position."""
        if not words or place not in self._places:
            return []
        (first, end), size = self._places[place], len(words)
        end = end if before is None else min(end, before)
        return [i for i in range(first, end - size + 1) if self.ids[i : i + size] == words]


def render(
    play: Play,
    *,
    rules: str = RULES[0],
    recipe: str = RECIPES[0],
    with_reply: bool = True,
    heard: Callable[[], bool] = lambda: False,
) -> Page:
    """The prompt up to the reply's opener, and the reply if asked for. `heard` is asked of each new message:
    does it come by ear?"""
    scene, moment, newest, more = play
    page = Page()
    page.add([BEGIN])
    page.frame("rules", rules)
    page.frame("recipe", recipe)
    page.add([FRAME["identity"]])
    for key, sentence in identity_sentences(scene.name, scene.facts):
        page.add(encode(sentence), 0, Place("identity", key))
    page.add([END])
    for line in scene.lines:
        page.line(line)
    for i, memory in enumerate(moment.memories):
        page.frame("memory", memory.text, Place("memory", i))
    page.frame("percept", presence_text(moment.present), Place("presence"))
    if moment.picture:
        page.picture(moment.picture)
    for i, percept in enumerate(percept_texts(play)):
        page.frame("percept", percept, Place("percept", i))
    page.frame("time", f"it is {moment.clock}" if moment.clock else "", Place("time"))
    page.line(Line(newest.kind, newest.speaker, newest.text), heard=heard())
    page.opener()
    if with_reply:
        page.reply(newest.reply, newest.copies)
        for other in more:
            page.line(Line(other.kind, other.speaker, other.text), heard=heard())
            page.opener()
            page.reply(other.reply, other.copies)
    for statement in scene.statements:
        page.statement(statement)
    return page


def percept_texts(play: Play) -> list[str]:
    told = () if play.moment.picture else play.moment.sights
    return [*(world.articled(f"you see a {sight.text}") for sight in told), *play.moment.touches]


def render_varied(play: Play, rng: random.Random, heard_share: float = 0.0) -> Page:
    """With the bundle's rules and recipe half of the time, else with others or none; so many of the new
    messages come by ear."""
    return render(
        play,
        heard=lambda: rng.random() < heard_share,
        rules=RULES[0] if rng.random() < 0.5 else rng.choice(RULES),
        recipe=RECIPES[0] if rng.random() < 0.5 else rng.choice(RECIPES),
    )
