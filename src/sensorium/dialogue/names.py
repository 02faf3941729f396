"""Whom do these words address? Names among words, as an ear may have misheard them.

Pure text. Knows nothing of rooms or turns: `floor` decides what follows from an address.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def words_of(text: str) -> list[str]:
    return [w.lower() for w in _WORD.findall(text)]


# What people say before they call somebody by name.
OPENERS = frozenset(
    words_of("""
    hey hello hi ok okay so and but well oh yes no now please thanks thank you good morning evening
    afternoon night dear tell me excuse sorry then
    """)
)
# A name behind one of these is spoken about, not to: "who is maya", "tell me about maya".
_ABOUT = frozenset(words_of("about does did is was are were has had and or than of near by am"))
# The same, but for the end of a question: "my cat is called maya", yet "what is my cat called, maya".
_ABOUT_IN_STATEMENTS = frozenset(
    words_of("called named name with for to from know knows like likes meet met see saw ask asked")
)
_ASKS = frozenset(words_of("what who where when why how which"))
# Inside a sentence these show that the name is its subject: "tell me if ada is here", "what jonas said".
_OPENS_CLAUSE = _ASKS | frozenset(words_of("if whether that old"))
_DOES = frozenset(words_of("is was has had said says does did likes like lives live knows wants thinks"))
# Real words that lie within one letter of some name: never taken for a misheard one.
_NOT_NAMES = frozenset(
    words_of("""
    a add aid am an and any are as ask at ball be big bird blue by bye call can car cat cold come day did do
    dog eat else eye far few find five four fox get give go good green had has hat have he hear hello help
    her here hey hi him his hot how hug huge i in is it its job know last late left let like line long look
    lot love made main make man many mark may me mean mile mill mine more much must my name need new nice
    nine no none nor not note now of off old on one open or our out own pet play please red room rub said
    sam say see seven she show sing six so some song soon still sun talk tell ten than that the them then
    there they thing think this three time to today told too tree two up us very walk want warm was water
    way we week well were what when where who why will wind with word work yes yet you your
    """)
)


MISHEARD_RANKS = (3, 4)
ABOUT_RANK = 5


class Named(NamedTuple):
    """`at`: place in the list of names. `rank`: 0 is the strongest address, ABOUT_RANK a mere mention.

    `word`: which word of the text the name starts at.
    """

    at: int
    rank: int
    word: int


def addressed(text: str, names: Sequence[str]) -> Named | None:
    """The name that `text` calls: at its start, else at its end, else anywhere, exact before misheard.

    A name that is only spoken about counts last. None when no name is there, or two are as likely.
    """
    words = words_of(text)
    found: list[Named] = []
    for index, name in enumerate(names):
        parts = words_of(name)
        ranks = [(r, at) for at in range(len(words)) if (r := _rank(words, at, parts)) is not None]
        if ranks:
            found.append(Named(index, *min(ranks)))
    found.sort(key=lambda n: n.rank)
    if not found or (len(found) > 1 and found[0].rank == found[1].rank):
        return _first_called(words, names, found)
    return found[0]


def with_names(text: str, names: Sequence[str]) -> str:
    """What was heard, with a misheard name spelt as its owner spells it."""
    found = addressed(text, names)
    if found is None or found.rank not in MISHEARD_RANKS:
        return text
    spans = list(_WORD.finditer(text))[found.word :][: len(words_of(names[found.at]))]
    return text[: spans[0].start()] + names[found.at].lower() + text[spans[-1].end() :]


def _first_called(words: list[str], names: Sequence[str], found: list[Named]) -> Named | None:
    """Two names in the same kind of place: "maya and theo, ..." calls the first one, if it is exact."""
    if not found:
        return None
    tied = [n for n in found if n.rank == found[0].rank and words_of(names[n.at])[0] in words]
    return min(tied, key=lambda n: words.index(words_of(names[n.at])[0]), default=None)


def _rank(words: list[str], at: int, parts: list[str]) -> int | None:
    if not parts or at + len(parts) > len(words):
        return None
    heard = words[at : at + len(parts)]
    exact = heard == parts
    starts = all(w in OPENERS for w in words[:at])
    ends = at + len(parts) == len(words)
    after = words[at + len(parts) : at + len(parts) + 1]
    about = at > 0 and _is_about(words[:at], after)
    if exact:
        if about:
            return ABOUT_RANK
        return 0 if starts else 1 if ends else 2
    # A misheard name is believed only where a name would be called out.
    if (starts or (ends and not about)) and all(map(sounds_like, heard, parts)):
        return 3 if starts else 4
    return None


def _is_about(before: list[str], after: list[str]) -> bool:
    """Is the name between these words the subject of talk rather than who is called?"""
    last = before[-1]
    if after:
        is_subject = last in _OPENS_CLAUSE or (after[0] in _DOES and last not in OPENERS)
        return is_subject or last in _ABOUT or last in _ABOUT_IN_STATEMENTS
    asks = not _ASKS.isdisjoint(before)
    if last in _ABOUT_IN_STATEMENTS or before[-2:] == ["are", "you"]:
        return not asks
    if last == "is" and asks:
        return before[-2] in _ASKS
    return last in _ABOUT


def sounds_like(heard: str, name: str) -> bool:
    """Could `heard` be the ear's spelling of `name`? The same consonants, a letter apart, no common word."""
    if heard in _NOT_NAMES:
        return heard == name
    heard, name = _spelling(heard), _spelling(name)
    if heard == name:
        return True
    if len(heard) < 3 or len(name) < 3 or heard[0] != name[0] or _skeleton(heard) != _skeleton(name):
        return False
    return distance(heard, name) <= (2 if len(name) >= 7 else 1)


def distance(a: str, b: str) -> int:
    """Letters to insert, delete, replace or swap with a neighbour (optimal string alignment)."""
    before: list[int] = []
    previous = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            cost = min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, previous = previous, row
    return previous[-1]


def _spelling(word: str) -> str:
    return word.replace("ph", "f").replace("k", "c").replace("y", "i")


def _skeleton(word: str) -> str:
    """The consonants, doubled ones once: what stays when vowels are misheard."""
    kept = [c for c in word if c not in "aeiouh"]
    return "".join(c for i, c in enumerate(kept) if i == 0 or kept[i - 1] != c)
