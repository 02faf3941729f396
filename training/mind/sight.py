"""Questions about what is in view: what is told of it in words, or what the eye makes of a picture."""

from __future__ import annotations

from training import world
from training.eye.scenes import side
from training.mind.now import copied
from training.mind.scene import UNKNOWN, Copy, Moment, Place, Scene, Sight, Speaks, Turn

_SIDES = {"left": "left of", "right": "right of", "above": "above", "below": "below"}
_OF_PICTURES_SHARE = 0.4


def ask_sight(s: Scene, _me: Speaks, _speaker: str, m: Moment) -> Turn:
    if m.picture and s.rng.random() < _OF_PICTURES_SHARE:
        return _how_many(s, m) if s.rng.random() < 0.3 else _beside(s, m)
    draw = s.rng.random()
    if draw < 0.35:
        return _see(m)
    sight = s.rng.choice(m.sights) if m.sights and s.rng.random() < 0.75 else None
    if draw < 0.62:
        return _colour_of(s, m, sight)
    if draw < 0.78:
        return _do_you_see(s, m, sight)
    return _what_is(s, m, sight)


def _see(m: Moment) -> Turn:
    seen = " and ".join(f"a {x.text}" for x in m.sights)
    reply = world.articled(f"i see {seen} .") if seen else "i see nothing ."
    copies = tuple(Copy(x.text, (_place(m, i),)) for i, x in enumerate(m.sights))
    return Turn("ask_see", {}, reply, "sight", None, copies)


def _colour_of(s: Scene, m: Moment, sight: Sight | None) -> Turn:
    noun = sight.noun if sight else s.filler.word("object")
    found = [(i, x.colour) for i, x in enumerate(m.sights) if x.noun == noun]
    if not found:
        return Turn("ask_colour_of", {"object": noun}, UNKNOWN, "colour")
    if len(found) > 1:
        return _see(m)  # which one is meant?
    i, colour = found[0]
    reply = f"the {noun} is {colour} ."
    return Turn("ask_colour_of", {"object": noun}, reply, "colour", None, _seen(m, colour, i, noun))


def _do_you_see(s: Scene, m: Moment, sight: Sight | None) -> Turn:
    noun = sight.noun if sight else s.filler.word("object")
    found = [(i, x.text) for i, x in enumerate(m.sights) if x.noun == noun]
    if not found:
        reply = world.articled(f"no i do not see a {noun} .")
        return Turn("ask_do_you_see", {"object": noun}, reply, "sight")
    if len(found) > 1:
        return _see(m)
    i, text = found[0]
    reply = world.articled(f"yes i see a {text} .")
    return Turn("ask_do_you_see", {"object": noun}, reply, "sight", None, _seen(m, text, i, noun))


def _what_is(s: Scene, m: Moment, sight: Sight | None) -> Turn:
    colour = sight.colour if sight else s.filler.word("colour")
    found = [(i, x.noun) for i, x in enumerate(m.sights) if x.colour == colour]
    if not found:
        return Turn("ask_what_is_colour", {"colour": colour}, UNKNOWN, "colour")
    if m.picture and len(found) > 1:
        return _see(m)
    i, noun = found[0]
    reply = f"the {noun} is {colour} ."
    return Turn("ask_what_is_colour", {"colour": colour}, reply, "colour", None, _seen(m, noun, i, colour))


def _place(m: Moment, i: int) -> Place:
    return Place("picture" if m.picture else "percept", i)


def _seen(m: Moment, words: str, i: int, topic: str) -> tuple[Copy, ...]:
    return copied(words, *_place(m, i), topic)


def _how_many(s: Scene, m: Moment) -> Turn:
    num = len(m.sights)
    reply = f"i see {world.number(num)} thing{'s' * (num != 1)} ." if num else "i see nothing ."
    return Turn("see_how_many", {}, reply, "sight")


def _beside(s: Scene, m: Moment) -> Turn:
    """What is left of, right of, above or below a thing, where everybody would agree."""
    assert m.picture
    things = m.picture.things
    where = s.rng.choice(tuple(_SIDES))
    intent = f"see_{where}"
    clear = [i for i, x in enumerate(m.sights) if sum(x.text == y.text for y in m.sights) == 1]
    if not clear:
        thing = f"{s.filler.word('colour')} {s.filler.word('shape')}"
        return Turn(intent, {"seen": thing}, UNKNOWN, "sight")
    of = s.rng.choice(clear)
    found = [i for i, thing in enumerate(things) if i != of and side(thing, things[of]) == where]
    doubtful = any(i != of and side(thing, things[of]) is None for i, thing in enumerate(things))
    if len(found) > 1 or doubtful:
        return _how_many(s, m)
    asked = m.sights[of].text
    if not found:
        return Turn(intent, {"seen": asked}, f"nothing is {_SIDES[where]} the {asked} .", "sight")
    text = m.sights[found[0]].text
    reply = f"the {text} is {_SIDES[where]} the {asked} ."
    return Turn(intent, {"seen": asked}, reply, "sight", None, _seen(m, text, found[0], asked))
