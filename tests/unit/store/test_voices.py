"""Given voices and personas, then names are unique, files too, and what is spoken with stays."""

from __future__ import annotations

import msgspec
import pytest

from sensorium.errors import BadInput, NotFound
from sensorium.store import personas, voices
from sensorium.store.store import Store
from sensorium.store.voices import Voice

WARM = Voice(
    name="warm",
    sha256="ab" * 32,
    num_bytes=7,
    licence="CC0-1.0",
    attribution="A",
    consent="yes",
    added_at=1.5,
)
COLD = msgspec.structs.replace(WARM, name="cold", sha256="cd" * 32)


@pytest.fixture
def two(store: Store) -> Store:
    for voice in (WARM, COLD):
        assert store.submit(voices.add, voice).result() == voice
    return store


def test_they_are_found_by_name_and_by_the_beginning_of_their_sha256(two: Store) -> None:
    assert two.read(voices.all_of).result() == [COLD, WARM]
    for name in ("warm", " WARM", "ababab", "ab" * 32):
        assert two.read(voices.get, name).result() == WARM


@pytest.mark.parametrize(
    ("name", "says"), [("warn", "did you mean 'warm'?"), ("abab", "there is: cold, warm")]
)
def test_an_unknown_one_suggests_the_nearest(two: Store, name: str, says: str) -> None:
    with pytest.raises(NotFound) as caught:
        two.read(voices.get, name).result()
    assert says in caught.value.one_line()


def test_in_an_empty_house_the_next_step_is_said(store: Store) -> None:
    with pytest.raises(NotFound, match="warm") as caught:
        store.read(voices.get, "warm").result()
    assert "voice add" in caught.value.remedy


def test_the_same_file_is_kept_once_and_a_name_means_one_file(two: Store) -> None:
    again = msgspec.structs.replace(WARM, name="other", added_at=9.0)
    assert two.submit(voices.add, again).result() == WARM
    with pytest.raises(BadInput, match="another voice 'warm'"):
        two.submit(voices.add, msgspec.structs.replace(WARM, sha256="ef" * 32)).result()
    assert two.read(voices.all_of).result() == [COLD, WARM]


def test_one_that_is_spoken_with_cannot_be_removed(two: Store) -> None:
    assert two.submit(voices.assign, "Maya", WARM.ref).result().voice_ref == WARM.ref
    two.submit(voices.assign, "hugo", WARM.ref).result()
    with pytest.raises(BadInput, match="hugo, maya speak with voice warm") as caught:
        two.submit(voices.remove, "warm").result()
    assert "sensorium voice assign hugo --none" in caught.value.remedy
    for name in ("hugo", "maya"):
        assert two.submit(voices.assign, name, None).result().voice_adapter_id is None
    assert two.submit(voices.remove, "warm").result() == WARM
    assert two.read(voices.all_of).result() == [COLD]


def test_a_persona_keeps_its_voice_in_the_store(two: Store) -> None:
    two.submit(voices.assign, "maya", COLD.ref).result()
    assert two.read(personas.get, "maya").result().voice_adapter_id == f"cold@{'cd' * 32}"
    assert [p.id for p in two.read(voices.speakers_of, COLD.sha256).result()] == ["maya"]
    with pytest.raises(NotFound):
        two.submit(voices.assign, "mya", COLD.ref).result()
