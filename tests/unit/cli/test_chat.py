"""Given typed lines, when a conversation runs, then every line gets its answer, its complaint or its end."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sensorium.cli.chat import _obey, _turn, typed_lines
from sensorium.cli.output import Output
from sensorium.errors import NotFound


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    for fd in (reading, writing):
        try:
            os.close(fd)
        except OSError:
            continue


async def _all(fd: int, prompt: str = "") -> list[str]:
    return [line async for line in typed_lines(fd, prompt=prompt)]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("typed", "lines"),
    [
        (b"", []),
        (b"hello\nyou\n", ["hello\n", "you\n"]),
        (b"the last without an end", ["the last without an end"]),
        (b"\n  \n", ["\n", "  \n"]),
        (b"no \xff text\n", ["no � text\n"]),
        (b"bell\x07 null\x00\n", ["bell\x07 null\x00\n"]),
    ],
)
async def test_every_line_comes_until_the_end(pipe: tuple[int, int], typed: bytes, lines: list[str]) -> None:
    reading, writing = pipe
    os.write(writing, typed)
    os.close(writing)
    assert await _all(reading) == lines


@pytest.mark.anyio
async def test_a_line_comes_before_the_next_is_typed(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    lines = typed_lines(reading)
    for word in ("one\n", "two\n"):
        os.write(writing, word.encode())
        assert await anext(lines) == word
    os.close(writing)
    with pytest.raises(StopAsyncIteration):
        await anext(lines)


@pytest.mark.anyio
async def test_a_line_without_end_comes_in_pieces_that_fit_into_memory(tmp_path: Path) -> None:
    (tmp_path / "typed").write_bytes(b"x" * 2_500_000)
    fd = os.open(tmp_path / "typed", os.O_RDONLY)
    try:
        assert [len(line) for line in await _all(fd)] == [1_000_000, 1_000_000, 500_000]
    finally:
        os.close(fd)


@pytest.mark.anyio
async def test_waiting_for_a_line_can_be_cancelled(pipe: tuple[int, int]) -> None:
    waiting = asyncio.ensure_future(anext(typed_lines(pipe[0])))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    # The thread goes on reading: it must not read what the next test types, whose pipe has the same number.
    os.close(pipe[1])
    for thread in threading.enumerate():
        if thread.name == "typed-lines":
            thread.join(timeout=20)


@pytest.mark.anyio
async def test_the_prompt_is_shown_on_stderr_and_ctrl_d_leaves_a_fresh_line(
    pipe: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    reading, writing = pipe
    os.write(writing, b"hello\n")
    os.close(writing)
    await _all(reading, prompt="> ")
    assert capsys.readouterr() == ("", "> > \n")


class _House:
    """Answers with the reports it was given; the first to a person, the others as follow-ups."""

    def __init__(self, *reports: SimpleNamespace) -> None:
        self._reports = list(reports)
        self.room = SimpleNamespace(personas=[SimpleNamespace(name="Maya"), SimpleNamespace(name="Ada")])

    async def turn_text(self, words: str, *, to: str = "") -> SimpleNamespace:
        return self._reports.pop(0)

    async def follow_up(self) -> SimpleNamespace | None:
        return self._reports.pop(0) if self._reports else None


def _report(persona: str, said: str = "", *, error: str = "") -> Any:
    return SimpleNamespace(
        persona=persona, said=said, silent=not said, error=error, processed_tokens=1, prompt_tokens=2,
        outcome="failed" if error else "done" if said else "silent", voice_to_voice_ms=None,
        row=lambda: {"persona": persona},
    )  # fmt: skip


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("report", "shown"),
    [
        (_report("maya", "hello"), "maya: hello   [1 of 2"),
        (_report("maya"), "maya: (silent)"),
        (_report(""), "nobody felt addressed"),
        (_report("maya", error="the model died"), "maya: failed: the model died"),
        (_report("", error="the disk is full"), "nobody: failed: the disk is full"),
    ],
)
async def test_whatever_comes_of_a_turn_is_shown(
    report: Any, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    turns = await _turn(_House(report), "hello", "", Output(as_json=False))  # type: ignore[arg-type]
    assert shown in capsys.readouterr().out
    assert turns == [{"persona": report.persona}]


@pytest.mark.anyio
async def test_a_persona_that_was_called_by_another_answers_too(capsys: pytest.CaptureFixture[str]) -> None:
    house = _House(_report("maya", "ask ada"), _report("ada", "yes"))
    turns = await _turn(house, "hello", "", Output(as_json=False))  # type: ignore[arg-type]
    assert [turn["persona"] for turn in turns] == ["maya", "ada"]
    assert capsys.readouterr().out.count("\n") == 2


@pytest.mark.parametrize("command", ["/who", "/help"])
def test_who_is_here(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    _obey(command, _House(), Output(as_json=False))  # type: ignore[arg-type]
    assert capsys.readouterr().out.startswith("Maya, Ada\n")


def test_an_unknown_command_suggests_the_nearest_and_is_not_said_to_anybody() -> None:
    with pytest.raises(NotFound) as caught:
        _obey("/quti", _House(), Output(as_json=False))  # type: ignore[arg-type]
    assert caught.value.remedy == "did you mean '/quit'?"
