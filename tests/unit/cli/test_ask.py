"""Given what cannot be asked, when a command is run, then it ends in one line and loads no model."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Sensorium


@pytest.fixture(autouse=True)
def no_house(monkeypatch: pytest.MonkeyPatch) -> None:
    class Opened:
        def __init__(self, *_: object, **__: object) -> None:
            raise AssertionError("a house was built for a question that cannot be asked")

    for module in ("ask", "chat", "demo"):
        monkeypatch.setattr(f"sensorium.cli.{module}.House", Opened)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("ask", "--persona", "maya"), "needs either --wav FILE or --text WORDS"),
        (("ask", "--persona", "maya", "--text", "a", "--wav", "b.wav"), "needs either"),
        (("ask", "--text", "hello"), "--persona"),
        (("ask", "--persona", "maya", "--text", "   "), "--text is empty"),
        (("ask", "--persona", "maya", "--text", ""), "--text is empty"),
        (("ask", "--persona", "maja", "--text", "hi"), "did you mean 'maya'?"),
        (("ask", "--persona", "maya", "--text", "hi", "--room", "living-rom"), "did you mean 'living-room'?"),
        (("ask", "--persona", "maya", "--wav", "missing.wav"), "no such file"),
        (("ask", "--persona", "maya", "--image", "x.jpg"), "needs either --wav FILE or --text WORDS"),
        (("ask", "--persona", "maya", "--text", "hi", "--image", "x.jpg"), "x.jpg: no such file"),
        (("ask", "--persona", "maya", "--text", "hi", "--image", "."), "not a picture"),
        (("ask", "--persona", "maya", "--text", "hi", "--image", os.devnull), "not a picture"),
        (("ask", "--persona", "maya", "--text", "hi", "--out", "nowhere/x.wav"), "nowhere is not a folder"),
        (("ask", "--persona", "maya", "--text", "hi", "--out", "."), "not a file"),
        (("ask", "--persona", "maya", "--text", "hi", "--out", os.devnull), "not a file"),
        (("chat", "--persona", "maja"), "did you mean 'maya'?"),
        (("demo", "--personas", "3"), "6 to 14 personas, not 3"),
        (("demo", "--personas", "15"), "6 to 14 personas, not 15"),
        (("demo", "--personas", "many"), "--personas"),
        (("demo", "--out", __file__), "cannot be written: File exists"),
        (("demo", "--out", f"{__file__}/x"), "cannot be written: Not a directory"),
    ],
)
def test_one_line_and_exit_code_2(
    sensorium: Sensorium,
    arguments: tuple[str, ...],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = sensorium(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.count("\n") == 1 and says in ended.err
    told = sensorium(*arguments, "--json")
    assert told.code == 2
    assert told.value["error"]["code"] in ("bad_input", "not_found")


@pytest.mark.parametrize(
    ("size", "says"),
    [(0, "is empty"), (20_000_001, "more than 20,000,000 bytes"), (9, "cannot see pictures")],
)
def test_a_picture_that_nobody_can_look_at(
    sensorium: Sensorium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, says: str
) -> None:
    """given a file of no size for a picture, or a bundle that is blind, then no model is loaded for it"""
    (tmp_path / "bundle.toml").write_text(
        'name = "blind"\nversion = "1"\nlicence = "x"\nsource = "x"\ncontext_tokens = 8\n[prompt]\n[files]\n'
    )
    monkeypatch.setenv("SENSORIUM_BUNDLE", str(tmp_path))
    picture = tmp_path / "picture.jpg"
    with picture.open("wb") as file:
        file.truncate(size)
    ended = sensorium("ask", "--persona", "maya", "--text", "what is there", "--image", str(picture))
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.count("\n") == 1 and says in ended.err


@pytest.mark.parametrize("text", ['kv_cells = "many"', "kv_cels = 5", "x = = 5", "\x00\x01"])
def test_a_broken_configuration_is_named(sensorium: Sensorium, tmp_path: Path, text: str) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "config.toml").write_text(text)
    for command in (("ask", "--persona", "maya", "--text", "hi"), ("chat",), ("stats",), ("explain", "maya")):
        ended = sensorium(*command)
        assert ended.code == 2
        assert "config.toml" in ended.err and ended.err.count("\n") == 1


def test_a_home_that_is_no_folder_is_named(sensorium: Sensorium, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = sensorium("ask", "--persona", "maya", "--text", "hi", "--home", str(tmp_path / "file" / "home"))
    assert ended.code == 2
    assert "cannot be used as a store: Not a directory" in ended.err and ended.err.count("\n") == 1


def test_a_persona_without_a_turn_cannot_be_explained_yet(sensorium: Sensorium) -> None:
    ended = sensorium("explain", "maya")
    assert (ended.code, ended.out) == (2, "")
    assert "sensorium ask --persona maya --text hello" in ended.err
