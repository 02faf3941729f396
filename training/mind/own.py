"""Questions about the persona itself, answered from its identity."""

from __future__ import annotations

from training import world
from training.mind.scene import UNKNOWN, Attr, Copy, Moment, Place, Scene, Speaks, Turn, draw_fact

# What the persona "likes" in the sense of "do you like V".
_LIKED = ("likes", "food", "drink", "hobby", "sport", "flower", "season", "colour", "instrument")


def own_fact(s: Scene, me: Speaks, _speaker: str, _m: Moment) -> Turn:
    """One fact of the identity; three of four times one that it has."""
    keys = ("likes", "dislikes", "home", "age", *world.KEYS)
    have = [k for k in keys if k in me.facts]
    lack = [k for k in keys if k not in me.facts]
    key = s.rng.choice(have if have and (not lack or s.rng.random() < 0.75) else lack)
    intent, given = _question(s, key)
    value = me.facts.get(key)
    if value is None:
        return Turn(intent, given, UNKNOWN, "own_unknown")
    about = _as_attr(me.name, key, value)
    return Turn(intent, given, _sentence(intent, key, value), "own_fact", about, _copied(value, key))


def _copied(value: str, *keys: str) -> tuple[Copy, ...]:
    topic = keys[0].replace("_", " ") if keys[0] in world.KEYS else ""
    return (Copy(value, tuple(Place("identity", key) for key in keys), topic),)


def _question(s: Scene, key: str) -> tuple[str, dict[str, str]]:
    if key in ("likes", "dislikes", "home", "age"):
        return f"ask_{key}", {}
    special = {"job": "ask_job", "pet_name": "ask_pet_name", "food": "ask_eat", "drink": "ask_drink"}
    special["instrument"] = "ask_play"
    if key in special and s.rng.random() < 0.4:
        return special[key], {}
    return "ask_key", {"key": key.replace("_", " ")}


def _sentence(intent: str, key: str, value: str) -> str:
    match intent:
        case "ask_likes":
            return f"i like {value} ."
        case "ask_dislikes":
            return f"i do not like {value} ."
        case "ask_home":
            return f"i live in {value} ."
        case "ask_age":
            return f"i am {value} years old ."
        case "ask_pet_name":
            return f"my pet is called {value} ."
        case "ask_eat":
            return f"i like to eat {value} ."
        case "ask_drink":
            return f"i like to drink {value} ."
        case "ask_play":
            return f"i play the {value} ."
        case _:
            return f"my {key.replace('_', ' ')} is {value} ."


def _as_attr(name: str, key: str, value: str) -> tuple[str, Attr, str] | None:
    if key in ("likes", "home", "age"):
        return name, Attr(key), value
    return (name, Attr("key", key), value) if key in world.PERSON_KEYS else None


def own_yes_no(s: Scene, me: Speaks, _speaker: str, _m: Moment) -> Turn:
    draw = s.rng.random()
    if draw < 0.55:
        return _do_you_like(s, me)
    if draw < 0.7:
        return _live_in(s, me)
    return _is_key(s, me)


def _do_you_like(s: Scene, me: Speaks) -> Turn:
    liked = [me.facts[k] for k in _LIKED if k in me.facts]
    disliked = me.facts.get("dislikes")
    draw = s.rng.random()
    if draw < 0.4 and liked:
        asked = liked[0] if s.rng.random() < 0.5 else s.rng.choice(liked)
    elif draw < 0.7 and disliked:
        asked = disliked
    else:
        asked = s.filler.like()
    given = {"like": asked}
    if asked == disliked:
        return Turn(
            "ask_do_you_like",
            given,
            f"no i do not like {asked} .",
            "own_yes_no",
            None,
            _copied(asked, "dislikes"),
        )
    if asked in liked:
        keys = [k for k in _LIKED if me.facts.get(k) == asked]
        return Turn(
            "ask_do_you_like", given, f"yes i like {asked} .", "own_yes_no", None, _copied(asked, *keys)
        )
    return Turn("ask_do_you_like", given, UNKNOWN, "own_unknown")


def _live_in(s: Scene, me: Speaks) -> Turn:
    home = me.facts.get("home")
    asked = home if home and s.rng.random() < 0.5 else s.filler.word("city")
    if home is None:
        return Turn("ask_live_in", {"city": asked}, UNKNOWN, "own_unknown")
    word = "yes" if asked == home else "no"
    return Turn(
        "ask_live_in",
        {"city": asked},
        f"{word} i live in {home} .",
        "own_yes_no",
        None,
        _copied(home, "home"),
    )


def _is_key(s: Scene, me: Speaks) -> Turn:
    have = [k for k in me.facts if k in world.KEYS]
    key = s.rng.choice(have) if have and s.rng.random() < 0.85 else s.rng.choice(tuple(world.KEYS))
    value = me.facts.get(key)
    asked = value if value and s.rng.random() < 0.5 else draw_fact(s.filler, key)
    shown = key.replace("_", " ")
    given = {"key": shown, "value": asked}
    if value is None:
        return Turn("ask_is_key", given, UNKNOWN, "own_unknown")
    word = "yes" if asked == value else "no"
    return Turn(
        "ask_is_key", given, f"{word} my {shown} is {value} .", "own_yes_no", None, _copied(value, key)
    )


def own_name(s: Scene, me: Speaks, _speaker: str, _m: Moment) -> Turn:
    if s.rng.random() < 0.65:
        return Turn("ask_name", {}, f"i am {me.name} .", "name", None, _copied(me.name, "name"))
    draw = s.rng.random()
    asked = me.name if draw < 0.5 else s.stranger()
    if draw > 0.75 and s.personas:
        asked = s.rng.choice(s.personas)
    word = "yes" if asked == me.name else "no"
    return Turn(
        "ask_are_you", {"name": asked}, f"{word} i am {me.name} .", "name", None, _copied(me.name, "name")
    )
