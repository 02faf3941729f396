"""A reply's words in pieces: joined they are the reply, and none is taken back."""

from __future__ import annotations

from sensorium.front.realtime.words import Words


def test_a_word_waits_until_it_is_whole() -> None:
    words = Words()
    pieces = [
        words.more(so_far) for so_far in ("I", "I like", "I like ap", "I like apples", "I like apples.")
    ]

    assert pieces == ["", "I", " like", "", " apples."]
    assert words.rest("I like apples.") == ""


def test_what_was_given_stays_said() -> None:
    words = Words()
    assert words.more("I like tea and") == "I like tea"
    assert words.rest("I like") == ""
    assert words.rest("We like tea") == ""
    assert words.rest("I like tea and more") == " and more"
