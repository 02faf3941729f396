from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.speech.phrases import FIRST_MAX_CHARS, LATER_MAX_CHARS, PhraseSplitter, is_speakable

texts = st.text(
    alphabet=st.one_of(
        st.sampled_from(list("abc  ..,!?\n\"')1。、—…")), st.characters(exclude_categories=["Cs"])
    ),
    max_size=400,
)


def split(*pieces: str) -> list[str]:
    splitter = PhraseSplitter()
    phrases = [phrase for piece in pieces for phrase in splitter.feed(piece)]
    return phrases + splitter.flush()


@settings(max_examples=150, deadline=None)
@given(texts, st.lists(st.integers(0, 400), max_size=30))
def test_phrases_joined_are_the_text_and_pieces_do_not_matter(text, cuts):
    borders = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[a:b] for a, b in itertools.pairwise(borders)]
    phrases = split(*pieces)
    assert "".join(phrases) == text
    assert phrases == split(text)
    assert all(phrases)
    assert len(phrases[0]) <= FIRST_MAX_CHARS if phrases else text == ""
    assert all(len(phrase) <= LATER_MAX_CHARS for phrase in phrases)


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        (" i like old maps . and you ?", [" i like old maps .", " and you ?"]),
        ("Hello! How are you? Fine.", ["Hello!", " How are you?", " Fine."]),
        ("It costs 3.50 at Dr. Who, e.g. today.", ["It costs 3.50 at Dr. Who,", " e.g. today."]),
        ('He said "no." Then he left.', ['He said "no."', " Then he left."]),
        ("Well then, let us go, and see.", ["Well then,", " let us go, and see."]),
        ("Yes, it is 1,000,000.", ["Yes, it is 1,000,000."]),
        ("... so", ["... so"]),
        ("Wait... what?! No.", ["Wait...", " what?!", " No."]),
        ("first line\nsecond line", ["first line\n", "second line"]),
        ("你好。我是玛雅。", ["你好。", "我是玛雅。"]),
        ("", []),
        (" ", [" "]),
    ],
)
def test_phrases_end_where_a_speaker_would_breathe(text, phrases):
    assert split(text) == phrases


def test_a_sentence_is_given_as_soon_as_the_next_word_begins():
    splitter = PhraseSplitter()
    given = [splitter.feed(piece) for piece in (" yes", " .", " i", " do", " .")]
    assert given == [[], [], [" yes ."], [], []]
    assert splitter.flush() == [" i do ."]


def test_a_first_phrase_without_any_stop_ends_at_a_word_within_the_bound():
    [first, second, *_] = split("word " * 80)
    assert len(first) <= FIRST_MAX_CHARS < len(first) + 6
    assert LATER_MAX_CHARS - 5 <= len(second) <= LATER_MAX_CHARS
    assert first.endswith("word") and second.startswith(" word")


def test_after_a_flush_the_next_first_phrase_is_early_again():
    splitter = PhraseSplitter()
    splitter.feed("One. Two")
    splitter.flush()
    assert splitter.feed("Well then, let us") == ["Well then,"]


def test_only_letters_and_digits_are_speakable():
    assert is_speakable(" a") and is_speakable("7") and is_speakable("é")
    assert not is_speakable(" . ") and not is_speakable("") and not is_speakable("\n")


def test_a_megabyte_at_once_takes_no_longer_than_its_phrases():
    text = "word, " * 200_000
    assert "".join(split(text)) == text
