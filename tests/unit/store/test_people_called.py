"""Given a name at the door, when somebody says it, then they are who had it, or somebody new."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sensorium.errors import BadInput
from sensorium.store import messages, people
from sensorium.store.people import Person
from sensorium.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "house.db") as opened:
        yield opened


def called(store: Store, name: str) -> Person:
    return store.submit(people.called, name).result()


def test_a_known_name_is_the_same_person_whatever_its_case(store: Store) -> None:
    assert called(store, " SAM ") == Person(id="sam", name="Sam")
    assert (
        called(store, "Anna  Maria")
        == called(store, "anna maria")
        == Person(id="anna-maria", name="Anna Maria")
    )


def test_names_that_look_alike_are_two_people(store: Store) -> None:
    assert [called(store, name).id for name in ("José", "Jose", "Josè", "李", "42", "Ada Byron")] == [
        "jose", "jose-2", "jose-3", "guest", "guest-2", "ada-byron",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["", "  ", "a" * 41, "a\x00b", "Maya", "clara", "\u202egnp"])
def test_a_name_that_nobody_could_use_is_refused(store: Store, name: str) -> None:
    with pytest.raises(BadInput):
        called(store, name)


def test_the_conversation_is_read_backwards_in_pieces(store: Store) -> None:
    for number in range(5):
        store.submit(messages.append, "living-room", "event", f"{number}", at_s=float(number)).result()
    newest = store.read(messages.before, "living-room", 2**53, 2).result()
    older = store.read(messages.before, "living-room", newest[0].entry.id, 2).result()
    assert [m.entry.text for m in (*older, *newest)] == ["1", "2", "3", "4"]
