"""Plays scenes: draws a conversation, a moment and the newest message, whose reply is known.

Every reply of the persona itself can be learnt where it follows from what stands before it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

from training import world
from training.mind.now import ask_presence, ask_time, draw_moment
from training.mind.own import own_fact, own_name, own_yes_no
from training.mind.pictures import PictureBank
from training.mind.scene import (
    Attr,
    Copy,
    Line,
    Moment,
    Scene,
    Speaks,
    Turn,
    draw_facts,
    draw_scene,
)
from training.mind.sight import ask_sight
from training.mind.talk import STOPPED, beyond, comings, interrupt, manners, repeat, said, spell, sums
from training.mind.told import recall_mine, recall_theirs, tell
from training.world import Split

SILENCE = "<|silent|>"

Topic = Callable[[Scene, Speaks, str, Moment], Turn]

# topic -> (weight in the conversation, weight as the newest message)
TOPICS: dict[Topic, tuple[float, float]] = {
    own_fact: (2.0, 3.0),
    own_yes_no: (0.8, 2.0),
    own_name: (0.3, 1.0),
    tell: (5.0, 2.0),
    recall_mine: (1.5, 10.0),
    recall_theirs: (0.8, 5.0),
    ask_time: (0.3, 1.3),
    ask_presence: (0.3, 2.0),
    ask_sight: (0.3, 9.0),
    sums: (1.0, 9.0),
    manners: (1.0, 2.4),
    repeat: (0.8, 7.0),
    said: (0.8, 8.0),
    comings: (0.2, 2.4),
    beyond: (0.5, 1.4),
    spell: (0.5, 4.0),
    interrupt: (0.6, 3.0),
}
# These need the moment, which is gone by the time they are history.
_OF_THE_MOMENT = (ask_time, ask_presence, ask_sight)
_TOPICS = tuple(TOPICS)
_IN_HISTORY = tuple(w for w, _ in TOPICS.values())
_AS_NEWEST = tuple(w for _, w in TOPICS.values())
# Where pictures come up they are asked about, or they would hardly ever be.
_AS_NEWEST_SEEING = tuple(w * (5.0 if topic is ask_sight else 1.0) for topic, (_, w) in TOPICS.items())
# So much of what is drawn without a skill is what another persona says to this one, first thing.
_CALLED_SHARE = 0.06


class Newest(NamedTuple):
    """The message to be answered. `kind` "person" or "persona"; `reply` is SILENCE where another is meant;
    `about` is what it tells and `copies` where the reply is read, as in Turn (for SILENCE: who is meant)."""

    kind: str
    speaker: str
    text: str
    reply: str
    skill: str
    about: tuple[str, Attr, str] | None = None
    copies: tuple[Copy, ...] = ()


class Play(NamedTuple):
    """`more` are further messages under the same moment: they never come at run time (there the moment moves
    on), but each teaches as much as a whole play."""

    scene: Scene
    moment: Moment
    newest: Newest
    more: tuple[Newest, ...] = ()


def draw_more(play: Play, num: int) -> Play:
    """The same play with `num` further messages and their replies."""
    scene, more = play.scene, []
    last = play.newest
    lines = len(scene.lines)
    for _ in range(num):
        scene.add(Line(last.kind, last.speaker, last.text))
        if last.about:
            scene.learn(*last.about)
        if last.reply != SILENCE:
            scene.add(Line("self", scene.name, last.reply))
        last = _draw_newest(scene, play.moment, "")
        more.append(last)
    del scene.lines[lines:]
    return play._replace(more=tuple(more))


def draw_play(
    rng: random.Random,
    split: Split,
    *,
    max_lines: int = 24,
    skill: str = "",
    odd: float = 0.0,
    pictures: PictureBank | None = None,
) -> Play:
    """One whole situation. `skill` asks for a newest message that tests it (drawn again until it does)."""
    scene = draw_scene(rng, split, odd)
    scene.pictures = pictures
    converse(scene, max_lines)
    if scene.personas and (skill == "called" or (not skill and rng.random() < _CALLED_SHARE)):
        return Play(scene, draw_moment(scene), _called(scene))
    for _ in range(60):
        moment = draw_moment(scene)
        for _ in range(8):
            newest = _draw_newest(scene, moment, skill)
            if not skill or newest.skill == skill:
                return Play(scene, moment, newest)
    return draw_play(rng, split, max_lines=max_lines, skill=skill, odd=odd, pictures=pictures)


def converse(scene: Scene, max_lines: int) -> None:
    """What was said before: `max_lines` at most, and everybody's coming in now and then."""
    num_lines = 0 if scene.rng.random() < 0.08 else scene.rng.randint(1, max_lines)
    if scene.rng.random() < 0.35:
        _all_come_in(scene)
        num_lines += len(scene.lines)
    while len(scene.lines) < num_lines:
        _play_turn(scene)


def _topic(rng: random.Random, weights: Sequence[float]) -> Topic:
    return rng.choices(_TOPICS, weights)[0]


def put(scene: Scene, turn: Turn) -> str:
    """The turn's words, in one of the phrasings of the scene's split."""
    if turn.intent == "salad":
        return turn.given["words"]
    template = scene.rng.choice(world.templates(turn.intent, scene.split))
    text, _ = world.fill(template, scene.filler, turn.given)
    return text


def addressed(scene: Scene, turn: Turn, text: str, name: str, chance: float) -> str:
    """With the name before or after it, by that chance. What must be repeated cannot be followed by it."""
    if scene.rng.random() >= chance or turn.intent == "salad":
        return text
    if turn.intent == "repeat":
        return f"{name} {text}"
    return world.address(text, name, scene.rng, split=scene.split)


# --- the conversation so far


def _play_turn(scene: Scene) -> None:
    if scene.broken_off and scene.rng.random() < 0.4:
        _talk_to_self(scene, "person", scene.rng.choice(scene.people), interrupt)
        return
    draw = scene.rng.random()
    if draw < 0.06:
        _come_or_go(scene)
        return
    other = scene.other_persona()
    if other is not None and draw < 0.3:
        _talk_to_other(scene, other)
    elif other is not None and draw < 0.33:
        _talk_to_self(scene, "persona", other)
    else:
        _talk_to_self(scene, "person", scene.rng.choice(scene.people))


def _all_come_in(scene: Scene) -> None:
    """How a conversation starts when its room was opened for it."""
    names = [scene.name, *scene.personas]
    scene.rng.shuffle(names)
    for name in (*names, *scene.people[: scene.rng.randint(0, len(scene.people))]):
        scene.come(name)


def _come_or_go(scene: Scene) -> None:
    who = scene.rng.choice((*scene.people, *scene.personas))
    if scene.rng.random() < 0.5:
        scene.come(who)
    else:
        scene.leave(who)


def _talk_to_other(scene: Scene, other: str) -> None:
    """A person and another persona; this one only listens."""
    rng = scene.rng
    speaker = rng.choice(scene.people)
    facts = scene.others_facts.get(other)
    if facts is None:
        facts = scene.others_facts[other] = draw_facts(scene.filler, 2, 8)
    topic = _topic(rng, _IN_HISTORY)
    moment = draw_moment(scene) if topic in _OF_THE_MOMENT else Moment()
    turn = topic(scene, Speaks(other, facts), speaker, moment)
    # Who is not named is whoever answered last: so the next to speak can be foreseen.
    text = addressed(scene, turn, put(scene, turn), other, 0.6 if scene.last_voice == other else 1.0)
    scene.add(Line("person", speaker, text))
    replies = rng.random() < 0.93
    if turn.about and turn.skill == "tell":
        scene.learn(*turn.about)
    if replies:
        scene.add(Line("persona", other, turn.reply))
        if turn.about and turn.skill != "tell":
            scene.learn(*turn.about)


def _talk_to_self(scene: Scene, kind: str, speaker: str, topic: Topic | None = None) -> None:
    """Somebody and this persona."""
    rng = scene.rng
    topic = topic or _topic(rng, _IN_HISTORY)
    if kind == "persona":
        topic = rng.choice((own_fact, own_yes_no, own_name, manners))
    of_moment = topic in _OF_THE_MOMENT
    turn = topic(scene, Speaks(scene.name, scene.facts), speaker, _moment_for(scene, of_moment))
    unnamed = kind == "person" and scene.last_voice in ("", scene.name)
    text = addressed(scene, turn, put(scene, turn), scene.name, 0.5 if unnamed else 1.0)
    scene.add(Line(kind, speaker, _as_said(kind, text)))
    if turn.about and turn.skill == "tell":
        scene.learn(*turn.about)
    draw, broken_off = rng.random(), scene.broken_off
    if draw < 0.88 or topic is interrupt:
        scene.add(Line("self", scene.name, turn.reply, not of_moment, turn.copies))
        if turn.reply == STOPPED:
            scene.broken_off = broken_off
        elif kind == "person" and rng.random() < 0.06:
            scene.add(Line("person", speaker, _nod(scene)))
    elif draw < 0.95 and not of_moment:
        scene.break_off(turn, rng.randint(1, turn.reply.count(" ")))


def _as_said(kind: str, text: str) -> str:
    """A persona ends its sentences; a person's ends are not to be relied on."""
    return f"{text} ." if kind == "persona" else text


def _nod(scene: Scene) -> str:
    """What a listener puts in, to which nobody answers."""
    return scene.rng.choice(world.templates("backchannel", scene.split))


def _moment_for(scene: Scene, of_moment: bool) -> Moment:
    return draw_moment(scene) if of_moment else Moment()


# --- the newest message


def _draw_newest(scene: Scene, moment: Moment, skill: str) -> Newest:
    rng = scene.rng
    own_last = bool(scene.lines) and scene.lines[-1].kind == "self"
    if own_last and (skill == "backchannel" or (not skill and rng.random() < 0.04)):
        return Newest("person", rng.choice(scene.people), _nod(scene), SILENCE, "backchannel")
    draw = rng.random()
    other = scene.other_persona()
    if (draw < 0.17 and not skill) or skill == "silence":
        return _to_another(scene, moment, other)
    kind, speaker = "person", rng.choice(scene.people)
    if other is not None and draw > 0.94:
        kind, speaker = "persona", other
    weights = _AS_NEWEST_SEEING if moment.picture else _AS_NEWEST
    topic = interrupt if scene.broken_off and rng.random() < 0.5 else _topic(rng, weights)
    turn = topic(scene, Speaks(scene.name, scene.facts), speaker, moment)
    text = addressed(scene, turn, put(scene, turn), scene.name, 1.0 if kind == "persona" else 0.62)
    about = turn.about if turn.skill == "tell" else None
    return Newest(kind, speaker, _as_said(kind, text), turn.reply, turn.skill, about, turn.copies)


def _called(scene: Scene) -> Newest:
    """Another persona greets this one or asks it something, mostly because a person has told it to."""
    rng, other = scene.rng, scene.rng.choice(scene.personas)
    told = rng.random() < 0.6
    if told:
        scene.add(Line("person", rng.choice(scene.people), ""))
    topic = rng.choice((manners, manners, manners, own_fact, own_yes_no, own_name))
    turn = topic(scene, Speaks(scene.name, scene.facts), other, Moment())
    text = addressed(scene, turn, put(scene, turn), scene.name, 1.0)
    if told:
        # Its words are known only now.
        asked, _ = world.fill(
            rng.choice(world.templates("repeat", scene.split)), scene.filler, {"words": text}
        )
        scene.lines[-1] = scene.lines[-1]._replace(text=f"{other} {asked}" if rng.random() < 0.6 else asked)
    return Newest("persona", other, _as_said("persona", text), turn.reply, "called", None, turn.copies)


def _to_another(scene: Scene, moment: Moment, other: str | None) -> Newest:
    """Meant for somebody else, by name: mostly another persona of the room, now and then a person."""
    rng = scene.rng
    kind, speaker = "person", rng.choice(scene.people)
    if other is not None and rng.random() < 0.08:
        kind, speaker = "persona", other
    meant = [p for p in scene.people if p != speaker]
    if scene.personas and (not meant or rng.random() < 0.8):
        meant = [p for p in scene.personas if p != speaker]
    name = rng.choice(meant) if meant else scene.stranger()
    turn = _topic(rng, _AS_NEWEST)(scene, Speaks(scene.name, scene.facts), speaker, moment)
    while turn.intent == "salad":
        turn = _topic(rng, _AS_NEWEST)(scene, Speaks(scene.name, scene.facts), speaker, moment)
    text = addressed(scene, turn, put(scene, turn), name, 1.0)
    about = turn.about if turn.skill == "tell" else None
    copies = (Copy(name, (scene.here,)),)
    return Newest(kind, speaker, _as_said(kind, text), SILENCE, "silence", about, copies)
