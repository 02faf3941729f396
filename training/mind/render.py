# ruff: noqa: SIM905
"""A play as tokens, exactly as sensorium.prompting composes it (a test holds the two together).

Each id has a weight class: 0 not learnt, 1 an own answer, 2 learnt a little, 3 the answer to the newest
message. Knows nothing of models.
"""

from __future__ import annotations

import random

from training import world
from training.mind.now import presence_text
from training.mind.play import SILENCE, Play
from training.mind.scene import Line
from training.mind.vocabulary import BEGIN, END, SAYS, SELF, SILENT, SPECIAL_ID, encode

ANSWER, LIGHT, LAST_ANSWER = 1, 2, 3
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
_FRAME = {
    kind: SPECIAL_ID[f"<|{kind}|>"]
    for kind in "rules recipe identity person persona event memory percept time".split()
}


def identity_text(name: str, facts: dict[str, str]) -> str:
    sentences = [f"your name is {name} ."]
    for key in sorted(facts):
        sentences.append(_FACTS.get(key, f"your {key.replace('_', ' ')} is {{}} .").format(facts[key]))
    return " ".join(sentences)


class Page:
    """Ids and their weight classes, growing together."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.classes: list[int] = []

    def add(self, ids: list[int], weight_class: int = 0) -> None:
        self.ids += ids
        self.classes += [weight_class] * len(ids)

    def frame(self, kind: str, text: str) -> None:
        if text:
            self.add([_FRAME[kind], *encode(text), END])

    def line(self, line: Line) -> None:
        if line.kind == "event":
            self.frame("event", line.text)
        elif line.kind == "self":
            self.add([SELF])
            self.add([*encode(line.text), END], ANSWER if line.learn else 0)
        else:
            self.add([_FRAME[line.kind], *encode(line.name), SAYS])
            self.add([*encode(line.text), END], LIGHT if line.kind == "person" else 0)


def render(play: Play, *, rules: str = RULES[0], recipe: str = RECIPES[0], with_reply: bool = True) -> Page:
    """The prompt up to the reply's opener, and the reply if asked for."""
    scene, moment, newest, more = play
    page = Page()
    page.add([BEGIN])
    page.frame("rules", rules)
    page.frame("recipe", recipe)
    page.frame("identity", identity_text(scene.name, scene.facts))
    for line in scene.lines:
        page.line(line)
    for memory in moment.memories:
        page.frame("memory", memory.text)
    page.frame("percept", presence_text(moment.present))
    for percept in percept_texts(play):
        page.frame("percept", percept)
    page.frame("time", f"it is {moment.clock}" if moment.clock else "")
    page.line(Line(newest.kind, newest.speaker, newest.text))
    page.add([SELF])
    if with_reply:
        page.add([*reply_ids(newest.reply), END], LAST_ANSWER)
        for other in more:
            page.line(Line(other.kind, other.speaker, other.text))
            page.add([SELF])
            page.add([*reply_ids(other.reply), END], LAST_ANSWER)
    return page


def percept_texts(play: Play) -> list[str]:
    return [
        *(world.articled(f"you see a {sight.text}") for sight in play.moment.sights),
        *play.moment.touches,
    ]


def reply_ids(reply: str) -> list[int]:
    return [SILENT] if reply == SILENCE else encode(reply)


def render_varied(play: Play, rng: random.Random) -> Page:
    """With the bundle's rules and recipe half of the time, else with others or none."""
    return render(
        play,
        rules=RULES[0] if rng.random() < 0.5 else rng.choice(RULES),
        recipe=RECIPES[0] if rng.random() < 0.5 else rng.choice(RECIPES),
    )
