"""Who gets the floor: the one who is called, the one who is talking already, or the room's policy; and who
speaks on, until nobody does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from sensorium.dialogue.asked import Asked
from sensorium.dialogue.floor import LEAST_EXPECTED, Choice, Floor, RoomNow, Seat
from sensorium.history import Entry, EntryKind
from sensorium.recipe import FloorRules

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

    floor = Floor(FloorRules(policy=policy))  # type: ignore[arg-type]
    assert floor.choose("what do you like", room) == Choice(expected, "policy")


def test_in_a_round_robin_neither_talk_nor_model_keep_the_floor() -> None:
    room, sure = RoomNow(SEATS, last_persona_id="maya", last_spoke_s_ago=3.0), {"clara": 1.0}
    floor = Floor(FloorRules(policy="round_robin"))

    assert floor.choose("what do you like", room, sure) == Choice("theo", "policy")
    assert floor.choose("what does clara like", room, sure) == Choice("theo", "policy")
    assert floor.choose("clara what do you like", room, sure) == Choice("clara", "named")


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


def test_alone_with_a_person_a_persona_is_always_meant() -> None:
    assert Floor().choose("hello", RoomNow((MAYA,))) == Choice("maya", "policy")


def test_one_voice_at_a_time() -> None:
    room = RoomNow(SEATS, speaking_id="theo")

    assert Floor().choose("maya hello", room) == Choice(None, "busy")


def test_personas_answer_one_another_by_name_up_to_a_bound() -> None:
    floor = Floor(FloorRules(max_persona_replies=2))
    once = RoomNow(SEATS, last_persona_id="maya", replied_ids=("maya",))
    twice = once._replace(replied_ids=("theo", "maya"))

    assert floor.follow("theo what do you think", once) == Choice("theo", "named")
    assert floor.follow("theo what do you think", twice) == Choice(None, "bound")
    assert floor.follow("theo what do you think", once._replace(speaking_id="clara")) == Choice(None, "busy")
    assert floor.follow("i like apples", once) == Choice(None, "policy")
    assert floor.follow("maya is my name", once) == Choice(None, "policy")


def test_in_a_round_everybody_answers_once_whoever_is_named() -> None:
    floor = Floor(FloorRules(policy="round_robin", follow="round", max_persona_replies=9))
    room = RoomNow(SEATS, replied_ids=("theo",))

    assert floor.follow("maya and i like apples", room) == Choice("clara", "round")
    after = room._replace(replied_ids=("theo", "clara"))
    assert floor.follow("so do i", after) == Choice("maya", "round")
    assert floor.follow("me too", after._replace(replied_ids=("theo", "clara", "maya"))).persona_id is None
    assert floor.follow("so do i", after._replace(passed_ids=("maya",))).persona_id is None
    assert floor.follow("", RoomNow(SEATS, passed_ids=("maya",))) == Choice("theo", "round")


def test_in_a_chain_the_next_seat_goes_on_up_to_a_bound() -> None:
    floor = Floor(FloorRules(policy="round_robin", follow="chain", max_persona_replies=4))
    replied: list[str] = ["clara"]
    while (who := floor.follow("and then", RoomNow(SEATS, replied_ids=tuple(replied)))).persona_id:
        assert who.why == "chain"
        replied.append(who.persona_id)

    assert replied == ["clara", "maya", "theo", "clara"] and who == Choice(None, "bound")
    passed = RoomNow(SEATS, replied_ids=("clara",), passed_ids=("maya",))
    assert floor.follow("and then", passed) == Choice("theo", "chain")


def test_who_was_called_answers_for_nobody_else_but_begins_a_story() -> None:
    rules = FloorRules(policy="round_robin", max_persona_replies=9)
    called = RoomNow(SEATS, replied_ids=("maya",), called=True)
    silent = RoomNow(SEATS, passed_ids=("maya",), called=True)

    for follow, expected in (("round", None), ("chain", "theo"), ("called", None)):
        floor = Floor(replace(rules, follow=follow))
        assert floor.follow("i like apples", called).persona_id == expected
        assert floor.follow("", silent).persona_id is None


PEOPLE = st.lists(st.sampled_from(["maya", "theo", "clara", "ines", "leo"]), unique=True, max_size=5)


@settings(max_examples=100, deadline=None)
@given(
    here=PEOPLE,
    last=st.sampled_from(["", "maya", "gone"]),
    speaking=st.sampled_from(["", "", "leo"]),
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
    speaking: str,
    ago: float,
    policy: str,
    expected: dict[str, float],
    words: list[str],
) -> None:
    room = RoomNow(tuple(Seat(i, i.title()) for i in here), last, ago, speaking)
    floor = Floor(FloorRules(policy=policy))  # type: ignore[arg-type]

    choice = floor.choose(" ".join(words), room, expected)

    assert choice.persona_id is None or choice.persona_id in here
    assert choice == floor.choose(" ".join(words), room, expected)
    # without the model's opinion the rest stays as it was
    unasked = floor.choose(" ".join(words), room)
    assert choice == unasked or choice.why == "model"
    if choice.why == "model":
        assert expected[str(choice.persona_id)] >= LEAST_EXPECTED
        assert unasked.why not in ("named", "busy", "bound")
    if speaking:
        assert choice.persona_id is None


RULES = st.builds(
    FloorRules,
    policy=st.sampled_from(["addressed", "last_speaker", "round_robin"]),
    follow=st.sampled_from(["called", "round", "chain"]),
    max_persona_replies=st.integers(1, 64),
)
SAID = ["", "", "i like apples", "theo what do you like", "and maya", "clara and theo are here", "leo go on"]


@settings(max_examples=200, deadline=None)
@given(
    here=PEOPLE, rules=RULES, said=st.lists(st.sampled_from(SAID), min_size=70, max_size=70), first=st.text()
)
def test_personas_among_themselves_come_to_an_end(
    here: list[str], rules: FloorRules, said: list[str], first: str
) -> None:
    """Whatever they say or pass, whoever comes in meanwhile: at most `max_persona_replies` are asked."""
    floor, asked = Floor(rules), Asked()
    seats = tuple(Seat(i, i.title()) for i in here)
    entries = [Entry(id=0, kind="person", speaker_id="sam", speaker_name="Sam", text=f"hello {first}")]
    choice, answered = floor.choose(entries[0].text, asked.now(seats, entries, 0.0)), entries[0]
    turns: list[tuple[str, str]] = []
    while choice.persona_id is not None:
        words = said[len(turns) % len(said)]
        turns.append((choice.persona_id, words))
        assert choice.persona_id in here and len(turns) <= rules.max_persona_replies
        assert len(turns) == 1 or words == "" or choice.why != "round" or answered == entries[0]
        if words:
            entries.append(_entry(len(entries), "persona", choice.persona_id, words))
        else:
            asked.passes(choice.persona_id)
        entries.append(_entry(len(entries), "event", "", "Joe comes in"))
        before = next((e.speaker_id for e in reversed(entries) if e.kind == "persona"), "")
        room = asked.now(seats, entries, 0.0)
        choice, found = asked.follow(floor, room, entries)
        assert found is not None and found.kind != "event"
        assert choice.persona_id != before or not before
        answered = found
    replied = [who for who, words in turns if words]
    if rules.follow == "round":
        assert len(replied) == len(set(replied))


def _entry(number: int, kind: EntryKind, speaker_id: str, text: str) -> Entry:
    return Entry(id=number, kind=kind, speaker_id=speaker_id, speaker_name=speaker_id.title(), text=text)


@pytest.mark.parametrize("words", ["theo clara and sam are here", "clara said hello theo"])
def test_a_persona_that_lists_others_calls_nobody(words: str) -> None:
    room = RoomNow(SEATS, last_persona_id="maya", replied_ids=("maya",))

    assert Floor().follow(words, room).persona_id is None
    assert Floor().follow("theo what do you like", room) == Choice("theo", "named")
