"""What people tell about themselves, and questions about it: from the conversation, else from a memory."""

from __future__ import annotations

from training import world
from training.mind.scene import UNKNOWN, Attr, Copy, Memory, Moment, Place, Scene, Speaks, Turn

_PLAIN = ("home", "age", "likes")


def tell(s: Scene, _me: Speaks, speaker: str, _m: Moment) -> Turn:
    """A statement, which is acknowledged by saying it back."""
    told = s.known.get(speaker)
    attr = s.rng.choice(list(told)) if told and s.rng.random() < 0.45 else new_attr(s)
    given, value = draw_value(s, attr)
    reply = f"ok {speaker} {to_person(attr, value)} ."
    copies = (Copy(speaker, (s.speaker_here,)), Copy(value, (s.here,)))
    return Turn(f"say_{attr.kind}", given, reply, "tell", (speaker, attr, value), copies)


def new_attr(s: Scene) -> Attr:
    draw = s.rng.random()
    if draw < 0.35:
        return Attr("pet", s.rng.choice(s.hot_animals) if s.rng.random() < 0.8 else s.filler.word("animal"))
    if draw < 0.7:
        return Attr("key", s.rng.choice(s.hot_keys if s.rng.random() < 0.8 else world.PERSON_KEYS))
    if draw < 0.9:
        return Attr(s.rng.choice(s.hot_plain if s.rng.random() < 0.8 else _PLAIN))
    return Attr("thing", s.rng.choice(s.hot_things) if s.rng.random() < 0.8 else s.filler.word("thing"))


def draw_value(s: Scene, attr: Attr) -> tuple[dict[str, str], str]:
    """The slots of a statement that says it, and the value."""
    match attr.kind:
        case "pet":
            value = s.filler.word("pet_name")
            return {"animal": attr.of, "pet_name": value}, value
        case "key":
            value = s.filler.value(attr.of)
            return {"pkey": attr.of, "pvalue": value}, value
        case "home":
            value = s.filler.word("city")
            return {"city": value}, value
        case "age":
            value = s.filler.age()
            return {"age": value}, value
        case "likes":
            value = s.filler.like()
            return {"like": value}, value
        case _:
            value = s.filler.word("place")
            return {"thing": attr.of, "place": value}, value


def to_person(attr: Attr, value: str) -> str:
    match attr.kind:
        case "pet":
            return f"your {attr.of} is called {value}"
        case "key":
            return f"your {attr.of} is {value}"
        case "home":
            return f"you live in {value}"
        case "age":
            return f"you are {value} years old"
        case "likes":
            return f"you like {value}"
        case _:
            return f"your {attr.of} is in the {value}"


def of_person(name: str, attr: Attr, value: str) -> str:
    match attr.kind:
        case "pet":
            return f"the {attr.of} of {name} is called {value}"
        case "key":
            return f"the {attr.of} of {name} is {value}"
        case "home":
            return f"{name} lives in {value}"
        case "age":
            return f"{name} is {value} years old"
        case "likes":
            return f"{name} likes {value}"
        case _:
            return f"the {attr.of} of {name} is in the {value}"


_SLOT = {"pet": "animal", "key": "pkey", "thing": "thing"}


def recall_mine(s: Scene, _me: Speaks, speaker: str, m: Moment) -> Turn:
    """The speaker asks about himself."""
    attr, found, skill = _pick(s, speaker, m)
    given = {_SLOT[attr.kind]: attr.of} if attr.kind in _SLOT else {}
    reply = UNKNOWN if found is None else f"{to_person(attr, found.words)} ."
    return Turn(f"ask_my_{attr.kind}", given, reply, skill, None, (found,) if found else ())


def recall_theirs(s: Scene, me: Speaks, speaker: str, m: Moment) -> Turn:
    """The speaker asks about somebody else."""
    others = [n for n in (*s.people, *s.personas) if n not in (speaker, me.name)]
    others = [n for n in others if n in s.known or any(x.name == n for x in m.memories)] or others
    name = s.rng.choice(others) if others and s.rng.random() < 0.9 else s.stranger()
    attr, found, skill = _pick(s, name, m, without=("thing",))
    given = {"name": name} | ({_SLOT[attr.kind]: attr.of} if attr.kind in _SLOT else {})
    reply = UNKNOWN if found is None else f"{of_person(name, attr, found.words)} ."
    copies = (found, Copy(name, (s.here,))) if found else ()
    return Turn(f"ask_their_{attr.kind}", given, reply, skill.replace("mine", "theirs"), None, copies)


def _pick(s: Scene, name: str, m: Moment, without: tuple[str, ...] = ()) -> tuple[Attr, Copy | None, str]:
    """What to ask about `name`: preferably what is known, and what has changed; its value, the skill."""
    known = {a: v for a, v in s.known.get(name, {}).items() if a.kind not in without}
    recalled = {
        x.attr: Copy(x.value, (Place("memory", i),), x.attr.of, name)
        for i, x in enumerate(m.memories)
        if x.name == name and x.attr.kind not in without
    }
    only_recalled = [a for a in recalled if a not in known]
    draw = s.rng.random()
    if only_recalled and (draw < 0.6 or not known) and draw < 0.85:
        attr = s.rng.choice(only_recalled)
        return attr, recalled[attr], "memory"
    if known and draw < 0.8:
        changed = [a for a in known if (name, a) in s.changed]
        attr = s.rng.choice(changed if changed and s.rng.random() < 0.65 else list(known))
        copy = Copy(known[attr], s.sources[name, attr], attr.of, name)
        return attr, copy, "recall_changed" if attr in changed else "recall_mine"
    for _ in range(20):
        attr = new_attr(s)
        if attr.kind not in without and attr not in known and attr not in recalled:
            return attr, None, "recall_unknown"
    attr = Attr("key", "number")
    if attr in known:
        return attr, Copy(known[attr], s.sources[name, attr], attr.of, name), "recall_mine"
    return attr, recalled.get(attr), "memory" if attr in recalled else "recall_unknown"


def draw_memory(s: Scene) -> Memory:
    """Something that was said on another day. Now and then it contradicts today, and then today counts."""
    name = s.rng.choice(s.people) if s.rng.random() < 0.8 else s.stranger()
    for _ in range(20):
        attr = new_attr(s)
        if attr not in s.known.get(name, {}) or s.rng.random() < 0.1:
            break
    given, value = draw_value(s, attr)
    draw = s.rng.random()
    if draw < 0.3:
        text = of_person(name, attr, value)
    elif draw < 0.6 and attr.kind == "pet":
        text = world.articled(f"{name} has a {attr.of} called {value}")
    elif draw < 0.6 and attr.kind == "key":
        text = f"the favourite {attr.of} of {name} is {value}"
    else:
        template = s.rng.choice(world.templates(f"say_{attr.kind}", s.split))
        said, _ = world.fill(template, s.filler, given)
        text = f"{name} {s.rng.choice(('said', 'said', 'says'))} {said}"
    return Memory(name, attr, value, text)
