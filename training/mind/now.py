"""The moment: who is here, what is in view, what time it is; and questions about time and company."""

from __future__ import annotations

from sensorium.vision.encoder import Thing
from training import world
from training.mind.scene import UNKNOWN, Copy, Moment, Place, Scene, Sight, Speaks, Turn
from training.mind.told import draw_memory

_PICTURE_SHARE = 0.8
_HOURS = (*((h, "at night") for h in range(5)), *((h, "in the morning") for h in range(5, 12)))
_HOURS += (*((h, "in the afternoon") for h in range(12, 18)), *((h, "in the evening") for h in range(18, 22)))
_HOURS += ((22, "at night"), (23, "at night"))


def time_words(hour: int, minute: int) -> str:
    """As sensorium.prompting writes it (a test holds the two together): "four seventeen in the afternoon"."""
    spoken = "" if minute == 0 else f" {'oh ' if minute < 10 else ''}{world.number(minute)}"
    return f"{world.number(hour % 12 or 12)}{spoken} {_HOURS[hour][1]}"


def draw_moment(s: Scene) -> Moment:
    rng = s.rng
    present: tuple[str, ...] = ()
    if rng.random() < 0.9:
        personas = sorted((s.name, *s.personas))
        # Not everybody who spoke is still here.
        people = sorted(p for p in s.people if rng.random() < 0.85)
        present = (*personas, *people)
    picture = s.pictures.draw(rng) if s.pictures and rng.random() < _PICTURE_SHARE else None
    sights: list[Sight] = [_sight(thing) for thing in picture.things] if picture else []
    for _ in range(0 if picture else rng.choice((0, 0, 1, 1, 2, 3))):
        noun = s.filler.word("object" if rng.random() < 0.8 else "shape")
        if all(x.noun != noun for x in sights):
            size = s.filler.word("adjective") if rng.random() < 0.12 else ""
            sights.append(Sight(s.filler.word("colour"), noun, size))
    memories = tuple(draw_memory(s) for _ in range(rng.choice((0, 0, 1, 2, 3))))
    at = (rng.randrange(24), rng.randrange(60))
    clock = time_words(*at) if rng.random() < 0.93 else ""
    touches: tuple[str, ...] = ()
    if rng.random() < 0.07:
        touches = (f"{rng.choice(s.people)} {rng.choice(('touches you', 'waves', 'comes near'))}",)
    return Moment(memories, present, tuple(sights), touches, clock, at, picture)


def _sight(thing: Thing) -> Sight:
    return Sight(thing.colour, thing.kind, words=thing.words)


def presence_text(present: tuple[str, ...]) -> str:
    if len(present) < 2:
        return f"here is {present[0]}" if present else ""
    return f"here are {names_joined(present)}"


def names_joined(names: tuple[str, ...]) -> str:
    return f"{' '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def ask_time(s: Scene, _me: Speaks, _speaker: str, m: Moment) -> Turn:
    if s.rng.random() < 0.75:
        reply = f"it is {m.clock} ." if m.clock else UNKNOWN
        return Turn("ask_time", {}, reply, "time", None, copied(m.clock, "time"))
    part = m.clock.split()[-1] if m.clock else ""
    asked = part if part and s.rng.random() < 0.5 else s.filler.word("day_part")
    reply = f"{'yes' if asked == part else 'no'} it is {part} ." if part else UNKNOWN
    return Turn("ask_day_part", {"day_part": asked}, reply, "time", None, copied(part, "time"))


def copied(words: str, kind: str, which: int | str = "", topic: str = "") -> tuple[Copy, ...]:
    return (Copy(words, (Place(kind, which),), topic),) if words else ()


def ask_presence(s: Scene, me: Speaks, speaker: str, m: Moment) -> Turn:
    if s.rng.random() < 0.5:
        verb = "is" if len(m.present) == 1 else "are"
        names = names_joined(m.present) if m.present else ""
        reply = f"{names} {verb} here ." if names else UNKNOWN
        return Turn("ask_who_here", {}, reply, "presence", None, copied(names, "presence"))
    others = [n for n in m.present if n not in (me.name, speaker)]
    gone = [n for n in s.people if n not in m.present and n != speaker]
    if others and s.rng.random() < 0.5:
        asked = s.rng.choice(others)
    else:
        asked = s.rng.choice(gone) if gone and s.rng.random() < 0.6 else s.stranger()
    if not m.present:
        return Turn("ask_is_here", {"name": asked}, UNKNOWN, "presence")
    here = asked in m.present
    reply = f"yes {asked} is here ." if here else f"no {asked} is not here ."
    copies = copied(asked, "presence") if here else ()
    return Turn("ask_is_here", {"name": asked}, reply, "presence", None, copies)
