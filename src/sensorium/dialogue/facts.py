"""What a person states about himself, as a sentence worth remembering when the conversation has moved on.

A handful of plain sentence forms, no understanding. Pure text; knows nothing of stores or personas.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from sensorium.dialogue.names import OPENERS, words_of

MAX_FACT_WORDS = 18

_ONE, _TWO, _FEW = r"[\w'-]+?", r"[\w'-]+?(?: [\w'-]+?)?", r"[\w'-]+(?: [\w'-]+){0,4}"
_A = "(?:an?|the|one)"
_PET = "{who} has a {a} called {b}"
_KEY = "the {a} of {who} is {b}"
_PLACE = "the {a} of {who} is in the {b}"

# The whole clause but for its lead; the first match wins. {who} is the person's name.
_FORMS: tuple[tuple[str, str], ...] = (
    (rf"my (?P<a>{_TWO}) is (?:called|named) (?P<b>{_TWO})", _PET),
    (rf"my (?P<a>{_ONE})(?:'s|s) name is (?P<b>{_TWO})", _PET),
    (rf"the name of my (?P<a>{_TWO}) is (?P<b>{_TWO})", _PET),
    (rf"i call my (?P<a>{_ONE}) (?P<b>{_TWO})", _PET),
    (
        rf"(?:i have|i got|there is) {_A} (?P<a>{_ONE})(?: in my home)?(?: and it is)? called (?P<b>{_TWO})",
        _PET,
    ),
    (rf"my home is in (?P<a>{_FEW})", "{who} lives in {a}"),
    (rf"(?:i live in|the city i live in is) (?P<a>{_FEW})", "{who} lives in {a}"),
    (rf"(?:my age is|i am(?: now)?) (?P<a>{_TWO})(?: years old)", "{who} is {a} years old"),
    (rf"my age is (?P<a>{_TWO})", "{who} is {a} years old"),
    (rf"my (?P<a>{_ONE}) is in (?:the )?(?P<b>{_TWO})", _PLACE),
    (rf"i (?:put|left) my (?P<a>{_ONE}) in (?:the )?(?P<b>{_TWO})", _PLACE),
    (rf"my (?:favou?rite )?(?P<a>{_ONE}) is (?P<b>{_FEW})", _KEY),
    (rf"the (?P<a>{_ONE}) i like best is (?P<b>{_FEW})", _KEY),
    (rf"(?P<b>{_TWO}) is my (?:favou?rite )?(?P<a>{_ONE})", _KEY),
    (rf"i (?:do not|don't|dont) like (?P<a>{_FEW})", "{who} does not like {a}"),
    (rf"i (?:really )?(?:like|love) (?P<a>{_FEW})", "{who} likes {a}"),
    (rf"i (?:work|am working) as (?P<a>an? {_FEW})", "{who} is {a}"),
    (rf"i am (?P<a>from {_FEW})", "{who} is {a}"),
    (rf"i have (?P<a>an?|two|three) (?P<b>{_FEW})", "{who} has {a} {b}"),
    (rf"remember that (?P<a>{_ONE}(?: {_ONE}){{1,12}})", "{a}"),
)
# "you know", "at this time": a few words that change nothing.
_LEAD = r"(?:[\w'-]+ ){0,4}?"
_COMPILED = tuple((re.compile(_LEAD + form), sentence) for form, sentence in _FORMS)
_CLAUSE_END = re.compile(r"[.!?;,\n]+|\b(?:and|but) (?=(?:i|my) )")
_TRAILING = re.compile(r"(?: (?:now|today|too|very much|as well|please|you know))+$")
_ASKS = frozenset(
    words_of("who what where when why how which do does did are can could will would may tell say repeat")
)
# After these the sentence is about something else: "i like it", "i like you".
_EMPTY = frozenset({"it", "that", "this", "you", "them", "him", "her", "to"})


def stated(text: str, person_name: str, listeners: Collection[str] = ()) -> str | None:
    """The last fact in `text` about its speaker, as "sam has a dog called rex"; None when there is none.

    `listeners` are names that may stand before or after the sentence. Questions state nothing. Words are
    lower-cased, because what was heard has no case.
    """
    named = {name.lower() for name in listeners}
    found = None
    for clause in _CLAUSE_END.split(text.lower().replace("’", "'").replace("i'm ", "i am ")):
        words = clause.split()
        while words and words[-1] in named:
            words.pop()
        while words and (words[0] in named or words[0] in OPENERS):
            words.pop(0)
        if 0 < len(words) <= MAX_FACT_WORDS:
            found = _first_form(_TRAILING.sub("", " ".join(words)), person_name.lower()) or found
    return found


def _first_form(words: str, who: str) -> str | None:
    words = words.replace("what i like is", "i like")
    if not _ASKS.isdisjoint(words.split()):
        return None
    for form, sentence in _COMPILED:
        match = form.fullmatch(words)
        if match is not None and match["a"].split()[0] not in _EMPTY:
            return sentence.format(who=who, **match.groupdict())
    return None
