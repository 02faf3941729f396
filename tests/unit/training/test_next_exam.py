"""Who answers: the messages, what a mind is asked of them, and how the floor's answers are marked."""

from __future__ import annotations

from pathlib import Path

import pytest
from training.mind.next_exam import (
    LEAST_EXPECTED,
    Asked,
    Questioner,
    _row,
    chosen,
    questions,
    surely_expected,
)
from training.mind.room_exam import cast

from sensorium.bench import random_gguf

CAST = cast()
NAMES = {persona.name.lower() for persona in CAST}
NOBODY = dict.fromkeys((persona.id for persona in CAST), 0.0)


@pytest.fixture(scope="module")
def drawn() -> list[Asked]:
    return questions(32, CAST)


def test_the_same_seed_asks_the_same_and_each_kind_is_what_it_says(drawn: list[Asked]) -> None:
    assert [a.message.play.newest for a in drawn] == [a.message.play.newest for a in questions(32, CAST)]
    for kind, message in drawn:
        words = set(message.play.newest.text.split())
        assert message.last in NAMES
        if kind == "named":
            assert message.meant in words
        elif kind == "guest":
            assert message.meant == "" and not words & NAMES
        else:
            assert message.meant == message.last and bool(words & NAMES) == (kind == "about")


def test_a_mind_is_asked_of_each_of_the_room(drawn: list[Asked], tmp_path: Path) -> None:
    # given a mind that knows nothing
    folder = random_gguf.write_bundle(tmp_path)
    questioner = Questioner(folder / "mind.gguf")
    expected = questioner.expected(drawn[0].message, CAST)
    questioner.close()
    # then it has an opinion of each, and is sure of nobody
    assert set(expected) == set(NOBODY) and all(0.0 < p < LEAST_EXPECTED for p in expected.values())
    assert surely_expected(expected, CAST) == ""


def test_a_sure_mind_gives_the_floor_long_after_the_exchange_and_is_marked_for_it(drawn: list[Asked]) -> None:
    asked = next(a for a in drawn if a.kind == "nobody")
    meant = next(p.id for p in CAST if p.name.lower() == asked.message.meant)
    sure = NOBODY | {meant: 0.9}
    without, told = (chosen(asked, CAST, "addressed", 600.0, e) for e in (NOBODY, sure))
    assert (without, told) == ("", asked.message.meant)
    assert _row("x", [asked, asked], [without, told])["nobody"] == 0.5
