"""Who gets the floor: the one who is called, the one who is talking already, or the room's policy."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.dialogue.floor import LEAST_EXPECTED, Choice, Floor, RoomNow, Seat

MAYA, THEO, CLARA = Seat("maya", "Maya"), Seat("theo", "Theo"), Seat("clara", "Clara")
SEATS = (MAYA, THEO, CLARA)


def test_whom_the_words_call_answers() -> None:
    room = RoomNow(SEATS, last_persona_id="maya", last_spoke_s_ago=3.0)

    assert Floor().choose("theo what do you like", room) == Choice("theo", "named")


def test_a_running_exchange_goes_on() -> None:
    room = RoomNow(SEATS, last_persona_id="theo", last_spoke_s_ago=3.0)

    assert Floor().choose("and what is your job", room) == Choice("theo", "running")


def test_in_a_running_exchange_one_may_speak_about_others() -> None:
    room = RoomNow(SEATS, last_persona_id="theo", last_spoke_s_ago=3.0)

    assert Floor().choose("what does maya like", room) == Choice("theo", "running")
    assert Floor().choose("what does maya like", RoomNow(SEATS)) == Choice("maya", "mentioned")


@pytest.mark.parametrize(
    ("policy", "last", "expected"),
    [
        ("addressed", "theo", None),
        ("last_speaker", "theo", "theo"),
        ("last_speaker", "", "maya"),
        ("last_speaker", "gone", "maya"),
        ("round_robin", "theo", "clara"),
        ("round_robin", "clara", "maya"),
        ("round_robin", "", "maya"),
    ],
)
def test_otherwise_the_policy_decides(policy: str, last: str, expected: str | None) -> None:
    room = RoomNow(SEATS, last_persona_id=last, last_spoke_s_ago=10_000.0)

    assert Floor(policy).choose("what do you like", room) == Choice(expected, "policy")  # type: ignore[arg-type]


def test_the_model_gives_the_floor_where_the_words_call_nobody() -> None:
    late = RoomNow(SEATS, last_persona_id="theo", last_spoke_s_ago=10_000.0)
    soon = late._replace(last_spoke_s_ago=3.0)
    sure = {"maya": 0.02, "theo": 0.03, "clara": LEAST_EXPECTED}

    assert Floor().choose("what do you like", late, sure) == Choice("clara", "model")
    assert Floor().choose("what do you like", soon, sure) == Choice("clara", "model")
    assert Floor().choose("what does maya like", late, sure) == Choice("clara", "model")
    # who is called is called, whatever the model thinks
    assert Floor().choose("maya what do you like", late, sure) == Choice("maya", "named")


def test_an_unsure_model_takes_the_floor_from_nobody() -> None:
    soon = RoomNow(SEATS, last_persona_id="theo", last_spoke_s_ago=3.0)
    unsure = {"maya": 0.01, "theo": 0.0, "clara": 0.49}

    assert Floor().choose("sing me something", soon, unsure) == Choice("theo", "running")
    late = soon._replace(last_spoke_s_ago=10_000.0)
    assert Floor().choose("sing me something", late, unsure) == Choice(None, "policy")
    # two whose names begin alike were asked for together
    alike = {"maya": 0.9, "clara": 0.9}
    assert Floor().choose("and you", soon, alike) == Choice("theo", "running")
    # what was thought of somebody who has left since is of no use
    assert Floor().choose("and you", soon, {"gone": 0.9}) == Choice("theo", "running")


def test_the_model_is_asked_about_people_s_words_only() -> None:
    said_by_maya = RoomNow(SEATS, "maya", 1.0, from_persona_id="maya")

    assert Floor().choose("i like apples", said_by_maya, {"theo": 1.0}) == Choice(None, "policy")


def test_alone_with_a_person_a_persona_is_always_meant() -> None:
    assert Floor().choose("hello", RoomNow((MAYA,))) == Choice("maya", "policy")


def test_one_voice_at_a_time() -> None:
    room = RoomNow(SEATS, speaking_id="theo")

    assert Floor().choose("maya hello", room) == Choice(None, "busy")


def test_personas_answer_one_another_by_name_up_to_a_bound() -> None:
    floor = Floor(max_persona_replies=2)
    once = RoomNow(SEATS, from_persona_id="maya", last_persona_id="maya", num_persona_replies=1)
    twice = once._replace(num_persona_replies=2)

    assert floor.choose("theo what do you think", once) == Choice("theo", "named")
    assert floor.choose("theo what do you think", twice) == Choice(None, "bound")
    assert floor.choose("i like apples", once).persona_id is None
    assert floor.choose("maya is my name", once).persona_id is None


PEOPLE = st.lists(st.sampled_from(["maya", "theo", "clara", "ines", "leo"]), unique=True, max_size=5)


@settings(max_examples=100, deadline=None)
@given(
    here=PEOPLE,
    last=st.sampled_from(["", "maya", "gone"]),
    speaker=st.sampled_from(["", "maya", "theo"]),
    speaking=st.sampled_from(["", "", "leo"]),
    replies=st.integers(0, 4),
    ago=st.floats(0, 1e6),
    policy=st.sampled_from(["addressed", "last_speaker", "round_robin"]),
    expected=st.dictionaries(st.sampled_from(["maya", "theo", "clara", "gone"]), st.floats(0, 1)),
    words=st.lists(
        st.sampled_from(["maya", "theo", "mya", "teo", "what", "do", "you", "like", "hello", "and", "about"]),
        max_size=6,
    ),
)
def test_the_floor_goes_to_someone_present_or_to_nobody(
    here: list[str],
    last: str,
    speaker: str,
    speaking: str,
    replies: int,
    ago: float,
    policy: str,
    expected: dict[str, float],
    words: list[str],
) -> None:
    room = RoomNow(tuple(Seat(i, i.title()) for i in here), last, ago, speaking, speaker, replies)
    floor = Floor(policy)  # type: ignore[arg-type]

    choice = floor.choose(" ".join(words), room, expected)

    assert choice.persona_id is None or choice.persona_id in here
    assert choice == floor.choose(" ".join(words), room, expected)
    # without the model's opinion the rest stays as it was
    unasked = floor.choose(" ".join(words), room)
    assert choice == unasked or choice.why == "model"
    if choice.why == "model":
        assert expected[str(choice.persona_id)] >= LEAST_EXPECTED
        assert unasked.why not in ("named", "busy", "bound")
    if speaker:
        assert choice.persona_id != speaker
    if speaking or (speaker and replies >= 2):
        assert choice.persona_id is None


@pytest.mark.parametrize("words", ["theo clara and sam are here", "clara said hello theo"])
def test_a_persona_that_lists_others_calls_nobody(words: str) -> None:
    room = RoomNow(SEATS, from_persona_id="maya", last_persona_id="maya")

    assert Floor().choose(words, room).persona_id is None
    assert Floor().choose("theo what do you like", room) == Choice("theo", "named")
