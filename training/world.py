# ruff: noqa: SIM905 (word lists read better as text)
"""The closed world of nano: its words, and the ways in which a person may say things in it.

Both the ear and the mind learn from here, and the grammar of the pocketsphinx bridge is made from it, so
everything is data: word lists by category, and templates by intent, each with a held-out part that training
never uses. Knows nothing of prompts, of sound or of models.
"""

from __future__ import annotations

import random
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

# "fillers": known templates, held-out words in them. "phrasings": held-out templates, known words.
Split = Literal["train", "fillers", "phrasings"]
SPLITS: tuple[Split, ...] = ("train", "fillers", "phrasings")

PERSONAS = tuple("maya leo nora felix ada hugo ines oscar ruby theo vera jonas clara milo".split())

# category -> words. Every HELD_OUT_EVERY-th of a category never fills a slot in training.
WORDS: dict[str, tuple[str, ...]] = {
    "name": (
        *PERSONAS,
        *"""anna sam joe ben tom lucy emma jack lily peter sarah david laura simon julia martin helen paul
        alice mark diana robert nina george susan adam karen victor rosa daniel eva frank grace henry irene
        james kate lucas monica nathan olivia patrick rachel stefan tina ursula walter yara zoe albert betty
        carlos dora edward fiona gary hannah ivan jenny kevin linda max nadia otto paula quentin rita steve
        tara ulrich vincent wendy xenia yusuf zara arthur bella cedric donna eric flora gloria harry isabel
        jasper kim lena marco nelson olga philip rebecca samuel teresa vivian william yvonne andrea bruno
        carmen dennis""".split(),
    ),
    "colour": tuple(
        "red blue green yellow black white brown orange purple pink grey silver golden turquoise violet beige"
        " crimson indigo".split()
    ),
    "animal": tuple(
        "dog cat horse rabbit parrot hamster turtle mouse goat sheep cow pig duck goose chicken fox wolf bear"
        " lion tiger monkey elephant giraffe zebra camel donkey frog snake lizard owl eagle swan pigeon"
        " dolphin whale shark penguin squirrel hedgehog badger otter ferret crow spider".split()
    ),
    "pet_name": tuple(
        "rex buddy luna bella fluffy shadow daisy rocky ginger biscuit pepper smoky tiger lucky coco pickle"
        " simba nemo oreo ziggy muffin waffles bandit scout jumbo peanut sparky whiskers pudding"
        " pixie".split()
    ),
    "food": tuple(
        "bread cheese pizza pasta rice soup salad apples bananas cherries grapes carrots potatoes tomatoes"
        " onions mushrooms beans eggs fish chicken sausages pancakes waffles chocolate honey cake cookies"
        " noodles sushi curry olives nuts strawberries peaches lemons melons pumpkin spinach butter yoghurt"
        " dumplings burgers popcorn pretzels".split()
    ),
    "drink": tuple(
        "tea coffee water milk juice lemonade cocoa cider beer wine soda smoothies espresso"
        " buttermilk".split()
    ),
    "job": tuple(
        "baker teacher doctor nurse farmer painter writer singer dancer pilot sailor builder carpenter cook"
        " driver gardener plumber electrician engineer lawyer judge librarian mechanic musician photographer"
        " policeman firefighter postman tailor waiter actor astronaut dentist fisherman hunter jeweller"
        " locksmith miner potter scientist shepherd spy vet".split()
    ),
    "city": tuple(
        "rome paris london berlin madrid vienna lisbon prague warsaw dublin oslo helsinki athens budapest"
        " moscow cairo tokyo delhi sydney boston chicago denver dallas miami toronto lima havana nairobi"
        " istanbul geneva zurich munich hamburg milan naples venice florence porto seville krakow edinburgh"
        " glasgow bristol kyoto".split()
    ),
    "hobby": tuple(
        "painting reading dancing singing cooking fishing hiking swimming cycling running gardening knitting"
        " drawing skating sailing camping climbing sewing baking writing juggling origami chess puzzles"
        " photography astronomy pottery skiing".split()
    ),
    "instrument": tuple(
        "piano violin guitar flute drum trumpet cello harp clarinet saxophone trombone banjo ukulele"
        " accordion organ tuba".split()
    ),
    "sport": tuple(
        "football tennis basketball hockey golf rugby cricket volleyball badminton boxing fencing judo rowing"
        " surfing".split()
    ),
    "flower": tuple("rose tulip lily daisy orchid sunflower violet poppy jasmine lavender iris".split()),
    "season": tuple("spring summer autumn winter".split()),
    "shape": tuple("circle square triangle star heart cross diamond arrow moon oval".split()),
    "object": tuple(
        "ball cup book box chair table lamp bottle hat shoe bag clock key phone spoon fork knife plate bowl"
        " pencil pen candle mirror basket umbrella coat glove scarf ring coin hammer brush ladder bucket"
        " pillow blanket guitar car bicycle boat kite balloon button door".split()
    ),
    "thing": tuple(
        "wallet passport ticket camera laptop purse notebook torch jacket helmet map key umbrella"
        " diary letter".split()
    ),
    "place": tuple(
        "kitchen garden bathroom bedroom garage cellar attic office hallway car drawer cupboard basement"
        " library shed balcony".split()
    ),
    "adjective": tuple(
        "old new big small warm cold sweet fresh hot little fast quiet strange soft wild".split()
    ),
    "topic": tuple(
        "music rain snow stars books trains films stories games jokes maps birds trees rivers mountains"
        " poems history science robots castles pirates dragons lighthouses thunder fog museums markets"
        " islands windmills bridges".split()
    ),
    "weekday": tuple("monday tuesday wednesday thursday friday saturday sunday".split()),
    "day_part": tuple("morning afternoon evening night".split()),
}
HELD_OUT_EVERY = 5
# Too few to hold any out.
_NEVER_HELD_OUT = frozenset({"season", "weekday", "day_part"})

ONES = tuple(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen eighteen nineteen".split()
)
TENS = tuple("twenty thirty forty fifty sixty seventy eighty ninety".split())

# What neither a list nor a template holds, but a reply, a prompt or a word salad may.
OTHER_WORDS = tuple(
    """. a about after again all also always am an and another answer any are as asked at away back bad be
    because been before began behind below best better between both bring but call came can child children
    close come comes could dear did different does done down each early else end enough even ever every
    everything false far father feel few find first five floor fly found free from full funny gave get girl
    give go goes gone got had half hand happy has have he head help her here hers him his hope house how hour
    hours i if in inside into is it its just keep kind knew know known last late later laugh leave leaves left
    less let life light like likes listen live lives long look looks loud love lucky made make man many may
    me mean means middle mine minus minute minutes more most mother much must my name near need never next
    nice no nobody noon none not nothing o of off often oh on once only open or other our out outside over
    own part people perhaps place play plays please plus point put question quick quite rather ready really
    remember right room round said same saw say says second seconds see sees seem seen sees send shall she
    should show side silent since sister sit sky sleep slow so some someone something sometimes soon sorry
    speak stand start still stop story such sure take talk tell than that the their them then there these
    they things think third this those thousand through time times today together told tomorrow touches
    true turn under understand until up us use used very voice wait walk want was waves way we well went were
    what when where which while who whole whom why will window wish with without woman word words work works
    world would wrong year years yes yesterday yet you young your yours yourself brother son daughter friend
    uncle aunt weather sunny cloudy windy rainy dark bright empty heavy left eat eats drink drinks goodbye
    hello welcome thanks thank fine great noon midnight hundred age home pet hobby likes dislikes
    job colour food instrument sport flower season number favourite called rules voices everyone
    beside above holds hold hears moves touched waved arrives enters joins clock equals divided percent
    talking""".split()
)


@dataclass(frozen=True)
class Intent:
    """The ways to say one thing. `{slot}` is filled by `fill`; `addressed` says how a name may be added:
    "may" (before or after), "never" (the template names whom it means, or naming would change it)."""

    train: tuple[str, ...]
    held: tuple[str, ...] = ()
    addressed: Literal["may", "never"] = "may"
    weight: float = 1.0


def _lines(text: str) -> tuple[str, ...]:
    return tuple(" ".join(line.split()) for line in text.strip().splitlines() if line.strip())


def _intent(
    train: str, held: str = "", *, addressed: Literal["may", "never"] = "may", weight: float = 1.0
) -> Intent:
    return Intent(_lines(train), _lines(held), addressed, weight)


# Attributes that a persona's identity may hold beside likes, dislikes, home and age -> category of the value.
KEYS: dict[str, str] = {
    "job": "job",
    "colour": "colour",
    "food": "food",
    "drink": "drink",
    "pet": "animal",
    "pet_name": "pet_name",
    "hobby": "hobby",
    "instrument": "instrument",
    "sport": "sport",
    "friend": "name",
    "flower": "flower",
    "season": "season",
    "number": "number",
}


def _intents() -> dict[str, Intent]:
    table = tomllib.loads(Path(__file__).with_name("intents.toml").read_text(encoding="utf-8"))
    return {name: _intent(**entry) for name, entry in table.items()}


INTENTS: dict[str, Intent] = _intents()

# How a name may be put to a thing said: {u} is the thing said, {p} the name.
ADDRESSES = ("{p} {u}", "{p} {u}", "{u} {p}", "hello {p} {u}", "{p} please {u}", "so {p} {u}", "well {p} {u}")
HELD_ADDRESSES = ("{p} now {u}", "dear {p} {u}")

MAX_SUM = 20


def number(n: int) -> str:
    """0..999 in words: "two hundred five". Raises ValueError beyond."""
    if not 0 <= n <= 999:
        raise ValueError(f"{n} is outside 0 to 999")
    if n >= 100:
        return f"{ONES[n // 100]} hundred" + (f" {number(n % 100)}" if n % 100 else "")
    if n < 20:
        return ONES[n]
    return TENS[n // 10 - 2] + (f" {ONES[n % 10]}" if n % 10 else "")


@cache
def held_out() -> frozenset[str]:
    """Words that never fill a slot in training, in whatever category they stand.

    Persona names are always trained: they are in every room. Categories of a handful hold none out.
    """
    return frozenset(
        word
        for category, words in WORDS.items()
        if category not in _NEVER_HELD_OUT
        for i, word in enumerate(words)
        if i % HELD_OUT_EVERY == HELD_OUT_EVERY - 1 and word not in PERSONAS
    )


@cache
def fillers(category: str, *, held: bool) -> tuple[str, ...]:
    """The words of a category that training uses, or those it never uses; all, if none is held out."""
    words = WORDS[category]
    if category in _NEVER_HELD_OUT:
        return words
    return tuple(w for w in words if (w in held_out()) == held)


@dataclass
class Filler:
    """Draws words for slots. `held` draws from the held-out part."""

    rng: random.Random
    held: bool = False

    def word(self, category: str) -> str:
        return self.rng.choice(fillers(category, held=self.held))

    def age(self) -> str:
        return number(self.rng.randint(5, 99))

    def like(self) -> str:
        """One to three words: a thing that can be liked or not."""
        noun = self.word(self.rng.choice(("food", "drink", "topic", "hobby", "sport", "topic", "food")))
        return f"{self.word('adjective')} {noun}" if self.rng.random() < 0.25 else noun

    def value(self, key: str) -> str:
        category = KEYS[key]
        return number(self.rng.randint(0, 99)) if category == "number" else self.word(category)

    def key(self) -> str:
        return self.rng.choice(tuple(KEYS))

    def salad(self, low: int, high: int) -> str:
        """Random words of the whole world."""
        return " ".join(self.rng.choices(SALAD_WORDS, k=self.rng.randint(low, high)))

    def slot(self, slot: str, chosen: dict[str, str]) -> str:
        """A fitting filler. `chosen` holds earlier slots of the same template ({value} depends on {key})."""
        match slot:
            case "key":
                chosen["_key"] = self.key()
                return chosen["_key"].replace("_", " ")
            case "value":
                return self.value(chosen["_key"])
            case "pkey":
                chosen["_pkey"] = self.rng.choice(PERSON_KEYS)
                return chosen["_pkey"]
            case "pvalue":
                return self.value(chosen["_pkey"])
            case "like":
                return self.like()
            case "age":
                return self.age()
            case "a" | "b":
                return number(self.rng.randint(0, MAX_SUM))
            case "words":
                return self.salad(1, 6)
            case "seen":
                return f"{self.word('colour')} {self.word('shape')}"
            case _:
                return self.word(slot)


# What a person may say of himself as "my KEY is VALUE".
PERSON_KEYS = (
    "colour",
    "food",
    "drink",
    "job",
    "hobby",
    "instrument",
    "sport",
    "friend",
    "flower",
    "number",
    "season",
)
_SLOT_ORDER = ("key", "value", "pkey", "pvalue")


_A_BEFORE_VOWEL = re.compile(r"\ba (?=[aeio]|um)")


def articled(text: str) -> str:
    """ "an owl", "an umbrella", "a ukulele": the article that a word wants."""
    return _A_BEFORE_VOWEL.sub("an ", text)


@cache
def slots(template: str) -> tuple[str, ...]:
    """Names of the template's slots; those that others depend on come first."""
    names = {w[1:-1] for w in template.split() if w.startswith("{")}
    first = [s for s in _SLOT_ORDER if s in names]
    return (*first, *sorted(names - set(first)))


def fill(template: str, filler: Filler, given: dict[str, str] | None = None) -> tuple[str, dict[str, str]]:
    """The template with its slots filled (`given` ones as given), and what they were filled with."""
    chosen: dict[str, str] = {}
    for slot in ("pkey", "key"):
        if given and slot in given:
            chosen[f"_{slot}"] = given[slot].replace(" ", "_")
    for slot in slots(template):
        chosen[slot] = given[slot] if given and slot in given else filler.slot(slot, chosen)
    text = template.format_map(chosen)
    return (text if "words" in chosen else articled(text)), chosen


def templates(intent: str, split: Split) -> tuple[str, ...]:
    """The intent's templates in that split; an intent without held-out ones gives the trained ones."""
    entry = INTENTS[intent]
    return entry.held if split == "phrasings" and entry.held else entry.train


def address(said: str, name: str, rng: random.Random, *, split: Split) -> str:
    """`said`, put to somebody by name."""
    ways = HELD_ADDRESSES if split == "phrasings" and rng.random() < 0.3 else ADDRESSES
    return rng.choice(ways).format(p=name, u=said)


_INTENT_NAMES = tuple(INTENTS)
_INTENT_WEIGHTS = tuple(INTENTS[i].weight for i in _INTENT_NAMES)


def utterance(rng: random.Random, *, split: Split = "train") -> str:
    """One thing that a person may say: lower-case words, no punctuation. Half of them name a persona."""
    intent = rng.choices(_INTENT_NAMES, _INTENT_WEIGHTS)[0]
    said, _ = fill(rng.choice(templates(intent, split)), Filler(rng, held=split == "fillers"))
    if INTENTS[intent].addressed == "may" and rng.random() < 0.5:
        return address(said, rng.choice(PERSONAS), rng, split=split)
    return said


def _vocabulary() -> tuple[str, ...]:
    words: dict[str, None] = dict.fromkeys(OTHER_WORDS)
    for category in WORDS.values():
        words.update(dict.fromkeys(category))
    words.update(dict.fromkeys((*ONES, *TENS, *(w for k in KEYS for w in k.split("_")))))
    for intent in INTENTS.values():
        for template in (*intent.train, *intent.held):
            words.update(dict.fromkeys(w for w in template.split() if not w.startswith("{")))
    for way in (*ADDRESSES, *HELD_ADDRESSES):
        words.update(dict.fromkeys(w for w in way.split() if not w.startswith("{")))
    return tuple(sorted(words))


# All words of the world, sorted: an id made from it moves only when the world does.
VOCABULARY: tuple[str, ...] = _vocabulary()
SALAD_WORDS: tuple[str, ...] = tuple(w for w in VOCABULARY if w != ".")
# Words that only personas say; the ear need not know them.
REPLY_WORDS: tuple[str, ...] = ("ok", "face", "sad", "angry", "surprised", "calm")
# What a judge of speech knows: letters, too, as words are spelled ("a" and "i" are words of the world).
JUDGED_WORDS: tuple[str, ...] = (
    *SALAD_WORDS,
    *REPLY_WORDS,
    *sorted(set("abcdefghijklmnopqrstuvwxyz") - set(VOCABULARY)),
)
