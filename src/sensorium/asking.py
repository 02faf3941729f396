"""How people ask for a tool in plain words: phrases with slots, and what a sentence puts into them. Pure.

"set a timer for {seconds:duration}" is a phrase; "[the]" in it may be left out. A slot takes a number, a time
or some words. Nothing is guessed: a sentence fits a phrase from its first word to its last, or it does not.
Knows no tool.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from sensorium.errors import BadInput
from sensorium.quantities import number_of, seconds_of

KINDS = ("text", "number", "duration")
MAX_PHRASE_CHARS = 200
MAX_SLOTS, MAX_OPTIONAL = 4, 6
# Of what a slot takes.
MAX_TEXT_WORDS = 40
_MAX_NUMBER_WORDS = 12
_TOKEN = re.compile(r"\{([a-z_][a-z0-9_]*)(?::([a-z]+))?\}|\[([a-z ]+)\]|([a-z]+)")

# What people put round a wish, and what of a sentence is no part of it.
_COURTESIES = tuple(
    tuple(phrase.split())
    for phrase in (
        "please", "could you", "can you", "would you", "will you", "i want you to", "i would like you to",
        "thank you", "thanks", "hey", "hello", "hi", "ok", "okay", "so", "and", "now", "then", "for me",
    )
)  # fmt: skip

Alike = Callable[[str, str], bool]


class Slot(NamedTuple):
    name: str
    kind: str


class Optional(NamedTuple):
    """Words that may be left out."""

    words: tuple[str, ...]


Piece = str | Slot | Optional


class Phrase(NamedTuple):
    """Made by `parse`. `num_words`: how many are fixed; of two that fit the one with more wins."""

    pieces: tuple[Piece, ...]

    @property
    def slots(self) -> tuple[Slot, ...]:
        return tuple(piece for piece in self.pieces if isinstance(piece, Slot))

    @property
    def num_words(self) -> int:
        return sum(isinstance(piece, str) for piece in self.pieces)


def parse(text: str) -> Phrase:
    """Raises BadInput for what is no phrase: other signs than lower-case words, {slots} and [words], a slot
    of no known kind, a slot named twice, no fixed word, two texts side by side."""
    pieces: list[Piece] = []
    if len(text) > MAX_PHRASE_CHARS:
        raise BadInput(f"a phrase has at most {MAX_PHRASE_CHARS} characters, not {len(text)}")
    for match in _TOKEN.finditer(text):
        name, kind, optional, word = match.groups()
        if name and (kind or "text") not in KINDS:
            raise BadInput(f"phrase {text!r}: a slot is of {', '.join(KINDS)}, not {kind!r}")
        pieces.append(
            Slot(name, kind or "text") if name else Optional(tuple(optional.split())) if optional else word
        )
    if " ".join(_TOKEN.sub(" ", text).split()):
        raise BadInput(f"phrase {text!r}: lower-case words, {{slots}} and [words] only")
    phrase = Phrase(tuple(pieces))
    names = [slot.name for slot in phrase.slots]
    if not phrase.num_words or len(set(names)) < len(names):
        raise BadInput(f"phrase {text!r} needs a fixed word, and each slot once")
    num_optional = sum(isinstance(piece, Optional) for piece in pieces)
    if len(names) > MAX_SLOTS or num_optional > MAX_OPTIONAL:
        raise BadInput(f"phrase {text!r}: at most {MAX_SLOTS} slots and {MAX_OPTIONAL} times [words]")
    if any(isinstance(a, Slot) and isinstance(b, Slot) for a, b in pairwise(pieces)):
        raise BadInput(f"phrase {text!r}: a word must stand between two slots")
    return phrase


def fitted(phrase: Phrase, words: Sequence[str], alike: Alike = str.__eq__) -> dict[str, Any] | None:
    """What the words put into the phrase's slots; None when they do not fit. `alike`: does the first word, as
    it was heard, stand for the second one?"""
    return next(_fits(phrase.pieces, tuple(words), alike), None)


def bare(words: Sequence[str], names: Iterable[str] = ()) -> tuple[str, ...]:
    """A wish without the `names` that it calls and the courtesies round it."""
    extras = [*_COURTESIES, *(tuple(name.lower().split()) for name in names if name.split())]
    left = tuple(words)
    while True:
        before = left
        for extra in extras:
            if left[: len(extra)] == extra:
                left = left[len(extra) :]
            if left and left[-len(extra) :] == extra:
                left = left[: -len(extra)]
        if left == before:
            return left


def _fits(pieces: Sequence[Piece], words: Sequence[str], alike: Alike) -> Iterator[dict[str, Any]]:
    if not pieces:
        if not words:
            yield {}
        return
    first, rest = pieces[0], pieces[1:]
    if isinstance(first, str):
        if words and alike(words[0], first):
            yield from _fits(rest, words[1:], alike)
    elif isinstance(first, Optional):
        num = len(first.words)
        if len(words) >= num and all(map(alike, words, first.words)):
            yield from _fits(rest, words[num:], alike)
        yield from _fits(rest, words, alike)
    else:
        most = MAX_TEXT_WORDS if first.kind == "text" else _MAX_NUMBER_WORDS
        for num in range(1, min(len(words), most) + 1):
            value = _value(first.kind, words[:num])
            if value is not None:
                yield from ({first.name: value, **others} for others in _fits(rest, words[num:], alike))


def _value(kind: str, words: Sequence[str]) -> Any:
    if kind == "number":
        return number_of(words)
    return seconds_of(words) if kind == "duration" else " ".join(words)
