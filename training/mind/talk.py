"""Manners, sums, echoes, what was said, who came and went, and what nobody here can answer."""

from __future__ import annotations

from training import world
from training.mind.scene import UNCLEAR, UNKNOWN, Moment, Scene, Speaks, Turn

MAX_QUOTED_WORDS = 14


def sums(s: Scene, _me: Speaks, _speaker: str, _m: Moment) -> Turn:
    """0 to 20 plus or minus 0 to 20: a table that is learnt by heart."""
    a, b = s.rng.randint(0, world.MAX_SUM), s.rng.randint(0, world.MAX_SUM)
    given = {"a": world.number(a), "b": world.number(b)}
    if s.rng.random() < 0.5:
        return Turn("sum", given, f"{given['a']} plus {given['b']} is {world.number(a + b)} .", "sums")
    result = world.number(a - b) if a >= b else f"minus {world.number(b - a)}"
    return Turn("difference", given, f"{given['a']} minus {given['b']} is {result} .", "sums")


def manners(s: Scene, _me: Speaks, speaker: str, _m: Moment) -> Turn:
    match s.rng.choice(("hello", "hello", "good_day", "goodbye", "thanks", "how_are_you", "my_name")):
        case "hello":
            return Turn("hello", {}, f"hello {speaker} .", "manners")
        case "good_day":
            part = s.filler.word("day_part")
            return Turn("good_day", {"day_part": part}, f"good {part} {speaker} .", "manners")
        case "goodbye":
            return Turn("goodbye", {}, f"goodbye {speaker} .", "manners")
        case "thanks":
            return Turn("thanks", {}, f"you are welcome {speaker} .", "manners")
        case "how_are_you":
            return Turn("how_are_you", {}, f"i am fine {speaker} .", "manners")
        case _:
            return Turn("ask_my_name", {}, f"you are {speaker} .", "name")


def repeat(s: Scene, _me: Speaks, _speaker: str, _m: Moment) -> Turn:
    words = s.filler.salad(1, 7)
    if s.filler.odd and s.rng.random() < 0.5:
        words = f"{words} {s.filler.word('name')}"
    return Turn("repeat", {"words": words}, f"{words} .", "repeat")


def said(s: Scene, me: Speaks, speaker: str, _m: Moment) -> Turn:
    draw = s.rng.random()
    if draw < 0.3:
        return Turn(
            "ask_you_said", {}, f"i said {_quoted(me.last)} ." if me.last else "i said nothing .", "said"
        )
    if draw < 0.55:
        last = s.last_said.get(speaker)
        if last is None or _fits(last):
            return Turn("ask_i_said", {}, UNKNOWN if last is None else f"you said {_quoted(last)} .", "said")
    names = [n for n, text in s.last_said.items() if n not in (speaker, me.name) and _fits(text)]
    if names and s.rng.random() < 0.85:
        name = s.rng.choice(names)
        return Turn("ask_said", {"name": name}, f"{name} said {_quoted(s.last_said[name])} .", "said")
    silent = [n for n in (*s.people, *s.personas) if n not in s.last_said and n not in (speaker, me.name)]
    name = s.rng.choice(silent) if silent else s.stranger()
    return Turn("ask_said", {"name": name}, UNKNOWN, "said")


def _quoted(text: str) -> str:
    return text.removesuffix(" .")


def _fits(text: str) -> bool:
    return text.count(" ") < MAX_QUOTED_WORDS


def comings(s: Scene, _me: Speaks, _speaker: str, _m: Moment) -> Turn:
    if s.rng.random() < 0.5:
        return Turn("ask_came", {}, f"{s.came} came in ." if s.came else UNKNOWN, "comings")
    return Turn("ask_left", {}, f"{s.left} left ." if s.left else UNKNOWN, "comings")


def beyond(s: Scene, _me: Speaks, _speaker: str, _m: Moment) -> Turn:
    if s.rng.random() < 0.75:
        return Turn("beyond", {}, UNKNOWN, "beyond")
    return Turn("salad", {"words": s.filler.salad(2, 8)}, UNCLEAR, "beyond")
