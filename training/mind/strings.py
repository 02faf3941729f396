"""Pages without any template: strings that repeat, words and their letters, statements of random words with
questions about them.

All words of the vocabulary take part, also those that never fill a slot of a play: it is here that the mind
learns that a word is a word, to be noted, found and copied like any other. Knows nothing of models.
"""

from __future__ import annotations

import random
from typing import NamedTuple

from training.mind.render import ANSWER, FRAME, Page
from training.mind.scene import UNKNOWN
from training.mind.vocabulary import BEGIN, END, END_OF_WORDS, FIRST_BYTE, FIRST_WORD, SAYS, SELF, encode
from training.world import VOCABULARY


def draw_strings(rng: random.Random, *, easy: bool) -> Page:
    """Where it is still `easy`, strings only: they teach copying in minutes."""
    if easy:
        return repeated_strings(rng)
    draw = rng.random()
    return repeated_strings(rng) if draw < 0.2 else spellings(rng) if draw < 0.7 else random_statements(rng)


def spellings(rng: random.Random) -> Page:
    """Words and their letters: of all words, as none can be told by its token."""
    page = Page()
    page.add([BEGIN])
    length = rng.randint(60, 360)
    while len(page.ids) < length:
        word = rng.choice(VOCABULARY)
        page.add([*encode(word), SELF])
        page.add([*encode(" ".join(word)), *encode("."), END], ANSWER)
    return page


def repeated_strings(rng: random.Random) -> Page:
    """A few random strings, each said two to four times; odd bytes take part."""
    page = Page()
    page.add([BEGIN])
    # As long as plays are, so that both kinds share batches.
    length = rng.randint(60, 360)
    while len(page.ids) < length:
        string = [_word(rng) for _ in range(rng.randint(3, 14))]
        if rng.random() < 0.1:
            string += [FIRST_BYTE + rng.randrange(97, 123) for _ in range(rng.randint(3, 7))]
        starts = [len(page.ids)]
        page.add([*string, END])
        for _ in range(rng.randint(1, 3)):
            # The first word cannot be foreseen.
            again = len(page.ids)
            page.add(string[:1])
            page.add([*string[1:], END], ANSWER)
            for i in range(1, len(string)):
                page.show("source", again + i - 1, [start + i for start in starts])
            starts.append(again)
    return page


class _Said(NamedTuple):
    value: list[int]
    first: int  # where the value begins
    end: int  # where the frame ends
    found_by_key: bool  # the value stands after the key


class _Wording(NamedTuple):
    """What stands around key and value in a statement, and before the key in a question."""

    before: list[int]
    between: list[int]
    question: list[int]
    value_first: bool


def random_statements(rng: random.Random) -> Page:
    """ "N: K V" and later "N: K" or "M: K N", answered "K V" by the newest that N said: what somebody told,
    in no language at all. Half of the pages have wordings of their own around K and V."""
    page = Page()
    page.add([BEGIN])
    length = rng.randint(60, 360)
    names = [_word(rng) for _ in range(rng.randint(2, 5))]
    keys = [_word(rng) for _ in range(rng.randint(2, 6))]
    plain = _Wording([], [], [], False)
    wordings = [_wording(rng) for _ in range(3)] if rng.random() < 0.5 else [plain]
    said: dict[tuple[int, int], _Said] = {}
    changed: list[tuple[int, int]] = []
    while len(page.ids) < length:
        wording = rng.choice(wordings)
        who_what = rng.choice(names), rng.choice(keys)
        draw = rng.random()
        if draw < 0.4 or not said:
            if said and rng.random() < 0.4:
                who_what = rng.choice(list(said))
            if who_what in said:
                changed.append(who_what)
            _state(page, rng, said, wording, *who_what)
        else:
            if draw < 0.85:
                who_what = rng.choice(changed if changed and draw < 0.6 else list(said))
            _ask(page, rng, said, names, wording, *who_what)
    return page


def _word(rng: random.Random) -> int:
    return rng.randrange(FIRST_WORD, END_OF_WORDS)


def _wording(rng: random.Random) -> _Wording:
    before, between, question = ([_word(rng) for _ in range(rng.choice((0, 1, 2, 3)))] for _ in range(3))
    return _Wording(before, between, question, rng.random() < 0.3)


def _state(
    page: Page, rng: random.Random, said: dict[tuple[int, int], _Said], wording: _Wording, name: int, key: int
) -> None:
    value = [_word(rng) for _ in range(rng.choice((1, 1, 1, 2)))]
    recalled = (name, key) not in said and rng.random() < 0.2  # what is said today counts more
    at = len(page.ids) + 1
    page.add([FRAME["memory"], name] if recalled else [FRAME["person"], name, SAYS])
    words_at = len(page.ids)
    page.add(wording.before)
    if wording.value_first:
        value_at = len(page.ids)
        page.add([*value, *wording.between])
        key_at = len(page.ids)
        page.add([key, END])
    else:
        key_at = len(page.ids)
        page.add([key, *wording.between])
        value_at = len(page.ids)
        page.add([*value, END])
    end = len(page.ids) - 1
    for position in range(words_at, end + 1):
        if not recalled:
            page.show("owner", position, (at,))
        if position > key_at:
            page.show("topic", position, (key_at,))
    page.show("whom", end, (at,))
    before = said.get((name, key))
    page.show("earlier", end, (before.end if before else 0,))
    said[name, key] = _Said(value, value_at, end, not wording.value_first)


def _ask(
    page: Page,
    rng: random.Random,
    said: dict[tuple[int, int], _Said],
    names: list[int],
    wording: _Wording,
    name: int,
    key: int,
) -> None:
    asker = name if rng.random() < 0.5 else rng.choice(names)
    at = len(page.ids) + 1
    page.add([FRAME["person"], asker, SAYS, *wording.question])
    key_at = len(page.ids)
    page.add([key, *([] if asker == name else [name]), END])
    for position in range(at + 2, len(page.ids)):
        page.show("owner", position, (at,))
    opener = len(page.ids)
    page.add([SELF])
    page.show("topic", opener, (key_at,))
    page.show("whom", opener, (at if asker == name else key_at + 1,))
    answer = said.get((name, key))
    if answer is None:
        page.show("source", opener, (0,))
        page.add([*encode(UNKNOWN), END], ANSWER)
        return
    page.show("source", opener, (answer.end,))
    page.add([key, *answer.value, END], ANSWER)
    # A word that stands before its key cannot be found by it.
    for i in range(0 if answer.found_by_key else 1, len(answer.value)):
        page.show("source", opener + 1 + i, (answer.first + i,))
