"""The tools worker: what it offers, answers and refuses; and the whole process of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from threading import Event as Gate

import pytest
from tests.unit.workers.conftest import Front

from sensorium.metrics import Counters
from sensorium.tools.loading import Loaded, Problem, installed
from sensorium.tools.mcp_servers import State
from sensorium.tools.running import MAX_STUCK
from sensorium.tools.tool import MAX_ARGUMENTS_BYTES, Tool
from sensorium.wire.records import (
    CallTool,
    DropCall,
    Failed,
    FromTools,
    Inspect,
    Offered,
    Ready,
    SaidLater,
    Stats,
    Stop,
    ToolAnswer,
    ToolProblem,
    ToTools,
)
from sensorium.workers.tools import ToolsWorker

GATE = Gate()


def hang() -> str:
    GATE.wait(20)
    return "hung"


def loaded() -> Loaded:
    tools = (*installed([]).tools, Tool(hang))
    return Loaded(tools, ("test",) * len(tools), (Problem("broken", "it is"),))


@pytest.fixture
def front(run_worker, tmp_path: Path):
    GATE.clear()
    yield run_worker(
        FromTools, ToTools, lambda shell: ToolsWorker(shell, loaded(), State, tmp_path / "tools", Counters())
    )
    GATE.set()


def call(
    front: Front,
    call_id: int,
    name: str,
    arguments: str = "{}",
    room: str = "living-room",
    *pending: SaidLater,
):
    front.send(CallTool(call_id, name, arguments, room, "maya", pending))


def test_it_offers_what_there_is_and_says_what_is_not(front: Front) -> None:
    offered, _ = front.receive()
    assert isinstance(offered, Offered)
    assert [card.name for card in offered.tools] == ["notes", "timer", "hang"]
    assert offered.problems == (ToolProblem("broken", "it is"),) and offered.starting == ()
    assert offered.tools[1].parameters["properties"]["seconds"]


def test_calls_are_answered_in_any_order_and_notes_lie_in_a_folder_of_tool_and_room(
    front: Front, tmp_path: Path
) -> None:
    front.receive()
    call(front, 1, "hang")
    call(front, 2, "notes", '{"action": "add", "text": "buy milk"}')
    call(front, 3, "timer", '{"action": "left"}', "living-room", SaidLater(60.0, "over"))
    answers = dict((r.call_id, r.text) for r, _ in (front.receive(), front.receive()))  # noqa: C402
    assert answers == {2: "ok buy milk", 3: "one minute is left"}
    assert (tmp_path / "tools" / "notes" / "living-room" / "notes.json").exists()
    GATE.set()
    assert front.receive()[0] == ToolAnswer(1, "hung")


@pytest.mark.parametrize(
    ("name", "arguments", "room", "code"),
    [
        ("timr", "{}", "room", "not_found"),
        ("timer", "{", "room", "bad_input"),
        ("timer", '{"seconds": "x"}', "room", "bad_input"),
        ("timer", "x" * (MAX_ARGUMENTS_BYTES + 1), "room", "bad_input"),
        ("notes", "{}", "../../etc", "bad_input"),
        ("notes", "{}", "", "bad_input"),
        ("notes", "{}", "a" * 64, "bad_input"),
    ],
)
def test_what_cannot_be_called_is_refused(
    front: Front, name: str, arguments: str, room: str, code: str
) -> None:
    front.receive()
    call(front, 5, name, arguments, room)
    failed, _ = front.receive()
    assert isinstance(failed, Failed) and (failed.turn_id, failed.code) == (5, code)


def test_a_call_that_is_dropped_is_not_answered_and_counted_while_it_hangs(front: Front) -> None:
    front.receive()
    call(front, 1, "hang")
    front.send(DropCall(1), DropCall(9), Inspect(7))
    stats, _ = front.receive()
    assert isinstance(stats, Stats)
    assert (stats.values["running"], stats.values["stuck"]) == (0, 1)
    assert stats.values["counters"] == {"calls_total{tool=hang}": 1}


def test_when_too_many_hang_the_process_ends_to_be_replaced(tmp_path: Path, connect) -> None:
    front, theirs = connect(FromTools)
    code = (
        "import sys, threading\n"
        "from sensorium.tools import loading\nfrom sensorium.tools.tool import Tool\n"
        "def hang() -> str:\n    threading.Event().wait()\n    return ''\n"
        "loading.SHIPPED = (Tool(hang),)\n"
        "from sensorium.workers import tools\n"
        f"sys.argv = ['tools', '--fd', '{theirs.fileno()}', '--home', {str(tmp_path)!r}]\n"
        "sys.exit(tools.main())\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], pass_fds=[theirs.fileno()], stderr=subprocess.PIPE)
    theirs.close()
    front.until(Offered)
    for call_id in range(1, MAX_STUCK + 1):
        call(front, call_id, "hang")
        front.send(DropCall(call_id))
    call(front, 99, "hang")
    assert front.until(Failed)[-1][0].turn_id == 0
    assert child.wait(20) == 1
    assert child.stderr is not None and b"hang and cannot be ended" in child.stderr.read()


def test_the_whole_process_imports_mcp_only_where_a_server_is_configured(
    tmp_path: Path, native_process
) -> None:
    front, child = native_process("tools", FromTools, "--home", str(tmp_path))
    assert isinstance(front.receive()[0], Ready)
    offered, _ = front.receive()
    assert isinstance(offered, Offered) and [card.name for card in offered.tools][:2] == ["notes", "timer"]
    front.send(Stop())
    assert child.wait(20) == 0
    assert "mcp" not in child.stdout.read().replace("native:", "")


def test_a_configuration_that_cannot_be_read_ends_it(tmp_path: Path, native_process) -> None:
    (tmp_path / "config.toml").write_text("[mcp.x]\n")
    front, child = native_process("tools", FromTools, "--home", str(tmp_path))
    failed, _ = front.receive()
    assert isinstance(failed, Failed) and failed.turn_id == 0 and "command" in failed.message
    assert child.wait(20) == 2
