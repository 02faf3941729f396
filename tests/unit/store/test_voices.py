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
SHIPPED = msgspec.structs.replace(WARM, name="nora", sha256="ef" * 32, added_at=None, bundle="nano")
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
    assert [p.id for p in two.read(voices.speakers_of, COLD).result()] == ["maya"]
    with pytest.raises(NotFound):
        two.submit(voices.assign, "mya", COLD.ref).result()


def test_those_of_the_bundle_are_found_beside_the_own_ones_and_after_them(two: Store) -> None:
    twin = msgspec.structs.replace(SHIPPED, name="warm", sha256="12" * 32)
    shipped = [twin, SHIPPED]
    assert two.read(voices.all_of, shipped).result() == [COLD, SHIPPED, WARM, twin]
    assert two.read(voices.all_of).result() == [COLD, WARM]
    for name, wanted in (("warm", WARM), ("Nora", SHIPPED), ("efefef", SHIPPED), ("121212", twin)):
        assert two.read(voices.get, name, shipped).result() == wanted
    with pytest.raises(NotFound, match="nora"):
        two.read(voices.get, "nora").result()


def test_the_name_of_one_in_the_bundle_is_taken_and_its_file_known(two: Store) -> None:
    same = msgspec.structs.replace(SHIPPED, name="other", added_at=1.0, bundle="")
    assert two.read(voices.check_free, same, [SHIPPED]).result() == SHIPPED
    with pytest.raises(BadInput, match="which comes with bundle nano") as caught:
        two.read(
            voices.check_free, msgspec.structs.replace(WARM, name="nora", sha256="34" * 32), [SHIPPED]
        ).result()
    assert caught.value.remedy == "add this one with --name"


def test_one_of_the_bundle_is_kept_by_name_and_follows_the_bundle(two: Store) -> None:
    newer = msgspec.structs.replace(SHIPPED, sha256="56" * 32)
    assert [p.id for p in two.read(voices.speakers_of, SHIPPED).result()] == ["nora"]
    two.submit(voices.assign, "hugo", SHIPPED.ref).result()
    assert two.read(personas.get, "hugo").result().voice_adapter_id == "nora@bundle"
    assert [p.id for p in two.read(voices.speakers_of, newer).result()] == ["hugo", "nora"]
    assert two.read(voices.speakers_of, msgspec.structs.replace(newer, bundle="", name="nora")).result() == []
