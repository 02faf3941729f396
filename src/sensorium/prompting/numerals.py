"""Numbers and clock times as English words, so that a closed vocabulary can hold them. Pure."""

from __future__ import annotations

import re

from sensorium.quantities import number_words

_SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
_OPERATORS = {
    "+": "plus", "-": "minus", "*": "times", "x": "times", "×": "times", "/": "divided by",
    "÷": "divided by", "=": "equals",
}  # fmt: skip

_OPERATOR = re.compile(r"(?<=\d)\s*([+\-*x×/÷=])\s*(?=\d)")
_SIGN = re.compile(r"(?<![\w.])-(?=\d)")
_NUMBER = re.compile(
    r"(?P<whole>\d{1,3}(?:,\d{3})+(?!\d)|\d+)"
    r"(?:\.(?P<fraction>\d+)|:(?P<minute>[0-5]\d)(?!\d))?"
    r"(?:(?P<ordinal>st|nd|rd|th)\b)?"
)


def clock_words(hour: int, minute: int) -> str:
    """ "four seventeen", "four oh five", "four". The hour is read as it is given."""
    if minute == 0:
        return number_words(hour)
    return f"{number_words(hour)} {'oh ' if minute < 10 else ''}{number_words(minute)}"


def digits_to_words(text: str) -> str:
    """Every number of a lower-case text as words, with signs and sums ("2+2" becomes "two plus two").

    Longer than six digits, or with a leading zero, is read digit by digit.
    """
    text = _OPERATOR.sub(lambda m: f" {_OPERATORS[m[1]]} ", text)
    text = _SIGN.sub(" minus ", text)
    return _NUMBER.sub(lambda m: f" {_read(m)} ", text)


def _read(match: re.Match[str]) -> str:
    whole = match["whole"].replace(",", "")
    if match["minute"] and len(whole) <= 2:
        return clock_words(int(whole), int(match["minute"]))
    words = _digit_by_digit(whole) if len(whole) > 6 or whole[0] == "0" != whole else number_words(int(whole))
    if match["ordinal"]:
        return _ordinal(words)
    if match["fraction"]:
        return f"{words} point {_digit_by_digit(match['fraction'])}"
    if match["minute"]:
        return f"{words} {_digit_by_digit(match['minute'])}"
    return words


def _digit_by_digit(digits: str) -> str:
    return " ".join(_SMALL[int(d)] for d in digits)


def _ordinal(words: str) -> str:
    head, _, last = words.rpartition(" ")
    last = _ORDINALS.get(last) or (last[:-1] + "ieth" if last.endswith("y") else last + "th")
    return f"{head} {last}" if head else last
