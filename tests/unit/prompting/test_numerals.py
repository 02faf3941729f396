from __future__ import annotations

import pytest

from sensorium.prompting.numerals import clock_words, digits_to_words
from sensorium.quantities import number_words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (13, "thirteen"),
        (20, "twenty"),
        (99, "ninety nine"),
        (100, "one hundred"),
        (205, "two hundred five"),
        (1000, "one thousand"),
        (14_017, "fourteen thousand seventeen"),
        (999_999, "nine hundred ninety nine thousand nine hundred ninety nine"),
    ],
)
def test_a_number_is_read_in_words(number: int, words: str) -> None:
    assert number_words(number) == words


def test_all_numbers_to_ten_thousand_read_differently() -> None:
    assert len({number_words(n) for n in range(10_000)}) == 10_000


@pytest.mark.parametrize("number", [-1, 1_000_000])
def test_a_number_outside_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        number_words(number)


@pytest.mark.parametrize(
    ("hour", "minute", "words"), [(4, 17, "four seventeen"), (4, 5, "four oh five"), (12, 0, "twelve")]
)
def test_a_clock_time_is_read(hour: int, minute: int, words: str) -> None:
    assert clock_words(hour, minute) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2+2", "two plus two"),
        ("12 - 3", "twelve minus three"),
        ("3x4", "three times four"),
        ("-5", "minus five"),
        ("3.50", "three point five zero"),
        ("1,000", "one thousand"),
        ("007", "zero zero seven"),
        ("1234567", "one two three four five six seven"),
        ("16:05", "sixteen oh five"),
        ("1st 2nd 3rd 12th 20th 21st", "first second third twelfth twentieth twenty first"),
        ("b2b", "b two b"),
    ],
)
def test_digits_in_a_text_become_words(text: str, words: str) -> None:
    assert " ".join(digits_to_words(text).split()) == words
