"""Whom words address, also when the ear misspelt the name."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.dialogue.names import addressed, distance, sounds_like, with_names, words_of

NAMES = ["Maya", "Theo", "Clara", "Ines", "Leo", "Oscar"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("maya what do you like", "Maya"),
        ("Hello, Maya! How are you?", "Maya"),
        ("hey theo", "Theo"),
        ("what do you like theo", "Theo"),
        ("i think so clara and you", "Clara"),
        ("good morning ines what is your job", "Ines"),
        ("mya what do you like", "Maya"),
        ("hello mayah", "Maya"),
        ("what is your job klara", "Clara"),
        ("clare what is your job", "Clara"),
        ("thank you oskar", "Oscar"),
        ("what is my dog called maya", "Maya"),
        ("my dog is called maya", None),
        ("where are you from theo", "Theo"),
        ("what do you see leo", "Leo"),
        ("tell me what leo said", None),
        ("do you remember where theo lives", None),
        ("do you know if clara is here", None),
        ("tell me are you leo", None),
        ("how are you leo", "Leo"),
        ("is your name ines", None),
        ("what is your name ines", "Ines"),
        ("tell me what time it is clara", "Clara"),
        ("my friend is clara", None),
        ("hello leo is it late", "Leo"),
        ("tell me leo what do you like", "Leo"),
        ("who is leo", None),
        ("tell me about leo", None),
        ("oscer tell me your age", "Oscar"),
        ("what is your favourite colour", None),
        ("do you drink milk", None),
        ("may i ask something", None),
        ("what do you like", None),
        ("", None),
        ("maya and theo what do you like", "Maya"),
        ("theo what does maya like", "Theo"),
        ("what does maya like theo", "Theo"),
        ("let me see leo", None),
    ],
)
def test_whom_the_words_call(text: str, name: str | None) -> None:
    found = addressed(text, NAMES)
    called = NAMES[found.at] if found is not None and found.rank < 5 else None

    assert called == name


def test_a_name_that_is_only_spoken_about_counts_last() -> None:
    about = addressed("what does theo like", NAMES)
    called = addressed("what does theo like maya", NAMES)

    assert about is not None and NAMES[about.at] == "Theo" and about.rank == 5
    assert called is not None and NAMES[called.at] == "Maya" and called.rank == 1


def test_two_names_that_a_misheard_word_may_be_address_nobody() -> None:
    assert addressed("milu come here", ["Milo", "Mila"]) is None


def test_a_name_of_two_words() -> None:
    found = addressed("hello anna lena what is new", ["Anna", "Anna Lena"])

    assert found is not None and found.at == 0


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [("", "", 0), ("maya", "mya", 1), ("theo", "teho", 1), ("leo", "theo", 2), ("abc", "", 3)],
)
def test_distance(a: str, b: str, expected: int) -> None:
    assert distance(a, b) == distance(b, a) == expected


COMMON = """
    may very huge hug mile mill milk rub rugby verb add adam near norm clear colour cellar joins they then
    later over ours lines rex nose hello helix
"""
SHIPPED = "ada clara felix hugo ines jonas leo maya milo nora oscar ruby theo vera"


@pytest.mark.parametrize("word", words_of(COMMON))
def test_no_common_word_is_a_misheard_name(word: str) -> None:
    assert [name for name in words_of(SHIPPED) if sounds_like(word, name)] == []


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=60), st.lists(st.text(max_size=12), max_size=6))
def test_anything_can_be_asked(text: str, names: list[str]) -> None:
    found = addressed(text, names)

    assert found is None or (0 <= found.at < len(names) and 0 <= found.rank <= 5)
    assert isinstance(with_names(text, names), str)


@pytest.mark.parametrize(
    ("heard", "understood"),
    [
        ("mya what do you like", "maya what do you like"),
        ("what do you like, klara", "what do you like, clara"),
        ("maya hello", "maya hello"),
        ("what a day", "what a day"),
    ],
)
def test_a_misheard_name_is_put_right(heard: str, understood: str) -> None:
    assert with_names(heard, NAMES) == understood
