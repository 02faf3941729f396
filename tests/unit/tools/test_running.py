"""Given calls on threads, when one hangs or raises, then the others answer and it can be given up."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sensorium.errors import BadInput, SensoriumError, ToolFailed
from sensorium.tools.running import MAX_CALLS, Calls
from sensorium.tools.tool import Answer, Context, Tool

HERE = Context("room", "maya", Path("/nowhere"))
Told = queue.Queue[tuple[int, Answer | SensoriumError]]


@pytest.fixture
def told() -> Told:
    return queue.Queue()


@pytest.fixture
def calls(told: Told) -> Calls:
    return Calls(lambda call_id, outcome: told.put((call_id, outcome)))


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def tool(function: Callable[[], str]) -> Tool:
    return Tool(function, name="tool")


def test_a_slow_call_holds_up_nobody(calls: Calls, told: Told, gate: threading.Event) -> None:
    def slow() -> str:
        gate.wait(20)
        return "slow"

    calls.start(1, tool(slow), b"{}", HERE)
    calls.start(2, tool(lambda: "fast"), b"{}", HERE)
    assert told.get(timeout=20) == (2, Answer("fast"))
    gate.set()
    assert told.get(timeout=20) == (1, Answer("slow"))


@pytest.mark.parametrize("raised", [ValueError("no"), SystemExit(3), KeyboardInterrupt("x")])
def test_whatever_a_tool_raises_is_an_error_of_the_call(
    calls: Calls, told: Told, raised: BaseException
) -> None:
    def fails() -> str:
        raise raised

    calls.start(1, tool(fails), b"{}", HERE)
    call_id, outcome = told.get(timeout=20)
    assert call_id == 1 and isinstance(outcome, ToolFailed) and outcome.message.startswith("tool")


def test_one_that_is_given_up_is_ended_where_python_runs_and_never_answers(calls: Calls, told: Told) -> None:
    running = threading.Event()

    def for_ever() -> str:
        while True:
            running.set()

    calls.start(1, tool(for_ever), b"{}", HERE)
    assert running.wait(20)
    calls.drop(1)
    for _ in range(2_000):
        if not calls.num_stuck:
            break
        threading.Event().wait(0.01)
    assert calls.num_stuck == calls.num_running == 0
    assert told.empty()


def test_one_that_hangs_outside_python_is_counted(calls: Calls, told: Told, gate: threading.Event) -> None:
    calls.start(1, tool(lambda: str(gate.wait(20))), b"{}", HERE)
    calls.drop(1)
    calls.drop(1)
    calls.drop(7)
    assert (calls.num_running, calls.num_stuck) == (0, 1)
    gate.set()


def test_no_more_than_so_many_at_once(calls: Calls, told: Told, gate: threading.Event) -> None:
    for call_id in range(MAX_CALLS):
        calls.start(call_id, tool(lambda: str(gate.wait(20))), b"{}", HERE)
    with pytest.raises(BadInput, match="at work already"):
        calls.start(99, tool(lambda: "x"), b"{}", HERE)
    gate.set()
    for _ in range(MAX_CALLS):
        told.get(timeout=20)
    calls.start(99, tool(lambda: "x"), b"{}", HERE)
    assert told.get(timeout=20)[0] == 99


def test_a_number_is_of_one_call(calls: Calls, gate: threading.Event) -> None:
    calls.start(1, tool(lambda: str(gate.wait(20))), b"{}", HERE)
    with pytest.raises(BadInput, match="under way"):
        calls.start(1, tool(lambda: "x"), b"{}", HERE)
