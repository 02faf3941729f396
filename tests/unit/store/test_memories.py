"""Given memories, when words recall them, then the fitting ones come, whatever the words are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensorium.errors import BadInput
from sensorium.persona import Persona
from sensorium.store import memories, personas, schema
from sensorium.store.database import Database


@pytest.fixture(scope="module")
def db() -> Iterator[Database]:
    database = apsw.Connection(":memory:")
    database.pragma("foreign_keys", True)
    schema.migrate(database, Path("sensorium.db"), lambda _: None)
    for name in ("maya", "ada"):
        personas.add(database, Persona(id=name, name=name.capitalize()))
    yield database
    database.close()


@pytest.fixture(autouse=True)
def _forgetful(db: Database) -> Iterator[None]:
    yield
    db.execute("DELETE FROM memories")


def _remember(db: Database, *texts: str, persona: str = "maya") -> None:
    for i, text in enumerate(texts):
        memories.add(db, persona, text, at=float(i))


def _recalled(db: Database, words: str, k: int = 3) -> list[str]:
    return [memory.text for memory in memories.recall(db, "maya", words, k)]


def test_a_shared_uncommon_word_recalls(db: Database) -> None:
    _remember(db, "sam's dog is called rex", "the kitchen smells of bread", "joe plays the violin")
    assert _recalled(db, "what is my dog called?") == ["sam's dog is called rex"]


def test_an_inflected_word_recalls_too(db: Database) -> None:
    _remember(db, "sam likes dogs")
    assert _recalled(db, "has he a dog") == ["sam likes dogs"]


def test_the_best_comes_first_and_at_most_k_come(db: Database) -> None:
    _remember(db, "the red boat", "the red boat and the red car", "a red boat race in the rain", "a blue car")
    assert _recalled(db, "boat race", k=2)[0] == "a red boat race in the rain"
    assert len(_recalled(db, "red", k=2)) == 2


def test_of_equals_the_newest_comes_first(db: Database) -> None:
    first = memories.add(db, "maya", "joe was here", at=1.0)
    second = memories.add(db, "maya", "joe was here", at=2.0)
    assert [m.id for m in memories.recall(db, "maya", "joe", 2)] == [second.id, first.id]


def test_common_words_alone_recall_nothing(db: Database) -> None:
    _remember(db, "this is what it is")
    assert _recalled(db, "what is it") == []


def test_nobody_recalls_what_another_remembers(db: Database) -> None:
    _remember(db, "a secret about tea", persona="ada")
    assert _recalled(db, "tea") == []


def test_the_newest_are_listed_without_words(db: Database) -> None:
    _remember(db, "one", "two", "three")
    assert [m.text for m in memories.newest(db, "maya", 2)] == ["three", "two"]


def test_a_persona_that_goes_takes_its_memories(db: Database) -> None:
    personas.add(db, Persona(id="gone", name="Gone"))
    memories.add(db, "gone", "a walk by the sea", at=1.0)
    personas.remove(db, "gone")
    assert memories.newest(db, "gone", 9) == []
    _check_words(db)


@pytest.mark.parametrize("text", ["", "   ", "x" * 2_001])
def test_an_empty_or_endless_memory_is_refused(db: Database, text: str) -> None:
    with pytest.raises(BadInput, match="characters"):
        memories.add(db, "maya", text, at=1.0)


@pytest.mark.parametrize(
    "words",
    ['" OR 1', "dog*", "NEAR(a b)", "text:dog", "dog AND", "^dog", "(", "-dog", "a+b", "_ dog", "² dog"],
)
def test_query_syntax_is_only_words(db: Database, words: str) -> None:
    _remember(db, "sam has a dog")
    assert _recalled(db, words) in ([], ["sam has a dog"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.text(max_size=300))
def test_no_words_can_break_it(db: Database, words: str) -> None:
    assert _recalled(db, words) == []


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from(["tea", "rain", "a red boat", "tea and rain"]))
    )
)
def test_the_word_index_keeps_in_step_with_any_changes(db: Database, steps: list[tuple[int, str]]) -> None:
    db.execute("DELETE FROM memories")
    kept: list[int] = []
    for pick, text in steps:
        if kept and pick == 0:
            memories.forget(db, kept.pop())
        elif kept and pick == 1:
            db.execute("UPDATE memories SET text = ? WHERE id = ?", (text, kept[0]))
        else:
            kept.append(memories.add(db, "maya", text, at=1.0).id)
    _check_words(db)
    expected = {m.id for m in memories.newest(db, "maya", 99) if "tea" in m.text}
    assert {m.id for m in memories.recall(db, "maya", "tea", 99)} == expected


def _check_words(db: Database) -> None:
    """FTS5's own check: raises when the index and the table differ."""
    db.execute("INSERT INTO memory_words (memory_words, rank) VALUES ('integrity-check', 1)")
