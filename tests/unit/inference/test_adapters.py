from __future__ import annotations

from pathlib import Path

import pytest

from sensorium.errors import AdapterError, BadInput, NotFound
from sensorium.inference.adapters import Adapters
from sensorium.inference.fake import FakeBackend
from sensorium.inference.tokenizer import TokenizedPrompt
from sensorium.request import AdapterUse

A, B, C = (AdapterUse("a"),), (AdapterUse("b"),), (AdapterUse("c"),)


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, Path]:
    made = {name: tmp_path / name for name in "abc"}
    for name, path in made.items():
        path.write_bytes(b"fake adapter" + name.encode() * 88)
    return made


def registered(paths: dict[str, Path], budget: int) -> Adapters:
    adapters = Adapters(FakeBackend(), budget)
    for name, path in paths.items():
        assert adapters.register(name, path) == 100
    return adapters


def test_the_least_recently_used_goes_first_and_comes_back(paths: dict[str, Path]) -> None:
    adapters = registered(paths, 250)
    assert adapters.states() == {"a": "registered", "b": "resident", "c": "resident"}
    adapters.ensure_resident(B)
    adapters.ensure_resident(A)
    assert adapters.states() == {"a": "active", "b": "active", "c": "registered"}
    assert adapters.num_bytes == 200
    adapters.release((*A, *B))
    assert adapters.states() == {"a": "resident", "b": "resident", "c": "registered"}


def test_what_is_held_is_never_unloaded(paths: dict[str, Path]) -> None:
    adapters = registered(paths, 100)
    adapters.ensure_resident(A)
    with pytest.raises(AdapterError, match="budget"):
        adapters.ensure_resident(B)
    assert not adapters.fit(B)
    assert adapters.states()["a"] == "active"
    adapters.release(A)
    assert adapters.fit(B)
    adapters.ensure_resident(B)
    assert adapters.states() == {"a": "registered", "b": "active", "c": "registered"}


def test_one_is_registered_beside_those_in_use_and_loaded_when_they_are_done(
    paths: dict[str, Path], tmp_path: Path
) -> None:
    adapters = registered(paths, 100)
    adapters.ensure_resident(A)
    new = tmp_path / "d"
    new.write_bytes(b"fake adapter" + b"d" * 88)
    assert adapters.register("d", new) == 100
    assert adapters.states() == {"a": "active", "b": "registered", "c": "registered", "d": "registered"}
    adapters.release(A)
    adapters.ensure_resident((AdapterUse("d"),))
    assert adapters.states()["d"] == "active"


def test_one_that_is_larger_than_the_budget_is_refused_and_says_what_to_do(paths: dict[str, Path]) -> None:
    adapters = Adapters(FakeBackend(), 99)
    with pytest.raises(AdapterError, match="budget") as caught:
        adapters.register("a", paths["a"])
    assert "adapter_mb" in caught.value.remedy and adapters.states() == {}


def test_a_file_that_changed_since_it_was_registered_is_not_used(paths: dict[str, Path]) -> None:
    adapters = registered(paths, 100)
    paths["a"].write_bytes(b"fake adapter, another one")
    with pytest.raises(AdapterError, match="changed"):
        adapters.ensure_resident(A)
    assert adapters.states()["a"] == "registered"
    adapters.ensure_resident(B)


def test_two_activated_adapters_at_once_are_refused(tmp_path: Path) -> None:
    adapters = Adapters(FakeBackend(), 1000)
    for name in "ab":
        (tmp_path / name).write_bytes(b"fake adapter from 7:" + name.encode())
        adapters.register(name, tmp_path / name)
    prompt = TokenizedPrompt((1, 2, 3), (), 1, 2, 2)
    with pytest.raises(BadInput, match="'a' and 'b'"):
        adapters.activation((*A, *B), prompt)
    assert adapters.activation((*A, AdapterUse("b", 0.0)), prompt).after.uses == A


def test_keys_are_order_free_and_change_with_the_file(paths: dict[str, Path]) -> None:
    adapters = registered(paths, 1000)
    assert adapters.key((*A, *B)) == adapters.key((*B, *A))
    assert adapters.key(A) != adapters.key((AdapterUse("a", 0.5),))
    assert adapters.key((AdapterUse("a", 0.0),)) == adapters.key(()) == ()
    before = adapters.key(A)
    adapters.register("a", paths["b"])
    assert adapters.key(A) != before


def test_unknown_broken_and_busy_ones_are_refused(paths: dict[str, Path], tmp_path: Path) -> None:
    adapters = registered(paths, 1000)
    with pytest.raises(NotFound, match="adapter"):
        adapters.key((AdapterUse("ab"),))
    with pytest.raises(NotFound):
        adapters.ensure_resident((*A, AdapterUse("nobody")))
    broken = tmp_path / "broken"
    broken.write_bytes(b"?")
    with pytest.raises(AdapterError):
        adapters.register("d", broken)
    with pytest.raises(AdapterError):
        adapters.register("a", broken)
    adapters.ensure_resident(A)
    with pytest.raises(AdapterError, match="in use"):
        adapters.register("a", paths["b"])
    adapters.release(A)
    assert adapters.register("a", paths["b"]) == 100
