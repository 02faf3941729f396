"""Manners, sums, echoes, letters, what was said, who came and went, and what nobody here can answer."""

from __future__ import annotations

from training import world
from training.mind.scene import UNCLEAR, UNKNOWN, Copy, Moment, Place, Scene, Speaks, Turn, odd_word

MAX_QUOTED_WORDS = 14
_MAX_REPEATED_WORDS = 9
DONE, STOPPED = "that is all .", "ok ."


def sums(s: Scene, _me: Speaks, _speaker: str, _m: Moment) -> Turn:
    """0 to 20 plus or minus 0 to 20: a table that is learnt by heart."""
    a, b = s.rng.randint(0, world.MAX_SUM), s.rng.randint(0, world.MAX_SUM)
    given = {"a": world.number(a), "b": world.number(b)}
    if s.rng.random() < 0.5:
        return Turn("sum", given, f"{given['a']} plus {given['b']} is {world.number(a + b)} .", "sums")
    result = world.number(a - b) if a >= b else f"minus {world.number(b - a)}"
    return Turn("difference", given, f"{given['a']} minus {given['b']} is {result} .", "sums")


def manners(s: Scene, _me: Speaks, speaker: str, _m: Moment) -> Turn:
    intent = s.rng.choice(("hello", "hello", "good_day", "goodbye", "thanks", "how_are_you", "ask_my_name"))
    part = s.filler.word("day_part")
    reply = {
        "hello": f"hello {speaker} .",
        "good_day": f"good {part} {speaker} .",
        "goodbye": f"goodbye {speaker} .",
        "thanks": f"you are welcome {speaker} .",
        "how_are_you": f"i am fine {speaker} .",
        "ask_my_name": f"you are {speaker} .",
    }[intent]
    given = {"day_part": part} if intent == "good_day" else {}
    skill = "name" if intent == "ask_my_name" else "manners"
    return Turn(intent, given, reply, skill, None, (Copy(speaker, (s.speaker_here,)),))


def repeat(s: Scene, _me: Speaks, _speaker: str, _m: Moment) -> Turn:
    if s.rng.random() < 0.5:
        words = _sentence(s)
    else:
        words = s.filler.salad(1, 7)
        if s.filler.odd and s.rng.random() < 0.5:
            words = f"{words} {s.filler.word('name')}"
    return Turn("repeat", {"words": words}, f"{words} .", "repeat", None, (Copy(words, (s.here,)),))


def _sentence(s: Scene) -> str:
    """What would be answered if it were not to be repeated, now and then put to another persona."""
    while True:
        intent = s.rng.choice(tuple(world.INTENTS))
        said, _ = world.fill(s.rng.choice(world.templates(intent, s.split)), s.filler)
        if s.personas and world.INTENTS[intent].addressed == "may" and s.rng.random() < 0.4:
            said = world.address(said, s.rng.choice(s.personas), s.rng, split=s.split)
        if said.count(" ") < _MAX_REPEATED_WORDS:
            return said


def spell(s: Scene, _me: Speaks, _speaker: str, _m: Moment) -> Turn:
    """A word of the world is spelled by heart, any other as it is written."""
    word = odd_word(s.rng) if s.rng.random() < 0.3 else s.filler.word(s.rng.choice(tuple(world.WORDS)))
    return Turn("spell", {"name": word}, spelled(word), "spell", None, (Copy(word, (s.here,)),))


def spelled(word: str) -> str:
    return f"{' '.join(word)} ."


def interrupt(s: Scene, me: Speaks, _speaker: str, _m: Moment) -> Turn:
    """To be stopped, and to say what one was about to say."""
    own = bool(s.lines) and s.lines[-1].kind == "self" and me.name == s.name
    if own and s.broken_off and s.rng.random() < 0.75:
        return Turn("go_on", {}, s.broken_off.reply, "interrupted", None, s.broken_off.copies)
    if own and s.lines[-1].text.endswith(".") and s.rng.random() < 0.5:
        return Turn("go_on", {}, DONE, "interrupted")
    return Turn("stop", {}, STOPPED, "interrupted")


def said(s: Scene, me: Speaks, speaker: str, _m: Moment) -> Turn:
    draw = s.rng.random()
    if draw < 0.3:
        if s.last_own < 0 or me.name != s.name:
            return Turn("ask_you_said", {}, "i said nothing .", "said")
        return _quote(s, "ask_you_said", {}, "i said", s.last_own, "")
    if draw < 0.55:
        last = s.last_said.get(speaker)
        if last is None:
            return Turn("ask_i_said", {}, UNKNOWN, "said")
        if _fits(s.lines[last].text):
            return _quote(s, "ask_i_said", {}, "you said", last, speaker)
    names = [n for n, i in s.last_said.items() if n not in (speaker, me.name) and _fits(s.lines[i].text)]
    if names and s.rng.random() < 0.85:
        name = s.rng.choice(names)
        return _quote(s, "ask_said", {"name": name}, f"{name} said", s.last_said[name], name)
    silent = [n for n in (*s.people, *s.personas) if n not in s.last_said and n not in (speaker, me.name)]
    name = s.rng.choice(silent) if silent else s.stranger()
    return Turn("ask_said", {"name": name}, UNKNOWN, "said")


def _quote(s: Scene, intent: str, given: dict[str, str], opening: str, line: int, whom: str) -> Turn:
    words = s.lines[line].text.removesuffix(" .")
    copy = Copy(words, (Place("line", line),), whom=whom)
    return Turn(intent, given, f"{opening} {words} .", "said", None, (copy,))


def _fits(text: str) -> bool:
    return text.count(" ") < MAX_QUOTED_WORDS


def comings(s: Scene, _me: Speaks, _speaker: str, _m: Moment) -> Turn:
    intent, line, verb = s.rng.choice((("ask_came", s.came, "came in"), ("ask_left", s.left, "left")))
    if line < 0:
        return Turn(intent, {}, UNKNOWN, "comings")
    name = s.lines[line].name
    return Turn(intent, {}, f"{name} {verb} .", "comings", None, (Copy(name, (Place("line", line),)),))


def beyond(s: Scene, _me: Speaks, _speaker: str, _m: Moment) -> Turn:
    if s.rng.random() < 0.75:
        return Turn("beyond", {}, UNKNOWN, "beyond")
    return Turn("salad", {"words": s.filler.salad(2, 8)}, UNCLEAR, "beyond")
