from __future__ import annotations

from pathlib import Path

import pytest

from sensorium.errors import AdapterError, NotFound
from sensorium.inference.adapters import Adapters
from sensorium.inference.fake import FakeBackend
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
    assert adapters.states() == {"a": "resident", "b": "resident", "c": "registered"}
    assert adapters.num_bytes == 200


def test_what_is_held_is_never_unloaded(paths: dict[str, Path]) -> None:
    adapters = registered(paths, 100)
    adapters.ensure_resident(A)
    with pytest.raises(AdapterError, match="budget"):
        adapters.ensure_resident(B)
    assert adapters.states()["a"] == "resident"
    adapters.release(A)
    adapters.ensure_resident(B)
    assert adapters.states() == {"a": "registered", "b": "resident", "c": "registered"}


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
