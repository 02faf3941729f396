"""Numbers and times as people say them, in both directions: "two and a half minutes" is 150 s. Pure.

Takes and gives lower-case English words without signs; digits are no words here.
"""

from __future__ import annotations

from collections.abc import Sequence

_SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_VALUES = {word: value for value, word in enumerate(_SMALL)}
_VALUES |= {word: 10 * (at + 2) for at, word in enumerate(_TENS)}
_UNITS_S = {"second": 1, "minute": 60, "hour": 3600}
_UNITS_S |= {f"{unit}s": seconds for unit, seconds in _UNITS_S.items()}
MAX_NUMBER = 999_999


def number_of(words: Sequence[str]) -> int | None:
    """The whole number of these words, 0 to 999,999: "one hundred and five"; None when they are none."""
    head, rest = _split(words, "thousand")
    if head is None:
        return _below_thousand(words)
    thousands = 1 if list(head) == ["a"] else _below_thousand(head)
    units = 0 if not rest else _below_thousand(rest[1:] if rest[0] == "and" else rest)
    return None if not thousands or units is None else 1000 * thousands + units


def seconds_of(words: Sequence[str]) -> int | None:
    """How long these words last: "an hour and a half", "two minutes thirty seconds". None when they are no
    time, name a unit twice or begin with the smaller one."""
    words = ["a" if word == "an" else word for word in words]
    total, largest = 0, 86_400
    while words:
        at = next((i for i, word in enumerate(words) if word in _UNITS_S), None)
        if at is None:
            return None
        unit_s = _UNITS_S[words[at]]
        lasts = _amount(words[:at], unit_s)
        words = words[at + 1 :]
        if lasts is None or unit_s >= largest:
            return None
        if words[:3] == ["and", "a", "half"]:
            lasts, words = lasts + unit_s // 2, words[3:]
        total, largest = total + lasts, unit_s
        if words[:1] == ["and"] and not (words := words[1:]):
            return None
    return total or None


def number_words(number: int) -> str:
    """ "one hundred five". Raises ValueError outside 0 to 999,999."""
    if not 0 <= number <= MAX_NUMBER:
        raise ValueError(f"{number} is outside 0 to {MAX_NUMBER:,}")
    if number < 20:
        return _SMALL[number]
    for size, name in ((1000, "thousand"), (100, "hundred")):
        if number >= size:
            rest = f" {number_words(number % size)}" if number % size else ""
            return f"{number_words(number // size)} {name}{rest}"
    return _TENS[number // 10 - 2] + (f" {_SMALL[number % 10]}" if number % 10 else "")


def duration_words(seconds: float) -> str:
    """ "one hour two minutes", to the second. Raises ValueError as `number_words` does."""
    left = max(0, round(seconds))
    parts = []
    for unit, unit_s in (("hour", 3600), ("minute", 60), ("second", 1)):
        count, left = divmod(left, unit_s)
        if count:
            parts.append(f"{number_words(count)} {unit}{'' if count == 1 else 's'}")
    return " ".join(parts) or "zero seconds"


def _amount(words: Sequence[str], unit_s: int) -> int | None:
    """So many of a unit, in seconds: "two", "a", "half a", "two and a half"."""
    if list(words) in (["half", "a"], ["a", "half"], ["half"]):
        return unit_s // 2
    if list(words[-3:]) == ["and", "a", "half"]:
        whole = _amount(words[:-3], unit_s)
        return None if whole is None else whole + unit_s // 2
    count = 1 if list(words) == ["a"] else number_of(words)
    return None if count is None else count * unit_s


def _below_thousand(words: Sequence[str]) -> int | None:
    head, rest = _split(words, "hundred")
    if head is None:
        return _below_hundred(words)
    hundreds = 1 if list(head) == ["a"] else _VALUES.get(" ".join(head), 0)
    units = 0 if not rest else _below_hundred(rest[1:] if rest[0] == "and" else rest)
    return None if not 0 < hundreds < 10 or units is None else 100 * hundreds + units


def _below_hundred(words: Sequence[str]) -> int | None:
    values = [_VALUES.get(word, -1) for word in words]
    if len(values) == 2 and values[0] >= 20 and 0 < values[1] < 10:
        return sum(values)
    return values[0] if len(values) == 1 and values[0] >= 0 else None


def _split(words: Sequence[str], at_word: str) -> tuple[Sequence[str] | None, Sequence[str]]:
    if at_word not in words:
        return None, words
    at = list(words).index(at_word)
    return words[:at], words[at + 1 :]
