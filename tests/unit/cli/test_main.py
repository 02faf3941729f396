"""Given a command line, when it is wrong, then one line says so; help loads no command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sensorium import __version__
from sensorium.cli import main as cli
from sensorium.cli.main import COMMANDS, main


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


def test_help_lists_every_command_and_loads_none_of_them() -> None:
    code = (
        "import sys; sys.argv = ['sensorium', '--help']\n"
        "from sensorium.cli.main import main\n"
        "try: main()\n"
        "finally: print(sorted({'apsw', 'numpy', 'llama_cpp', 'onnxruntime', 'asyncio'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.endswith("[]\n")
    assert all(name in result.stdout for name, _, _ in COMMANDS)


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(capsys, "--version") == (0, f"{__version__}\n", "")


def test_an_unknown_command_suggests_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = _run(capsys, "persoan")
    assert (code, out) == (2, "")
    assert err == "sensorium: no command called 'persoan' (did you mean 'persona'?)\n"


def test_an_unknown_subcommand_suggests_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = _run(capsys, "room", "jion")
    assert code == 2
    assert err == "sensorium: no command called 'jion' (did you mean 'join'?)\n"


@pytest.mark.parametrize(
    "arguments",
    [("persona", "list", "--jsn"), ("persona", "show"), ("persona", "edit", "maya", "--pitch", "high"),
     ("room", "history", "x", "--count", "many"), ("persona", "show", "maya", "ada"), ("--nonsense",)],
)  # fmt: skip
def test_a_wrong_command_line_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    code, out, err = _run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("sensorium: ") and err.count("\n") == 1
    assert "--help)" in err


def test_with_json_a_wrong_command_line_is_an_object_too(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = _run(capsys, "persona", "show", "--json", "--colour", "red")
    assert code == 2 and err
    assert json.loads(out.splitlines()[-1])["error"]["code"] == "bad_input"


def test_bytes_that_are_no_text_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = _run(capsys, "persona", "show", "may\udcff")
    assert (code, err) == (2, "sensorium: 'may\\udcff' is not UTF-8 text\n")


def test_a_command_whose_package_is_absent_says_so_and_the_others_work(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli.app, "_commands", dict(cli.app._commands))
    cli.app.command("a_package_nobody_has.demo:demo", name="absent", help="Not here.")
    assert _run(capsys, "--help")[0] == 0
    code, _, err = _run(capsys, "absent")
    assert code == 2
    assert err == "sensorium: a_package_nobody_has is not installed (see: sensorium doctor)\n"


def test_ctrl_c_ends_with_130_and_a_newline(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "app", interrupted)
    assert _run(capsys, "persona", "list") == (130, "", "\n")


def test_a_reader_that_leaves_early_is_no_error(tmp_path: object) -> None:
    code = f"from sensorium.cli.main import main; main(['persona', 'list', '--home', {str(tmp_path)!r}])"
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout is not None and child.stderr is not None
    child.stdout.close()
    assert child.stderr.read() == ""
    child.stderr.close()
    assert child.wait() in (0, 1)


@pytest.mark.parametrize("command", [name for name, path, _ in COMMANDS if not path.endswith(":app")])
def test_the_help_of_a_command_teaches_with_an_example(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    code, out, _ = _run(capsys, command, "--help")
    assert code == 0
    assert "Example: " in out and "sensorium" in out.partition("Example: ")[2]


@pytest.mark.parametrize(("fd", "closed"), [(0, "<&-"), (1, ">&-"), (2, "2>&-")])
def test_a_closed_stream_is_opened_before_anything_else_can_take_its_number(fd: int, closed: str) -> None:
    code = f"""
import os
from sensorium.cli import main
main._mend_streams()
reading, writing = os.pipe()
assert min(reading, writing) > 2
assert not sys.stdin.isatty() or {fd} != 0
print("shown")
sys.exit(7)
"""
    command = [sys.executable, "-c", f"import sys\n{code}"]
    child = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", *command], capture_output=True, text=True, check=False
    )
    assert child.returncode == 7, child.stderr
    assert child.stdout == ("" if fd == 1 else "shown\n")


def test_a_letter_that_the_terminal_cannot_show_is_no_end(tmp_path: Path) -> None:
    child = subprocess.run(
        [sys.executable, "-m", "sensorium", "explain", "zoë", "--home", str(tmp_path)],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        check=False,
    )
    assert child.returncode == 2
    assert child.stderr.startswith(b"sensorium: no persona called 'zo?'")
