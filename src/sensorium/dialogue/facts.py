"""What a person states about himself, as a sentence worth remembering when the conversation has moved on.

A handful of plain sentence forms, no understanding. Pure text; knows nothing of stores or personas.
"""

from __future__ import annotations

import re

MAX_FACT_WORDS = 16
# Whom one speaks to: "hello maya my dog ...". A question word there makes it a question.
_LEAD = r"(?P<lead>(?:[\w'-]+ ){1,3})"
_ONE, _FEW = "[\\w'-]+", "[\\w'-]+(?: [\\w'-]+){0,4}"

# First match wins. Groups are put into the sentence; {who} is the person's name.
_FORMS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(rf"(?:^|\b(?:and|but|so|well|that) |^{_LEAD}){form}$"), sentence)
    for form, sentence in (
        (
            rf"my (?P<a>{_ONE}(?: {_ONE})?) is (?:called|named) (?P<b>{_ONE}(?: {_ONE})?)",
            "{who} has a {a} called {b}",
        ),
        (rf"my (?P<a>[\w-]+?)(?:'s|s) name is (?P<b>{_ONE}(?: {_ONE})?)", "{who} has a {a} called {b}"),
        (rf"i have (?P<a>an?|one|two|three) (?P<b>{_FEW})", "{who} has {a} {b}"),
        (rf"my favou?rite (?P<a>{_ONE}) is (?P<b>{_FEW})", "the favourite {a} of {who} is {b}"),
        (rf"i (?:really )?(?:like|love) (?P<a>{_FEW})", "{who} likes {a}"),
        (rf"i (?:do not|don't|dont) like (?P<a>{_FEW})", "{who} does not like {a}"),
        (rf"i live in (?P<a>{_FEW})", "{who} lives in {a}"),
        (rf"i am (?P<a>{_ONE}(?: {_ONE})?) years old", "{who} is {a} years old"),
        (rf"i (?:work|am working) as (?P<a>an? {_FEW})", "{who} is {a}"),
        (rf"i am (?P<a>from {_FEW})", "{who} is {a}"),
        (rf"remember that (?P<a>{_ONE}(?: {_ONE}){{1,12}})", "{a}"),
    )
)
_SENTENCE_END = re.compile(r"[.!?;,\n]+")
_ASKS = re.compile(r"\b(?:what|who|where|when|why|how|which|do|does|did|is|are|can|could|will|would|may)\b")
# After these the sentence is about something else: "i like it", "i like you".
_EMPTY = frozenset({"it", "that", "this", "you", "them", "him", "her", "to"})


def stated(text: str, person_name: str) -> str | None:
    """The last fact in `text` about its speaker, as "sam has a dog called rex"; None when there is none.

    Questions state nothing. Words are lower-cased, because what was heard has no case.
    """
    found = None
    for clause in _SENTENCE_END.split(text.lower().replace("’", "'").replace("i'm ", "i am ")):
        words = " ".join(clause.split())
        if not words or _ASKS.match(words) or len(words.split()) > MAX_FACT_WORDS:
            continue
        found = _first_form(words, person_name.lower()) or found
    return found


def _first_form(words: str, who: str) -> str | None:
    for form, sentence in _FORMS:
        match = form.search(words)
        if match is None or _ASKS.search(match["lead"] or "") or match["a"].split()[0] in _EMPTY:
            continue
        return sentence.format(who=who, **match.groupdict())
    return None
