"""Given phrases and what somebody says, when it asks for a tool, then its slots are filled; else not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.asking import MAX_TEXT_WORDS, bare, fitted, parse
from sensorium.errors import BadInput


@pytest.mark.parametrize(
    ("phrase", "words", "filled"),
    [
        ("set [the] [a] timer for {s:duration}", "set a timer for two minutes", {"s": 120}),
        ("set [the] [a] timer for {s:duration}", "set timer for an hour", {"s": 3600}),
        ("set a {s:duration} timer", "set a two minute timer", {"s": 120}),
        ("note {text}", "note buy milk and bread", {"text": "buy milk and bread"}),
        ("put {text} on the note pad", "put on on the note pad", {"text": "on"}),
        ("roll {n:number} dice", "roll twenty five dice", {"n": 25}),
        ("stop", "stop", {}),
        ("roll {n:number} dice", "roll some dice", None),
        ("note {text}", "note", None),
        ("note {text}", "please note this", None),
        ("set a timer for {s:duration}", "set a timer for two", None),
        ("stop", "stop it", None),
    ],
)
def test_what_a_sentence_puts_into_a_phrase(phrase: str, words: str, filled: object) -> None:
    assert fitted(parse(phrase), words.split()) == filled


@pytest.mark.parametrize(
    ("phrase", "says"),
    [
        ("", "fixed word"),
        ("{text}", "fixed word"),
        ("[the]", "fixed word"),
        ("note {text:colour}", "a slot is of"),
        ("note {a} and {a}", "each slot once"),
        ("note {a} {b}", "between two slots"),
        ("Note {text}", "lower-case"),
        ("note {text", "lower-case"),
        ("note 2 {text}", "lower-case"),
        ("a " * 150, "at most"),
        ("a {b} c {d} e {f} g {h} i {j}", "at most 4 slots"),
        ("a" + " [b]" * 7, "6 times"),
    ],
)
def test_what_is_no_phrase_is_refused(phrase: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        parse(phrase)


@pytest.mark.parametrize(
    ("said", "wish"),
    [
        ("maya please set a timer", "set a timer"),
        ("hey maya could you set a timer for me please", "set a timer"),
        ("set a timer maya", "set a timer"),
        ("maya", ""),
        ("thank you maya", ""),
        ("ask maya about it", "ask maya about it"),
    ],
)
def test_courtesies_and_the_name_are_no_part_of_a_wish(said: str, wish: str) -> None:
    assert " ".join(bare(said.split(), ["Maya"])) == wish


def test_a_text_has_a_limit() -> None:
    assert fitted(parse("note {text}"), ["note", *["x"] * MAX_TEXT_WORDS]) is not None
    assert fitted(parse("note {text}"), ["note", *["x"] * (MAX_TEXT_WORDS + 1)]) is None


@settings(max_examples=200, deadline=None)
@given(
    words=st.lists(
        st.sampled_from(["set", "a", "the", "timer", "for", "two", "minutes", "note", "on", "pad", "maya"]),
        max_size=25,
    )
)
def test_no_sentence_takes_long_or_fills_what_it_does_not_say(words: list[str]) -> None:
    for phrase in (
        "set [the] [a] [the] timer for {s:duration}",
        "put {a} on {b} for {s:duration}",
        "note {t}",
    ):
        filled = fitted(parse(phrase), bare(words, ["Maya"])) or {}
        for value in filled.values():
            assert isinstance(value, int) or set(value.split()) <= set(words)
