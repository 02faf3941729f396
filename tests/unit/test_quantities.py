"""Given words, when they are a number or a time, then it is that one; else it is none."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.quantities import MAX_NUMBER, duration_words, number_of, number_words, seconds_of


@settings(max_examples=300, deadline=None)
@given(number=st.integers(0, MAX_NUMBER))
def test_a_number_in_words_is_read_back(number: int) -> None:
    assert number_of(number_words(number).split()) == number


@settings(max_examples=300, deadline=None)
@given(seconds=st.integers(1, 86_399))
def test_a_time_in_words_is_read_back(seconds: int) -> None:
    assert seconds_of(duration_words(seconds).split()) == seconds


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("one hundred and five", 105),
        ("a hundred", 100),
        ("a thousand and one", 1001),
        ("twenty five", 25),
        ("nine hundred ninety nine thousand nine hundred ninety nine", MAX_NUMBER),
        ("", None),
        ("five twenty", None),
        ("twenty zero", None),
        ("two two", None),
        ("hundred", None),
        ("twenty hundred", None),
        ("2", None),
        ("milk", None),
        ("thousand thousand", None),
    ],
)
def test_numbers_as_people_say_them(words: str, number: int | None) -> None:
    assert number_of(words.split()) == number


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("two minutes", 120),
        ("a minute", 60),
        ("an hour and a half", 5400),
        ("one and a half hours", 5400),
        ("two and a half minutes", 150),
        ("half an hour", 1800),
        ("half a minute", 30),
        ("one minute and thirty seconds", 90),
        ("two hours five minutes", 7500),
        ("ninety seconds", 90),
        ("two minute", 120),
        ("", None),
        ("two", None),
        ("minutes", None),
        ("zero seconds", None),
        ("two minutes two minutes", None),
        ("thirty seconds one minute", None),
        ("two minutes and", None),
        ("twenty four hours", 86_400),
        ("two minutes of silence", None),
    ],
)
def test_times_as_people_say_them(words: str, seconds: int | None) -> None:
    assert seconds_of(words.split()) == seconds


@settings(max_examples=200, deadline=None)
@given(
    words=st.lists(
        st.sampled_from(["a", "an", "and", "half", "two", "hundred", "minutes", "hours", "second", "of"]),
        max_size=9,
    )
)
def test_whatever_is_said_is_a_positive_time_or_none(words: list[str]) -> None:
    found = seconds_of(words)
    assert found is None or found > 0


def test_what_is_no_number_of_ours_is_refused() -> None:
    for number in (-1, MAX_NUMBER + 1):
        with pytest.raises(ValueError, match="outside"):
            number_words(number)
    assert duration_words(-5) == "zero seconds"
    assert duration_words(3661) == "one hour one minute one second"
