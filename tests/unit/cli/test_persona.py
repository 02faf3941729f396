"""Given a house, when `sensorium persona` is used, then personas change as said, or nothing does."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest

from sensorium import persona as persona_files
from sensorium.persona import Persona

Sensorium = Any


def _ids(sensorium: Sensorium) -> list[str]:
    return [p["id"] for p in sensorium("persona", "list", "--json").value["personas"]]


def test_fourteen_are_listed_for_people_and_programs(sensorium: Sensorium) -> None:
    assert len(_ids(sensorium)) == 14
    shown = sensorium("persona", "list")
    assert shown.code == 0
    assert "Maya" in shown.out and "living-room" in shown.out


def test_one_is_shown_whatever_the_case(sensorium: Sensorium) -> None:
    value = sensorium("persona", "show", "MAYA", "--json").value
    assert value["persona"]["id"] == "maya"
    assert value["rooms"] == ["living-room"]
    assert value["slot_hint"] == persona_files.slot_hint("maya")
    shown = sensorium("persona", "show", "maya").out
    assert persona_files.from_toml(shown.encode(), where="shown").id == "maya"


def test_an_unknown_one_suggests_the_nearest(sensorium: Sensorium) -> None:
    ended = sensorium("persona", "show", "mya")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "sensorium: no persona called 'mya' (did you mean 'maya'?)\n"
    error = sensorium("persona", "show", "mya", "--json").value["error"]
    assert (error["code"], error["remedy"]) == ("not_found", "did you mean 'maya'?")


def test_one_is_added_by_flags_and_edited_by_flags(sensorium: Sensorium) -> None:
    added = sensorium(
        "persona", "add", "Zoe", "--name", "Zoé", "--description", "Hums.", "--fact", "likes=bells",
        "--fact", "job=pilot", "--voice", "en+f2", "--pitch", "60", "--rate-wpm", "150",
        "--json",
    ).value["persona"]  # fmt: skip
    assert added == {
        "id": "zoe", "name": "Zoé", "description": "Hums.", "facts": {"likes": "bells", "job": "pilot"},
        "voice": {"espeak": "en+f2", "pitch": 60, "rate_wpm": 150}, "voice_adapter_id": None,
    }  # fmt: skip
    edited = sensorium(
        "persona", "edit", "zoe", "--fact", "job=", "--fact", "pet=a cat = two", "--pitch", "3",
        "--json",
    ).value["persona"]  # fmt: skip
    assert edited["facts"] == {"likes": "bells", "pet": "a cat = two"}
    assert edited["voice"]["pitch"] == 3
    assert sensorium("persona", "show", "zoe", "--json").value["persona"] == edited


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("add", "zoe", "--pitch", "100"), "pitch"),
        (("add", "zoe", "--rate-wpm", "5"), "rate"),
        (("add", "zoe", "--fact", "likes"), "KEY=VALUE"),
        (("add", "zoe", "--fact", "=bells"), "KEY=VALUE"),
        (("add", "zoe", "--fact", "likes="), "no fact 'likes'"),
        (("add", "9zoe"), "id"),
        (("add",), "needs an id"),
        (("add", "maya"), "already"),
        (("add", "--file", "nowhere.toml"), "nowhere.toml"),
        (("edit", "maya"), "nothing to change"),
        (("edit", "maya", "--name", ""), "name"),
        (("remove", "maya", "--yes"), "living-room"),
        (("remove", "nora"), "ask"),
        (("import", "nowhere.toml"), "nowhere.toml"),
        (("export", "maya", "--out", "/nonexistent/maya.toml"), "cannot be written"),
    ],
)
def test_a_wrong_change_is_refused_and_nothing_changes(
    sensorium: Sensorium, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], named: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    before = sensorium("persona", "list", "--json").value
    ended = sensorium("persona", *arguments)
    assert ended.code == 2
    assert named in ended.err and ended.err.count("\n") == 1
    assert sensorium("persona", "list", "--json").value == before


def test_one_is_removed_and_with_force_leaves_its_rooms_first(sensorium: Sensorium) -> None:
    assert sensorium("persona", "remove", "Nora", "--yes", "--json").value == {"removed": "nora"}
    assert sensorium("persona", "remove", "maya", "--yes", "--force").code == 0
    assert {"nora", "maya"}.isdisjoint(_ids(sensorium))
    assert "Maya" in sensorium("room", "history", "living-room").out


def test_what_is_exported_is_imported_again(sensorium: Sensorium, tmp_path: Path) -> None:
    path = tmp_path / "maya.toml"
    before = sensorium("persona", "show", "maya", "--json").value["persona"]
    assert sensorium("persona", "export", "maya", "--out", str(path)).code == 0
    assert sensorium("persona", "edit", "maya", "--fact", "likes=glass").code == 0
    assert "already" in sensorium("persona", "import", str(path)).err
    assert sensorium("persona", "import", str(path), "--replace", "--json").value["persona"] == before
    assert sensorium("persona", "export", "maya").out == path.read_text()
    assert sensorium("persona", "export", "maya", "--json").value["toml"] == path.read_text()


def test_one_is_imported_from_standard_input(sensorium: Sensorium, monkeypatch: pytest.MonkeyPatch) -> None:
    toml = persona_files.to_toml(Persona(id="zoe", name="Zoe"))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(toml)))
    assert sensorium("persona", "import", "-").code == 0
    assert "zoe" in _ids(sensorium)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"id = 3",
        b'id = "zoe"',
        b'id = "zoe"\nname = "Zoe"\ncolour = "red"',
        b"#" * 70_000,
        b"id = [",
    ],
)
def test_a_file_that_is_no_persona_is_refused(sensorium: Sensorium, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "zoe.toml"
    path.write_bytes(content)
    for arguments in (("import", str(path)), ("add", "--file", str(path))):
        ended = sensorium("persona", *arguments)
        assert ended.code == 2
        assert "zoe.toml" in ended.err and ended.err.count("\n") == 1


def test_flags_win_over_the_file(sensorium: Sensorium, tmp_path: Path) -> None:
    path = tmp_path / "zoe.toml"
    path.write_bytes(persona_files.to_toml(Persona(id="zoe", name="Zoe", facts={"likes": "bells"})))
    arguments = ("zoe-two", "--file", str(path), "--fact", "likes=drums")
    added = sensorium("persona", "add", *arguments, "--json").value["persona"]
    assert (added["id"], added["name"], added["facts"]) == ("zoe-two", "Zoe", {"likes": "drums"})


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


EDITOR = "import sys, pathlib; p = pathlib.Path(sys.argv[1]); p.write_text(p.read_text().replace({!r}, {!r}))"


def _edit_with(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    monkeypatch.setattr("sys.stdin", _Terminal())
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", f"{sys.executable} -c '{program}'")


def test_one_is_edited_by_hand(sensorium: Sensorium, monkeypatch: pytest.MonkeyPatch) -> None:
    _edit_with(monkeypatch, EDITOR.format("Maya", "Mary").replace("'", '"'))
    assert sensorium("persona", "edit", "maya").code == 0
    assert sensorium("persona", "show", "maya", "--json").value["persona"]["name"] == "Mary"


@pytest.mark.parametrize(
    ("program", "named"),
    [(EDITOR.format("maya", "mary"), "an id stays"), (EDITOR.format("name", "nom"), "maya.toml"),
     ("raise SystemExit(3)", "ended with 3")],
)  # fmt: skip
def test_an_edit_by_hand_that_goes_wrong_changes_nothing(
    sensorium: Sensorium, monkeypatch: pytest.MonkeyPatch, program: str, named: str
) -> None:
    before = sensorium("persona", "show", "maya", "--json").value
    _edit_with(monkeypatch, program.replace("'", '"'))
    ended = sensorium("persona", "edit", "maya")
    assert ended.code == 2 and named in ended.err
    assert sensorium("persona", "show", "maya", "--json").value == before


def test_an_editor_that_is_not_there_is_said_so(
    sensorium: Sensorium, monkeypatch: pytest.MonkeyPatch
) -> None:
    _edit_with(monkeypatch, "")
    monkeypatch.setenv("EDITOR", "no-such-editor")
    assert "no-such-editor" in sensorium("persona", "edit", "maya").err


@pytest.mark.parametrize("arguments", [("persona", "list"), ("room", "list")])
def test_a_store_that_cannot_be_used_is_one_line(
    sensorium: Sensorium, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "sensorium.db").write_text("this is a diary, not a database. " * 40)
    ended = sensorium(*arguments)
    assert ended.code == 2
    assert "not a store" in ended.err and ended.err.count("\n") == 1
