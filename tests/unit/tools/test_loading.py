"""Given packages that declare tools, when they are looked for, then good ones are there, bad ones named."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from sensorium.tools.loading import GROUP, installed

DICE = """
from sensorium.tools.tool import Tool

def _roll(sides: int = 6) -> str:
    "Rolls a die."
    return "four"

dice = Tool(_roll, name="dice", phrases={"roll [the] dice": {}})
timer = Tool(_roll, name="timer")
nothing = 3
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dicey.py").write_text(DICE)
    (tmp_path / "broken.py").write_text("raise RuntimeError('no\\nluck')")
    (tmp_path / "dicey-1.dist-info").mkdir()
    (tmp_path / "dicey-1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: dicey\nVersion: 1\n"
    )
    (tmp_path / "dicey-1.dist-info" / "entry_points.txt").write_text(f"[{GROUP}]\ndice = dicey:dice\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("dicey", "broken"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def entry(name: str, value: str) -> EntryPoint:
    return EntryPoint(name=name, value=value, group=GROUP)


def test_those_that_ship_are_always_there() -> None:
    loaded = installed([])
    assert [tool.name for tool in loaded.tools] == ["notes", "timer"] and loaded.problems == ()
    assert loaded.sources == ("sensorium", "sensorium")


def test_an_installed_package_is_found_by_its_entry_point(package: None) -> None:
    loaded = installed()
    assert "dice" in [tool.name for tool in loaded.tools]
    assert loaded.sources[[tool.name for tool in loaded.tools].index("dice")] == "dicey"


def test_one_that_is_broken_is_named_and_the_others_are_there(package: None) -> None:
    wrong = {
        "broken": "broken:x", "gone": "nowhere:x", "lacks": "dicey:lacks", "nothing": "dicey:nothing",
        "other": "dicey:dice", "timer": "dicey:timer",
    }  # fmt: skip
    loaded = installed([entry("dice", "dicey:dice"), *(entry(n, v) for n, v in wrong.items())])

    assert [tool.name for tool in loaded.tools] == ["dice", "notes", "timer"]
    told = {problem.name: problem.message for problem in loaded.problems}
    assert told.keys() == wrong.keys()
    assert told["broken"] == "broken:x: RuntimeError: no luck"
    assert "int, not" in told["nothing"] and "there already" in told["timer"] and "'other'" in told["other"]
