"""Given a command under way, when Ctrl-C, Ctrl-D or a closed pipe ends it, then it leaves nothing behind."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from tests.processes.commands import COMMAND, ENDED_S, Place, all_gone, wait_until, workers_of

from sensorium.store import messages
from sensorium.store.store import Store


@pytest.fixture
def place(random_bundle: Path, tmp_path: Path) -> Place:
    return Place(random_bundle, tmp_path / "home")


def interrupt(child: subprocess.Popen[str], condition: Callable[[], object]) -> tuple[str, str]:
    """Ctrl-C when `condition` holds; gives what was written until the end, by when all workers are gone."""
    try:
        wait_until(child, condition)
        workers = workers_of(child)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=ENDED_S)
        assert child.returncode == 130
        assert workers and all_gone(workers)
    finally:
        child.kill()
        child.communicate()
    return out, err


def test_ctrl_c_while_the_model_starts(place: Place) -> None:
    child = place.start("ask", "--persona", "maya", "--text", "hello", "--json")
    assert interrupt(child, lambda: workers_of(child)) == ("", "\n")


def test_ctrl_c_in_the_middle_of_the_evening(place: Place, tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    out = tmp_path / "out"
    child = place.start("demo", "--json", "--out", str(out), environment={"TMPDIR": str(tmp_path / "tmp")})
    assert interrupt(child, lambda: list(out.glob("01-*.wav"))) == ("", "\n")
    assert list((tmp_path / "tmp").iterdir()) == []  # the demo's own home


def test_ctrl_c_in_a_conversation_keeps_what_was_said(place: Place) -> None:
    child = place.start("chat", stdin=subprocess.PIPE)
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write("maya hello\n")
    child.stdin.flush()
    assert child.stdout.readline() == "sam: maya hello\n"
    reply = child.stdout.readline()
    _, err = interrupt(child, lambda: True)
    assert reply.startswith("maya: ") and err == "\n"
    with Store.open(place.home / "sensorium.db") as store:
        said = store.read(messages.entries, "living-room", 10).result()
    assert [e.speaker_id for e in said][:2] == ["sam", "maya"]


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


def read_until(terminal: int, end: str) -> str:
    shown = ""
    while not shown.endswith(end):
        shown += os.read(terminal, 4096).decode()
    return shown


@pytest.mark.parametrize(("last", "code"), [("\x04", 0), ("/quit\n", 0), (signal.SIGINT, 130)])
def test_a_conversation_at_a_terminal(
    place: Place, terminal: tuple[int, int], last: str | signal.Signals, code: int
) -> None:
    ours, theirs = terminal
    child = place.start("chat", stdin=theirs, stdout=theirs, stderr=theirs, environment={"TERM": "dumb"})
    try:
        greeting = read_until(ours, "> ")
        assert "starting the model ... " in greeting  # progress, since people watch
        assert "Maya, Ada, Clara, Felix, Hugo, Ines" in greeting and "/quit" in greeting
        os.write(ours, b"maya hello\n")
        assert "maya: " in read_until(ours, "\r\n> ")
        workers = workers_of(child)
        if isinstance(last, str):
            os.write(ours, last.encode())
        else:
            child.send_signal(last)
        assert child.wait(timeout=ENDED_S) == code
        assert workers and all_gone(workers)
        assert "Traceback" not in read_until(ours, "\r\n")
    finally:
        child.kill()
        child.wait()


def test_a_reader_that_leaves_early_ends_the_evening(place: Place, tmp_path: Path) -> None:
    child = place.start("demo", "--fast", "--out", str(tmp_path / "out"))
    assert child.stdout is not None and child.stderr is not None
    with child.stdout, child.stderr:
        child.stdout.readline()
        workers = workers_of(child)
        child.stdout.close()
        assert child.stderr.read() == ""
    assert child.wait(timeout=ENDED_S) == 1
    assert workers and all_gone(workers)


@pytest.mark.parametrize("closed", ["<&-", "</dev/null"])
def test_a_conversation_without_a_keyboard(place: Place, closed: str) -> None:
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", *COMMAND, "chat", "--json"]
    done = subprocess.run(
        command, capture_output=True, text=True, env=place.environment(), timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["turns"] == []
    assert psutil.Process().children() == []
