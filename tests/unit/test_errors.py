"""Given an error, when a person or a process reads it, then line, remedy and code are there."""

from __future__ import annotations

import pytest

from sensorium import errors
from sensorium.errors import BY_CODE, BadInput, NotFound, SensoriumError, StoreError, from_wire


def _all_of(cls: type[SensoriumError]) -> set[type[SensoriumError]]:
    return {cls}.union(*(_all_of(sub) for sub in cls.__subclasses__()))


def test_every_error_of_the_house_has_a_code_of_its_own_that_travels() -> None:
    declared = {cls for cls in _all_of(SensoriumError) if cls.__module__ == errors.__name__}
    assert set(BY_CODE.values()) == declared
    assert len({cls.code for cls in declared}) == len(declared)


@pytest.mark.parametrize("code", sorted(BY_CODE))
def test_an_error_comes_back_from_the_wire_as_itself(code: str) -> None:
    rebuilt = from_wire(code, "what went wrong", "what to do")
    assert type(rebuilt) is BY_CODE[code]
    assert rebuilt.one_line() == "what went wrong (what to do)"


def test_an_unknown_code_is_still_an_error_of_ours() -> None:
    rebuilt = from_wire("from_the_future", "strange")
    assert type(rebuilt) is SensoriumError
    assert rebuilt.one_line() == "strange"


def test_what_comes_from_outside_ends_with_exit_code_2() -> None:
    assert {cls.exit_code for cls in _all_of(BadInput)} == {2}
    assert StoreError.exit_code == 2
    assert SensoriumError.exit_code == 1


@pytest.mark.parametrize(
    ("name", "known", "remedy"),
    [
        ("mya", ["maya", "ada"], "did you mean 'maya'?"),
        ("MAYA", ["Maya"], "did you mean 'Maya'?"),
        ("zzz", ["maya", "ada"], "there is: ada, maya"),
        ("maya", [], "there is: none yet"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(name: str, known: list[str], remedy: str) -> None:
    error = NotFound.named("persona", name, iter(known))
    assert error.message == f"no persona called {name!r}"
    assert error.remedy == remedy


def test_of_many_names_only_some_are_listed() -> None:
    error = NotFound.named("room", "zzz", [f"room-{i:02}" for i in range(50)])
    assert error.remedy.count(",") == 13


def test_a_name_of_two_lines_leaves_the_error_on_one():
    assert BadInput("no bundle a\nb\r\nc\u2028d", remedy="e\nf").one_line() == "no bundle a b c d (e f)"
