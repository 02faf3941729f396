"""The scripted evening fits its recordings, the shipped personas, the default room and nano's words."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from training.evening import RATE_HZ
from training.world import VOCABULARY

import sensorium.cli
from sensorium.audio import read_wav
from sensorium.cli import evening
from sensorium.dialogue.floor import Floor, RoomNow, Seat
from sensorium.persona import Persona
from sensorium.request import Tier
from sensorium.store import personas, rooms
from sensorium.store.store import Store

LINES = evening.lines(14)
FOLDER = Path(sensorium.cli.__file__).parent / "evening"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store.open(tmp_path_factory.mktemp("evening") / "house.db") as opened:
        yield opened


@pytest.fixture
def default_room(store: Store) -> list[str]:
    return [p.id for p in store.read(rooms.get, "living-room").result().personas]


@pytest.fixture
def everyone(store: Store) -> list[Persona]:
    return store.read(personas.all_of).result()


def test_every_recording_is_used_once_and_every_line_has_one() -> None:
    assert sorted(line.wav for line in LINES) == sorted(p.name for p in FOLDER.glob("*.wav"))


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.wav)
def test_a_recording_is_as_training_makes_it_and_as_long_as_its_words(line: evening.Line) -> None:
    sound = read_wav(FOLDER / line.wav)
    assert sound.sample_rate_hz == RATE_HZ
    seconds_per_word = sound.seconds / len(line.words.split())
    assert 0.15 < seconds_per_word < 0.8
    assert abs(sound.samples).max() > 0.05


def test_six_are_enough_for_every_line_that_does_not_ask_for_more(default_room: list[str]) -> None:
    assert len(default_room) == 6
    assert {line.persona for line in evening.lines(6)} <= set(default_room)
    assert len(evening.lines(6)) >= 4


def test_lines_for_more_personas_wait_until_they_are_in_the_room(
    default_room: list[str], everyone: list[Persona]
) -> None:
    seating = default_room + [p.id for p in everyone if p.id not in default_room]
    for line in LINES:
        assert line.persona in seating[: max(6, line.min_personas)], line.wav


def test_different_personas_are_active_between_two_turns_of_one() -> None:
    asked = [line.persona for line in evening.lines(6)]
    assert asked.count("maya") >= 2
    assert len(set(asked)) >= 5
    assert all(a != b for a, b in pairwise(asked))


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.wav)
def test_the_floor_gives_the_words_to_the_one_who_is_asked(
    line: evening.Line, everyone: list[Persona]
) -> None:
    seats = tuple(Seat(p.id, p.name) for p in everyone)
    assert Floor().choose(line.words, RoomNow(seats)).persona_id == line.persona


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.wav)
def test_every_word_is_in_nanos_world(line: evening.Line) -> None:
    words = f"{line.words} {line.proof} {line.sees}".split()
    assert set(words) <= set(VOCABULARY)


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.wav)
def test_what_proves_an_answer_exists_and_is_not_in_the_question_of_a_fact(
    line: evening.Line, everyone: list[Persona]
) -> None:
    proof = line.proven_by(everyone)
    assert proof
    assert line.tier in Tier.__members__
    if line.tier != "VOLATILE":  # else the question itself may hold it
        assert proof not in line.words.split()


def test_every_tier_is_asked_for() -> None:
    assert {line.tier for line in evening.lines(6)} == set(Tier.__members__)


def test_facts_that_are_asked_are_not_shared_with_a_neighbour(everyone: list[Persona]) -> None:
    """Else the right word would not prove that it was the right persona's prompt."""
    for line in LINES:
        if line.fact:
            holders = [p.id for p in everyone if p.facts.get(line.fact) == line.proven_by(everyone)]
            assert holders == [line.persona], line.wav
