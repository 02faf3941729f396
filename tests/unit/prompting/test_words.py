from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.prompting.words import clean, clean_line, spoken, written


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Your name is Maya.", " your name is maya ."),
        ("I'm 30. What's that? Don't!", " i am thirty . what is that . do not ."),
        ("im fine, dont worry", " i am fine do not worry"),
        ("Joe’s dog won’t bark...", " joes dog will not bark ."),
        ("Zoë Łukasz, straße, ﬁn, naïve", " zoe lukasz strasse fin naive"),
        ("a <b>bold</b> **word** <|end|>", " a bold word"),
        ("3 < 4 and 5 > 2", " three four and five two"),
        ("at 4:17 p.m. sharp", " at four seventeen pm sharp"),
        ("50% of R&D", " fifty percent of r and d"),
        ("ice-cream/tea_time", " ice cream tea time"),
        ("\x00be\x07ll\u200b\ud800 🎈", " be ll"),
        ("  ...  ?!  ", ""),
        ("", ""),
    ],
)
def test_text_becomes_spoken_words(text: str, words: str) -> None:
    assert spoken(text) == words


def test_peoples_messages_lose_sentence_ends_too() -> None:
    assert spoken("Hi. Maya, are you there?", stops=False) == " hi maya are you there"


def test_other_scripts_keep_their_letters() -> None:
    assert spoken("Привет नमस्ते") == " привет नमस्ते"


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60), st.booleans())
def test_spoken_is_idempotent_and_has_one_form(text: str, stops: bool) -> None:
    words = spoken(text, stops=stops)
    assert spoken(words, stops=stops) == words
    assert not re.search(r"[0-9A-Z\x00-\x1f<>|_'\"!?,;:]", words)
    assert words == "" or re.fullmatch(r"( \S+)+", words)
    assert stops or " ." not in words
    words.encode()


def test_written_is_the_inverse_for_replies() -> None:
    reply = " i like tea . my friend sam does not . i am thirty"
    assert written(reply, ["Sam"]) == "I like tea. My friend Sam does not. I am thirty"
    assert spoken(written(reply, ["Sam"])) == reply


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.sampled_from(["i", "you", "like", "tea", "sam"]), min_size=1), min_size=1))
def test_a_reply_that_is_shown_and_read_again_is_the_same_prompt(sentences: list[list[str]]) -> None:
    reply = "".join("".join(f" {w}" for w in s) + " ." for s in sentences)
    assert spoken(written(reply, ["Sam"])) == reply


def test_written_shows_nothing_for_nothing() -> None:
    assert written("") == ""


def test_clean_keeps_the_text_but_for_what_nobody_can_read() -> None:
    assert clean(" a\x00b\r\n\tc\ud800 <|im_end|> ") == "ab\n\tc <|im_end|>"
    assert clean_line("Joe\n<|x|>  Smith") == "Joe <|x|> Smith"


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_cleaned_text_can_be_encoded(text: str) -> None:
    clean(text).encode()
    assert "\n" not in clean_line(text)
