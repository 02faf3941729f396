"""Who answers, with six in the room: the messages, each persona's view of them, how answers are marked."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from training.mind.answer import Answerer
from training.mind.play import SILENCE
from training.mind.room_exam import (
    Message,
    Outcome,
    _house_row,
    _mind_row,
    as_seen_by,
    cast,
    chosen_by_floor,
    draw_message,
    is_silent,
    messages,
    put_to_all,
)
from training.mind.view import as_view

from sensorium.bench import random_gguf

CAST = cast()
NAMES = [persona.name.lower() for persona in CAST]


@pytest.fixture(scope="module")
def drawn() -> list[Message]:
    return messages(48, CAST)


def test_the_same_seed_asks_the_same_messages_of_both_splits(drawn: list[Message]) -> None:
    again = messages(48, CAST)
    assert [m.play.newest for m in drawn] == [m.play.newest for m in again]
    assert [m.split for m in drawn].count("fillers") == 24
    assert [m.kind for m in drawn].count("one") == 32


def test_a_message_names_whom_it_means_and_nobody_where_nobody_is_meant(drawn: list[Message]) -> None:
    for message in drawn:
        words = message.play.newest.text.split()
        if message.kind == "one":
            assert message.meant in NAMES and message.meant in words
        elif message.kind == "another":
            assert message.meant == ""
            assert set(words) - set(NAMES)
        else:
            assert message.meant == message.last


def test_all_six_have_heard_the_same_and_know_their_own_lines() -> None:
    # given a conversation in which at least two of them spoke
    rng = random.Random(3)
    message = draw_message(rng, "phrasings", "one", CAST)
    while len({line.name for line in message.play.scene.lines if line.kind in ("self", "persona")}) < 2:
        message = draw_message(rng, "phrasings", "one", CAST)
    views = [as_view(as_seen_by(message.play, persona)) for persona in CAST]
    # then
    assert len({tuple((e.text, e.speaker_name) for e in view.history) for view in views}) == 1
    for persona, view in zip(CAST, views, strict=True):
        assert view.persona.name == persona.name and view.persona.facts == persona.facts
        assert {e.speaker_name for e in view.history if e.speaker_id == "self"} <= {persona.name}
        others = {e.speaker_name for e in view.history if e.kind == "persona" and e.speaker_id != "self"}
        assert persona.name not in others
        assert sorted(view.personas_here) == sorted(p.name for p in CAST)


def test_people_have_no_personas_name(drawn: list[Message]) -> None:
    assert all(not set(m.play.scene.people) & set(NAMES) for m in drawn)


def test_the_floor_asks_whom_the_message_names(drawn: list[Message]) -> None:
    named = [m for m in drawn if m.kind == "one"]
    found = [chosen_by_floor(m, CAST) == m.meant for m in named]
    assert sum(found) / len(found) > 0.9


@pytest.mark.parametrize(
    ("reply", "silent"), [(SILENCE, True), ("", True), ("i like tea .", False), (f"{SILENCE} no .", False)]
)
def test_silence_is_what_the_house_takes_for_it(reply: str, silent: bool) -> None:
    assert is_silent(reply) is silent


def test_a_message_is_right_when_the_one_who_is_meant_answers_and_nobody_else(drawn: list[Message]) -> None:
    one = next(m for m in drawn if m.kind == "one")
    other = next(m for m in drawn if m.kind == "another")
    wrong = next(name for name in NAMES if name != one.meant)
    outcomes = [
        Outcome(one, frozenset({one.meant}), one.meant),
        Outcome(one, frozenset({one.meant, wrong}), one.meant),
        Outcome(one, frozenset(), ""),
        Outcome(other, frozenset(), ""),
        Outcome(other, frozenset({wrong}), wrong),
    ]

    mind, house = _mind_row(outcomes, CAST), _house_row(outcomes)

    assert mind["right"] == 2 / 5
    assert mind["answers_when_called"] == 2 / 3
    assert mind["silent_when_not"] == 25 / 27
    assert mind["decisions_right"] == 27 / 30
    assert house["right"] == 3 / 5 and house["one"] == 2 / 3 and house["another"] == 1 / 2
    assert house["met"] is False


def test_a_mind_is_asked_as_each_of_the_six(tmp_path: Path, drawn: list[Message]) -> None:
    random_gguf.write_dense(tmp_path / "mind.gguf")
    answerer = Answerer(tmp_path / "mind.gguf")
    try:
        outcome = put_to_all(answerer, drawn[0], CAST)
    finally:
        answerer.close()
    assert outcome.answered == set(NAMES)  # random weights never choose silence
    assert outcome.house == chosen_by_floor(drawn[0], CAST)
