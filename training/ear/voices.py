"""Who speaks in the training data and who never does, how fast and how high: choices from a seeded rng."""

from __future__ import annotations

import random

from training.espeak import Style

BASE = "en-us"
ACCENTS = (
    "en-us", "en", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029", "en-us-nyc",
)  # fmt: skip
VARIANTS = ("", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "f1", "f2", "f3", "f4", "f5")
CHARACTERS = (
    "Alex", "Alicia", "Andrea", "Andy", "Annie", "Denis", "Diogo", "Gene", "Hugo", "Jacky", "Lee", "Marco",
    "Mario", "Michael", "Mike", "Reed", "adam", "anika", "announcer", "antonio", "aunty", "benjamin", "boris",
    "caleb", "croak", "david", "ed", "edward", "grandma", "grandpa", "gustave", "ian", "iven", "john",
    "klatt", "klatt3", "klatt4", "linda", "marcelo", "max", "michel", "miguel", "norbert", "pablo", "paul",
    "pedro", "quincy", "rob", "robert", "sandro", "shelby", "steph2", "travis", "victor", "zac",
)  # fmt: skip

# Known variants in combinations that training never speaks: the "voices never trained" of the bars.
HELD_OUT = ("en-us+m5", "en-us+f4", "en+m2", "en-gb-scotland+f5")
# Stricter: variants that training never speaks in any accent.
HELD_OUT_VARIANTS = ("en-us+belinda", "en-us+edward2", "en+steph", "en-us+klatt2")


def training_style(rng: random.Random) -> Style:
    """A quarter base voice, half accents by plain variants, the rest characters; no held-out voice."""
    share = rng.random()
    if share < 0.25:
        voice = BASE
    else:
        variants = VARIANTS if share < 0.75 else CHARACTERS
        voice = _name(rng.choice(ACCENTS), rng.choice(variants))
        while voice in HELD_OUT:
            voice = _name(rng.choice(ACCENTS), rng.choice(variants))
    return Style(
        voice=voice,
        speed_wpm=round(rng.triangular(110, 260, 160)),
        pitch=round(rng.triangular(15, 85, 50)),
        pitch_range=round(rng.triangular(10, 90, 50)),
        word_gap_10ms=rng.choice((0, 0, 0, 1, 2, 6)),
    )


def base_style(_rng: random.Random) -> Style:
    return Style(voice=BASE)


def held_out_style(rng: random.Random, voices: tuple[str, ...] = HELD_OUT) -> Style:
    """A voice never trained, at a moderate speed and pitch."""
    return Style(voice=rng.choice(voices), speed_wpm=rng.randint(130, 200), pitch=rng.randint(30, 70))


def _name(accent: str, variant: str) -> str:
    return f"{accent}+{variant}" if variant else accent
