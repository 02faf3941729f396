"""Given a command's body, when it ends in any way, then people or programs get exactly what was promised."""

from __future__ import annotations

import io
import json

import pytest
from rich.rule import Rule

from sensorium.cli.output import confirm, run
from sensorium.errors import BadInput, StoreError, WorkerDied
from sensorium.persona import Persona


def test_people_get_text_and_no_json(capsys: pytest.CaptureFixture[str]) -> None:
    with run("test", as_json=False) as output:
        output.text("with [brackets]")
        output.say("[bold]and[/bold] markup")
        output.result({"not": "shown"})
    assert capsys.readouterr().out == "with [brackets]\nand markup\n"


def test_what_was_said_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    with run("test", as_json=False) as output:
        output.text("a\x1b[2Jb\x07c\x9bd\te\nf é")
    assert capsys.readouterr().out == "a�[2Jb�c�d\te\nf é\n"


@pytest.mark.parametrize("as_json", [False, True])
def test_a_complaint_is_one_line_on_stderr_and_the_command_goes_on(
    capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    with run("test", as_json) as output:
        output.complain(BadInput("too\nlong\x1b[m"))
        output.result({"went": "on"})
    captured = capsys.readouterr()
    assert captured.err == "sensorium: too long�[m\n"
    assert captured.out == ('{"went":"on"}\n' if as_json else "")


def test_a_table_in_a_pipe_has_room(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for columns, width in ((None, 120), ("60", 60)):
        monkeypatch.delenv("COLUMNS", raising=False)
        if columns:
            monkeypatch.setenv("COLUMNS", columns)
        with run("test", as_json=False) as output:
            output.say(Rule())
        assert len(capsys.readouterr().out.rstrip("\n")) == width


def test_programs_get_one_object_and_no_text(capsys: pytest.CaptureFixture[str]) -> None:
    with run("test", as_json=True) as output:
        output.text("not shown")
        output.say("nor this")
        output.result({"persona": Persona(id="a", name="Ä"), "nan": float("nan")})
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out)["persona"]["name"] == "Ä"
    assert json.loads(out)["nan"] is None


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [(BadInput("two\nlines", remedy="try\nthis"), "bad_input", 2), (StoreError("full"), "store", 2),
     (WorkerDied("gone"), "worker_died", 1)],
)  # fmt: skip
@pytest.mark.parametrize("as_json", [False, True])
def test_an_error_is_one_line_with_its_exit_code(
    capsys: pytest.CaptureFixture[str], error: BadInput, code: str, exit_code: int, as_json: bool
) -> None:
    with pytest.raises(SystemExit) as ended:
        with run("test", as_json) as output:
            output.result({"half": "a result"})
            raise error
    captured = capsys.readouterr()
    assert ended.value.code == exit_code
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("sensorium: ")
    if as_json:
        shown = json.loads(captured.out)["error"]
        assert shown == {"code": code, "message": error.message, "remedy": error.remedy}
    else:
        assert captured.out == ""


def test_ctrl_c_ends_with_130(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        with run("test", as_json=True):
            raise KeyboardInterrupt
    assert ended.value.code == 130
    assert capsys.readouterr() == ("", "\n")


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        with run("test", as_json=True):
            raise ZeroDivisionError


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("answer", ["y\n", "Yes\n"])
def test_yes_goes_on(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr("sys.stdin", _Terminal(answer))
    confirm("Really?", yes=False)


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "yellow\n"])
def test_anything_else_changes_nothing(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr("sys.stdin", _Terminal(answer))
    with pytest.raises(BadInput, match="nothing was changed"):
        confirm("Really?", yes=False)


def test_without_a_terminal_it_takes_the_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    confirm("Really?", yes=True)
    with pytest.raises(BadInput) as caught:
        confirm("Really?", yes=False)
    assert caught.value.remedy == "add --yes"
