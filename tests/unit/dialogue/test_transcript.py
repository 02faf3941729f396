"""What was heard of a reply that broke off, and a transcript that only grows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.dialogue.transcript import KEPT_ENTRIES, SpokenReply, Transcript
from sensorium.history import Entry
from sensorium.wire.records import PhraseSpoken


def reply() -> SpokenReply:
    spoken = SpokenReply(3)
    spoken.phrase(PhraseSpoken(3, "i like apples", 0, 13_000))
    spoken.phrase(PhraseSpoken(3, "and you", 13_000, 20_000))
    return spoken


@pytest.mark.parametrize(
    ("heard_samples", "text"),
    [
        (0, ""),
        (200, ""),
        (1_500, "i"),
        (5_000, "i like"),
        (9_000, "i like"),
        (10_500, "i like apples"),
        (13_000, "i like apples"),
        (13_100, "i like apples"),
        (16_000, "i like apples and"),
        (20_000, "i like apples and you"),
        (99_999, "i like apples and you"),
    ],
)
def test_a_reply_is_cut_to_the_words_that_were_heard(heard_samples: int, text: str) -> None:
    assert reply().heard_text(heard_samples) == text


def test_phrases_of_another_turn_are_dropped_and_counted() -> None:
    spoken = reply()
    spoken.phrase(PhraseSpoken(2, "late words", 0, 100))

    assert spoken.num_late == 1
    assert spoken.heard_text(10**6) == "i like apples and you"


def test_a_phrase_without_length_is_no_trouble() -> None:
    spoken = SpokenReply(1)
    spoken.phrase(PhraseSpoken(1, "", 0, 0))
    spoken.phrase(PhraseSpoken(1, "hm", 0, 0))

    assert spoken.heard_text(0) == "hm"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from(["i", "like", "apples"]), max_size=5), st.integers(1, 9_000)),
        max_size=5,
    ),
    st.integers(0, 50_000),
    st.integers(0, 50_000),
)
def test_hearing_longer_never_takes_words_away(phrases: list[tuple[list[str], int]], a: int, b: int) -> None:
    spoken, at = SpokenReply(1), 0
    for words, num_samples in phrases:
        spoken.phrase(PhraseSpoken(1, " ".join(words), at, at + num_samples))
        at += num_samples
    less, more = sorted((a, b))

    everything = spoken.heard_text(at).split()
    assert (
        spoken.heard_text(more).split()[: len(spoken.heard_text(less).split())]
        == spoken.heard_text(less).split()
    )
    assert everything[: len(spoken.heard_text(more).split())] == spoken.heard_text(more).split()


def test_what_was_handed_out_of_a_transcript_does_not_change() -> None:
    transcript = Transcript()
    before = transcript.entries
    transcript.append(Entry(id=1, kind="event", text="maya comes in"))

    assert before == ()
    assert len(transcript) == 1
    assert transcript.entries[0].text == "maya comes in"


def test_a_room_that_is_open_for_weeks_keeps_the_end_of_its_conversation() -> None:
    transcript = Transcript()
    for number in range(1, 3 * KEPT_ENTRIES + 1):
        transcript.append(Entry(id=number, kind="person", text="hello"))
        ids = [entry.id for entry in transcript.entries]
        assert ids == list(range(number - len(ids) + 1, number + 1))
        assert min(number, KEPT_ENTRIES) <= len(ids) <= 2 * KEPT_ENTRIES
