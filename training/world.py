# ruff: noqa: SIM905 (word lists read better as text)
"""The closed world of nano: its words, and the ways in which a person may say things in it.

Both the ear and the mind learn from here, and the grammar of the pocketsphinx bridge is made from it, so
everything is data: word lists by category, and templates by intent, each with a held-out part that training
never uses. Knows nothing of prompts, of sound or of models.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from functools import cache
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

INTENTS: dict[str, Intent] = {
    # --- about the persona itself
    "ask_likes": _intent(
        """what do you like
        tell me what you like
        what do you like most
        is there something you like
        what is it that you like
        please tell me what you like
        what things do you like
        can you say what you like
        what do you love
        i want to know what you like
        do you like something
        so what do you like
        what do you really like""",
        """tell me please what do you like
        now what is it you like
        can you tell me what you like""",
        weight=3,
    ),
    "ask_dislikes": _intent(
        """what do you not like
        tell me what you do not like
        what is it that you do not like
        is there something you do not like
        please tell me what you do not like
        what things do you not like
        can you say what you do not like
        i want to know what you do not like
        so what do you not like
        what do you really not like""",
        """tell me please what do you not like
        what is there that you do not like
        can you tell me what you do not like""",
        weight=2,
    ),
    "ask_home": _intent(
        """where do you live
        tell me where you live
        where is your home
        in what city do you live
        what city do you live in
        which city do you live in
        please tell me where you live
        can you say where you live
        what is your home
        what is your city
        so where do you live
        i want to know where you live
        where do you live now""",
        """tell me please where do you live
        can you tell me where you live
        in which city is your home""",
        weight=2,
    ),
    "ask_age": _intent(
        """how old are you
        tell me how old you are
        what is your age
        how many years old are you
        please tell me how old you are
        tell me your age
        can you say how old you are
        so how old are you
        please say your age
        how old are you now
        i want to know how old you are""",
        """tell me please how old are you
        can you tell me your age
        i want to know your age""",
        weight=2,
    ),
    "ask_key": _intent(
        """what is your {key}
        tell me your {key}
        tell me what your {key} is
        please tell me your {key}
        can you say what your {key} is
        what is your favourite {key}
        so what is your {key}
        say what your {key} is
        i want to know your {key}
        which {key} do you have
        do you have a {key}
        what {key} do you have
        please say what your {key} is""",
        """can you tell me your {key}
        tell me please what is your {key}
        i want to know what your {key} is""",
        weight=4,
    ),
    "ask_job": _intent(
        """what do you do
        what work do you do
        where do you work and what do you do
        what do you work as
        what do you do all day
        tell me what work you do""",
        """tell me what you do
        what do you work as now""",
    ),
    "ask_pet_name": _intent(
        """what is your pet called
        tell me what your pet is called
        what is the name of your pet
        what do you call your pet
        please tell me what your pet is called
        so what is your pet called""",
        """tell me the name of your pet
        can you say what your pet is called""",
    ),
    "ask_eat": _intent(
        """what do you like to eat
        what do you eat
        what do you love to eat
        tell me what you like to eat""",
        """so what do you like to eat
        tell me what you eat""",
    ),
    "ask_drink": _intent(
        """what do you like to drink
        what do you drink
        what do you love to drink
        tell me what you like to drink""",
        """so what do you like to drink
        tell me what you drink""",
    ),
    "ask_play": _intent(
        """what instrument do you play
        which instrument do you play
        tell me which instrument you play
        tell me what instrument you play""",
        """so which instrument do you play
        please tell me what instrument you play""",
    ),
    "ask_do_you_like": _intent(
        """do you like {like}
        tell me do you like {like}
        do you really like {like}
        so do you like {like}
        please tell me do you like {like}
        is it true that you like {like}
        you like {like} right
        can you say if you like {like}
        do you also like {like}""",
        """tell me if you like {like}
        is it right that you like {like}
        i want to know if you like {like}""",
        weight=3,
    ),
    "ask_is_key": _intent(
        """is your {key} {value}
        is it true that your {key} is {value}
        your {key} is {value} right
        tell me is your {key} {value}
        so is your {key} {value}""",
        """is it right that your {key} is {value}
        please tell me is your {key} {value}""",
        weight=2,
    ),
    "ask_live_in": _intent(
        """do you live in {city}
        is it true that you live in {city}
        you live in {city} right
        tell me do you live in {city}
        so do you live in {city}""",
        """is it right that you live in {city}
        please tell me do you live in {city}""",
    ),
    "ask_name": _intent(
        """who are you
        what is your name
        tell me your name
        say your name
        please say your name
        what are you called
        tell me who you are
        please tell me your name
        can you say your name
        so who are you
        i want to know your name""",
        """can you tell me your name
        tell me please who are you
        i want to know who you are""",
        addressed="may",
        weight=2,
    ),
    "ask_are_you": _intent(
        """are you {name}
        is your name {name}
        you are {name} right
        is it true that you are {name}
        tell me are you {name}""",
        """so are you {name}
        tell me is your name {name}""",
        addressed="never",
    ),
    # --- about the person who asks
    "ask_my_name": _intent(
        """who am i
        what is my name
        what am i called
        tell me my name
        do you know my name
        do you know who i am
        please say my name
        say my name
        tell me who i am
        so who am i""",
        """please tell me my name
        can you say my name
        tell me please who am i""",
    ),
    "ask_my_pet": _intent(
        """what is my {animal} called
        what is the name of my {animal}
        tell me what my {animal} is called
        do you know what my {animal} is called
        do you remember what my {animal} is called
        tell me the name of my {animal}
        do you know the name of my {animal}
        do you remember the name of my {animal}
        so what is my {animal} called
        please tell me what my {animal} is called
        how is my {animal} called
        what do i call my {animal}
        what did i call my {animal}
        what did i say my {animal} is called""",
        """can you tell me what my {animal} is called
        please tell me the name of my {animal}
        tell me please what is my {animal} called
        can you say the name of my {animal}""",
        weight=3,
    ),
    "ask_my_key": _intent(
        """what is my {pkey}
        what is my favourite {pkey}
        tell me my {pkey}
        tell me what my {pkey} is
        do you know my {pkey}
        do you remember my {pkey}
        do you know what my {pkey} is
        do you remember what my {pkey} is
        so what is my {pkey}
        please tell me what my {pkey} is
        what did i say my {pkey} is
        tell me what my favourite {pkey} is
        do you remember what my favourite {pkey} is""",
        """can you tell me what my {pkey} is
        do you know what my favourite {pkey} is
        please tell me my {pkey}""",
        weight=3,
    ),
    "ask_my_home": _intent(
        """where do i live
        tell me where i live
        do you know where i live
        do you remember where i live
        in what city do i live
        what city do i live in
        please tell me where i live
        where did i say i live
        so where do i live
        which city do i live in""",
        """can you tell me where i live
        tell me please where do i live
        can you say where i live""",
        weight=1.5,
    ),
    "ask_my_age": _intent(
        """how old am i
        tell me how old i am
        do you know how old i am
        do you remember how old i am
        what is my age
        do you know my age
        please tell me how old i am
        how old did i say i am
        so how old am i
        how many years old am i""",
        """can you tell me how old i am
        tell me my age
        tell me please how old am i""",
        weight=1.5,
    ),
    "ask_my_likes": _intent(
        """what do i like
        tell me what i like
        do you know what i like
        do you remember what i like
        what did i say i like
        please tell me what i like
        so what do i like
        what is it that i like
        can you say what i like
        what do i love""",
        """can you tell me what i like
        tell me please what do i like
        what is it i like""",
        weight=1.5,
    ),
    "ask_my_thing": _intent(
        """where is my {thing}
        where did i put my {thing}
        tell me where my {thing} is
        do you know where my {thing} is
        do you remember where my {thing} is
        where did i leave my {thing}
        please tell me where my {thing} is
        so where is my {thing}
        where did i say my {thing} is""",
        """can you tell me where my {thing} is
        tell me where i put my {thing}
        do you know where i put my {thing}""",
        weight=1.5,
    ),
    # --- about somebody else
    "ask_their_pet": _intent(
        """what is the {animal} of {name} called
        what is the name of the {animal} of {name}
        tell me what the {animal} of {name} is called
        do you know what the {animal} of {name} is called
        do you remember what the {animal} of {name} is called
        how is the {animal} of {name} called
        so what is the {animal} of {name} called
        what does {name} call the {animal}""",
        """tell me the name of the {animal} of {name}
        can you tell me what the {animal} of {name} is called
        do you know the name of the {animal} of {name}""",
        weight=1.5,
    ),
    "ask_their_key": _intent(
        """what is the {pkey} of {name}
        tell me the {pkey} of {name}
        do you know the {pkey} of {name}
        do you remember the {pkey} of {name}
        what is the favourite {pkey} of {name}
        so what is the {pkey} of {name}
        tell me what the {pkey} of {name} is""",
        """do you know what the {pkey} of {name} is
        please tell me the {pkey} of {name}
        can you tell me the {pkey} of {name}""",
        weight=1.5,
    ),
    "ask_their_home": _intent(
        """where does {name} live
        tell me where {name} lives
        do you know where {name} lives
        do you remember where {name} lives
        in what city does {name} live
        so where does {name} live
        which city does {name} live in""",
        """can you tell me where {name} lives
        please tell me where {name} lives
        what city does {name} live in""",
    ),
    "ask_their_age": _intent(
        """how old is {name}
        tell me how old {name} is
        do you know how old {name} is
        what is the age of {name}
        do you remember how old {name} is
        so how old is {name}""",
        """can you tell me how old {name} is
        please tell me how old {name} is
        tell me the age of {name}""",
    ),
    "ask_their_likes": _intent(
        """what does {name} like
        tell me what {name} likes
        do you know what {name} likes
        do you remember what {name} likes
        so what does {name} like
        what is it that {name} likes""",
        """can you tell me what {name} likes
        please tell me what {name} likes
        what does {name} love""",
    ),
    # --- statements
    "say_pet": _intent(
        """my {animal} is called {pet_name}
        i have a {animal} called {pet_name}
        the name of my {animal} is {pet_name}
        i call my {animal} {pet_name}
        you know my {animal} is called {pet_name}
        today i got a {animal} called {pet_name}
        remember my {animal} is called {pet_name}
        i have a {animal} and it is called {pet_name}
        there is a {animal} in my home called {pet_name}
        at home i have a {animal} called {pet_name}""",
        """please remember my {animal} is called {pet_name}
        you know i have a {animal} called {pet_name}
        remember the name of my {animal} is {pet_name}""",
        weight=3,
    ),
    "say_key": _intent(
        """my {pkey} is {pvalue}
        my favourite {pkey} is {pvalue}
        you know my {pkey} is {pvalue}
        remember my {pkey} is {pvalue}
        i think my {pkey} is {pvalue}
        the {pkey} i like best is {pvalue}
        {pvalue} is my favourite {pkey}
        today my {pkey} is {pvalue}
        {pvalue} is my {pkey}""",
        """please remember my {pkey} is {pvalue}
        you know my favourite {pkey} is {pvalue}
        remember my favourite {pkey} is {pvalue}""",
        weight=3,
    ),
    "say_home": _intent(
        """i live in {city}
        my home is in {city}
        i live in {city} now
        you know i live in {city}
        remember i live in {city}
        at this time i live in {city}
        the city i live in is {city}""",
        """please remember i live in {city}
        remember my home is in {city}""",
        weight=1.5,
    ),
    "say_age": _intent(
        """i am {age} years old
        my age is {age}
        you know i am {age} years old
        remember i am {age} years old
        today i am {age} years old
        i am now {age} years old""",
        """please remember i am {age} years old
        you know my age is {age}""",
        weight=1.5,
    ),
    "say_likes": _intent(
        """i like {like}
        i really like {like}
        you know i like {like}
        remember i like {like}
        what i like is {like}
        i love {like}
        i like {like} very much
        today i like {like}""",
        """please remember i like {like}
        you know i really like {like}""",
        weight=2,
    ),
    "say_thing": _intent(
        """my {thing} is in the {place}
        i put my {thing} in the {place}
        i left my {thing} in the {place}
        remember my {thing} is in the {place}
        you know my {thing} is in the {place}
        remember i put my {thing} in the {place}""",
        """please remember my {thing} is in the {place}
        you know i left my {thing} in the {place}""",
        weight=1.5,
    ),
    # --- the moment
    "ask_time": _intent(
        """what time is it
        tell me the time
        what is the time
        what time is it now
        do you know what time it is
        please tell me the time
        do you know the time
        can you say what time it is
        how late is it
        so what time is it
        say the time please""",
        """can you tell me the time
        tell me what time it is
        tell me please what time is it""",
        weight=2,
    ),
    "ask_day_part": _intent(
        """is it {day_part}
        is it {day_part} now
        tell me is it {day_part}
        is it {day_part} already now
        so is it {day_part}""",
        """tell me is it {day_part} now
        please tell me is it {day_part}""",
        weight=0.7,
    ),
    "ask_who_here": _intent(
        """who is here
        who is in the room
        tell me who is here
        who is here now
        who is with us
        can you say who is here
        please tell me who is here
        who is in this room
        do you know who is here
        so who is here
        tell me who is in the room
        which people are here""",
        """can you tell me who is here
        who is in the room now
        do you know who is in the room""",
        weight=2,
    ),
    "ask_is_here": _intent(
        """is {name} here
        is {name} in the room
        do you know if {name} is here
        tell me is {name} here
        is {name} here now
        is {name} with us
        so is {name} here
        can you see {name}""",
        """tell me if {name} is here
        is {name} in this room
        please tell me is {name} here""",
        weight=1.5,
    ),
    "ask_see": _intent(
        """what do you see
        tell me what you see
        what can you see
        what is there
        look what do you see
        what do you see now
        please tell me what you see
        what can you see now
        what are you looking at
        so what do you see
        do you see something""",
        """can you tell me what you see
        tell me what you can see
        look and tell me what you see""",
        weight=2,
    ),
    "ask_colour_of": _intent(
        """what colour is the {object}
        which colour is the {object}
        tell me the colour of the {object}
        what is the colour of the {object}
        what colour has the {object}
        do you see the colour of the {object}
        please tell me what colour the {object} is
        so what colour is the {object}
        look what colour is the {object}""",
        """tell me what colour the {object} is
        which colour has the {object}
        can you see what colour the {object} is""",
        weight=2,
    ),
    "ask_what_is_colour": _intent(
        """what is {colour}
        what is {colour} here
        which thing is {colour}
        tell me what is {colour}
        what do you see that is {colour}
        is there something {colour}""",
        """tell me which thing is {colour}
        so what is {colour}""",
    ),
    "ask_do_you_see": _intent(
        """do you see a {object}
        can you see a {object}
        is there a {object}
        do you see the {object}
        tell me do you see a {object}
        is there a {object} here
        so do you see a {object}""",
        """tell me if you see a {object}
        can you see the {object}
        look is there a {object}""",
        weight=1.5,
    ),
    # --- sums
    "sum": _intent(
        """what is {a} plus {b}
        how much is {a} plus {b}
        {a} plus {b}
        tell me what {a} plus {b} is
        please tell me what is {a} plus {b}
        can you say what {a} plus {b} is
        {a} plus {b} is what
        what is {a} and {b}
        do you know what {a} plus {b} is
        how much is {a} and {b}
        so what is {a} plus {b}
        how many are {a} plus {b}""",
        """tell me {a} plus {b}
        tell me please how much is {a} plus {b}
        can you tell me what {a} plus {b} is""",
        weight=3,
    ),
    "difference": _intent(
        """what is {a} minus {b}
        how much is {a} minus {b}
        {a} minus {b}
        tell me what {a} minus {b} is
        please tell me what is {a} minus {b}
        can you say what {a} minus {b} is
        {a} minus {b} is what
        do you know what {a} minus {b} is
        so what is {a} minus {b}
        how many are {a} minus {b}
        what is {a} less {b}
        how much is {a} less {b}""",
        """tell me {a} minus {b}
        tell me please how much is {a} minus {b}
        can you tell me what {a} minus {b} is""",
        weight=3,
    ),
    # --- manners
    "hello": _intent(
        """hello
        hello there
        hello how nice
        hello my friend
        hello again
        nice to see you
        hello everyone
        so hello
        hello nice to see you""",
        """hello there my friend
        hello again my friend""",
        weight=2,
    ),
    "good_day": _intent(
        """good {day_part}
        good {day_part} my friend
        a good {day_part}
        good {day_part} everyone
        hello and good {day_part}
        i wish you a good {day_part}""",
        """a very good {day_part}
        so good {day_part}""",
    ),
    "goodbye": _intent(
        """goodbye
        goodbye my friend
        see you later
        see you tomorrow
        goodbye everyone
        i must go now
        i have to go
        see you soon
        goodbye and see you soon""",
        """i must go now goodbye
        so goodbye my friend""",
        weight=1.5,
    ),
    "thanks": _intent(
        """thank you
        thanks
        thank you very much
        many thanks
        thank you my friend
        thanks a lot
        that was nice thank you
        thank you so much
        i thank you""",
        """thanks very much
        thank you that was nice""",
        weight=1.5,
    ),
    "how_are_you": _intent(
        """how are you
        how are you today
        how do you feel
        how do you feel today
        are you well
        how is it going
        tell me how you are
        so how are you
        how are you now
        are you fine""",
        """tell me how you feel
        so how do you feel
        are you well today""",
        weight=1.5,
    ),
    "repeat": _intent(
        """repeat after me {words}
        say after me {words}
        please repeat {words}
        repeat {words}
        please say {words}
        now say {words}
        say the words {words}
        repeat the words {words}""",
        """please repeat after me {words}
        now repeat after me {words}
        please repeat the words {words}""",
        weight=3,
    ),
    # --- what was said
    "ask_said": _intent(
        """what did {name} say
        what did {name} say last
        what has {name} said
        tell me what {name} said
        what was it that {name} said
        please tell me what {name} said
        so what did {name} say
        do you know what {name} said
        what did {name} just say
        can you say what {name} said""",
        """tell me what {name} said last
        can you tell me what {name} said
        do you remember what {name} said""",
        weight=2,
    ),
    "ask_i_said": _intent(
        """what did i say
        what did i say last
        what did i just say
        what did i say before
        tell me what i said
        what was it that i said
        do you remember what i said
        do you know what i said
        so what did i say""",
        """tell me what i said last
        can you tell me what i said
        tell me what i just said""",
        weight=1.5,
    ),
    "ask_you_said": _intent(
        """what did you say
        say that again
        please say that again
        say it again
        what was that
        can you say that again
        what did you just say
        please repeat that
        again please
        tell me again what you said""",
        """please say it again
        can you repeat that
        tell me what you said""",
        weight=2,
    ),
    "ask_came": _intent(
        """who came in
        who came in last
        who just came in
        who came
        tell me who came in
        who was the last who came in
        do you know who came in""",
        """tell me who came in last
        so who came in""",
        weight=0.8,
    ),
    "ask_left": _intent(
        """who left
        who left last
        who just left
        who went away
        tell me who left
        who has left the room
        do you know who left""",
        """tell me who left last
        so who left""",
        weight=0.8,
    ),
    # --- beyond the world: fluent questions that nobody here can answer
    "beyond": _intent(
        """why is the sky blue
        what is the weather tomorrow
        how far is the moon
        who made the world
        where is the best museum
        how many stars are there
        what is the meaning of life
        when does the train come
        how do i make {food}
        what is the best way to {city}
        how far is {city}
        who lives in {city}
        why do people like {topic}
        how big is a {animal}
        what does a {animal} eat
        how much is a {object}
        where can i find {food}
        what is inside the {object}
        who found the {thing}
        how many people live in {city}
        when is the next {season}
        is {city} far
        why is {topic} funny
        how old is the world
        what do you think about {topic}
        what will happen tomorrow
        can you tell me a story
        tell me a story about {topic}
        what was there before the world
        how do you make {drink}
        where does {drink} come from
        why does a {animal} sleep
        how fast is a {animal}
        who is the best {job}
        what does a {job} do all day
        how long does a {animal} live""",
        """how many {food} are there in {city}
        why is a {animal} so fast
        where does a {animal} live
        what is the best {drink} in {city}
        how do people make {topic}
        who made the first {object}""",
        weight=2,
    ),
}

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
REPLY_WORDS: tuple[str, ...] = ("ok",)
