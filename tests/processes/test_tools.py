"""Tools with real worker processes and a real MCP server: slow, hung, broken, dead ones; the room lives."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import psutil
import pytest
from tests.processes.commands import all_gone
from tests.processes.conftest import until

from sensorium.config import Config
from sensorium.front.house import House
from sensorium.recipe import Recipe
from sensorium.store import recipes
from sensorium.store.store import Store
from sensorium.tools.loading import GROUP
from sensorium.wire.events import Event, Message, ToolEnded

pytestmark = pytest.mark.anyio

PACKAGE = """
import ctypes, sys, time
from pathlib import Path
from sensorium.tools.tool import Tool

GATE = Path(__file__).with_name("gate")

def slow() -> str:
    while not GATE.exists():
        time.sleep(0.01)
    return "at last"

def grab() -> str:
    ctypes.PyDLL(None).sleep(600)  # and keeps the interpreter
    return ""

def shout() -> str:
    print("garbage " * 1000)
    sys.stdout.buffer.write(b"\\xff\\x00")
    raise RuntimeError("boom")

slow = Tool(slow, phrases={"dig a tunnel": {}}, limit_s=60)
grab = Tool(grab, phrases={"hold everything": {}})
shout = Tool(shout, phrases={"shout": {}})
"""

SERVER = """
import os, sys
from mcp.server import MCPServer

server = MCPServer("lab")

@server.tool()
def add(a: int, b: int) -> str:
    "Adds."
    return f"that makes {a + b}"

@server.tool()
def fail() -> str:
    raise ValueError("no luck")

@server.tool()
def die() -> str:
    os._exit(3)

@server.tool()
def garbage() -> str:
    os.write(1, b"this is no JSON\\n")
    return "fine"

server.run()
"""


@pytest.fixture
def home(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """With a package of three tools, and a room that may use everything."""
    folder = tmp_path / "packages"
    (folder / "awkward-1.dist-info").mkdir(parents=True)
    (folder / "awkward.py").write_text(PACKAGE)
    names = ("slow", "grab", "shout", "gone")
    entries = "\n".join(f"{name} = awkward:{name}" for name in names)
    (folder / "awkward-1.dist-info" / "entry_points.txt").write_text(f"[{GROUP}]\n{entries}\n")
    (folder / "awkward-1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: awkward\nVersion: 1\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(folder), os.environ.get("PYTHONPATH", ""))))
    lab = tuple(f"lab.{name}" for name in ("add", "fail", "die", "garbage"))
    with Store.open(config.store_path) as store:
        store.submit(recipes.put, Recipe(tools=("notes", "timer", *names, *lab))).result()
    return config


@pytest.fixture
def lab(home: Config, tmp_path: Path) -> Config:
    """And with an MCP server."""
    (tmp_path / "server.py").write_text(SERVER)
    (Path(home.home) / "config.toml").write_text(
        f"[mcp.lab]\ncommand = {json.dumps(sys.executable)}\n"
        f"args = [{json.dumps(str(tmp_path / 'server.py'))}]\n"
        '[mcp.lab.phrases]\nadd = ["add {a:number} and {b:number}"]\nfail = ["fail"]\n'
        'die = ["go away"]\ngarbage = ["talk"]\n[mcp.missing]\ncommand = "no-such-command"\n'
        f"[mcp.noise]\ncommand = {json.dumps(sys.executable)}\nargs = ['-c', 'print(3 * \"no JSON \")']\n"
    )
    return home


def opened(config: Config) -> House:
    return House(config, hears=False, speaks=False, tools=True)


def patient(house: House) -> None:
    """Turns wait for their tool, however slow this machine is."""
    assert house._open.tooling is not None
    house._open.tooling._within_s = 60.0


def listening(house: House) -> list[Event]:
    heard: list[Event] = []
    house.happenings._takers.append(heard.append)
    return heard


def ended(heard: list[Event]) -> list[tuple[str, str]]:
    return [(event.outcome, event.text) for event in heard if isinstance(event, ToolEnded)]


async def offers(house: House, name: str) -> None:
    link = house._staff.tools
    assert link is not None
    await until(lambda: name in [card.name for card in link.offered.tools])


async def test_another_turn_is_answered_while_a_slow_tool_runs(home: Config, tmp_path: Path) -> None:
    async with opened(home) as house:
        heard = listening(house)
        waits = await house.turn_text("maya dig a tunnel")
        patient(house)
        other = await house.turn_text("clara note buy milk")
        assert (waits.said, other.said) == ("Please wait.", "Ok buy milk.")
        assert ended(heard) == [("done", "ok buy milk")]

        (tmp_path / "packages" / "gate").touch()
        await house.tools_idle()
        assert house.room.last_entry is not None
        last = house.room.last_entry
    assert (last.speaker_id, last.text) == ("maya", "At last.")
    assert ended(heard)[-1] == ("done", "at last")


async def test_a_tool_that_keeps_the_interpreter_is_ended_with_its_process_and_others_work_again(
    home: Config,
) -> None:
    async with opened(home) as house:
        heard, pid = listening(house), house.pids()["tools"]
        assert (await house.turn_text("maya hold everything")).said in (
            "Please wait.",
            "Sorry I can not do that.",
        )
        await house.tools_idle()
        assert ended(heard)[0][0] == "failed" and "hung and was killed" in ended(heard)[0][1]

        await until(lambda: house.pids().get("tools", pid) != pid)
        patient(house)
        assert (await house.turn_text("maya note buy milk")).said == "Ok buy milk."
        assert house.counters.get("worker_restarts_total", worker="tools", why="hung") == 1


async def test_one_that_raises_and_prints_is_an_error_of_its_call_and_one_that_is_not_there_a_problem(
    home: Config,
) -> None:
    async with opened(home) as house:
        patient(house)
        heard = listening(house)
        assert (await house.turn_text("maya shout")).said == "Sorry I can not do that."
        assert ended(heard) == [("failed", "shout: RuntimeError: boom")]
        link = house._staff.tools
        assert link is not None
        problems = {problem.name: problem.message for problem in link.offered.problems}
    assert problems["gone"].startswith("awkward:gone: AttributeError")


async def test_a_timer_rings_by_itself_also_after_the_house_was_closed(home: Config) -> None:
    async with opened(home) as house:
        patient(house)
        assert (await house.turn_text("maya set a timer for two seconds")).said == "Ok two seconds."
        heard = listening(house)
        await until(lambda: any(isinstance(event, Message) for event in heard))
        await house.turn_text("maya set a timer for one second")
    async with opened(home) as house:
        await until(
            lambda: house.room.last_entry is not None and "one second is" in house.room.last_entry.text
        )
        said = [e.text for e in house.room.entries if e.kind == "persona"]
    assert said == [
        "Ok two seconds.",
        "The two seconds are over.",
        "Ok one second.",
        "The one second is over.",
    ]


async def test_tools_of_an_mcp_server(lab: Config) -> None:
    async with opened(lab) as house:
        await offers(house, "lab.add")
        patient(house)
        heard = listening(house)
        assert (await house.turn_text("maya add twenty and 22")).said == "That makes forty two."
        assert (await house.turn_text("maya fail")).said == "Sorry I can not do that."
        assert (await house.turn_text("maya talk")).said == "Fine."
        assert (await house.turn_text("maya go away")).said == "Sorry I can not do that."
        assert [outcome for outcome, _ in ended(heard)] == ["done", "failed", "done", "failed"]
        assert ended(heard)[1][1].startswith("lab.fail: ") and "has ended" in ended(heard)[3][1]
        link = house._staff.tools
        assert link is not None
        # Its server is started again by itself.
        await until(lambda: "lab.add" not in [card.name for card in link.offered.tools])
        await offers(house, "lab.add")
        assert (await house.turn_text("maya add one and one")).said == "That makes two."
        await until(lambda: not link.offered.starting)
        problems = {problem.name: problem.message for problem in link.offered.problems}
        processes = psutil.Process(house.pids()["tools"]).children(recursive=True)
    assert problems.keys() == {"gone", "missing", "noise"}
    assert problems["missing"] == "there is no command 'no-such-command'"
    assert "\n" not in problems["noise"] and problems["noise"]
    assert processes and all_gone(processes)


async def test_no_server_outlives_a_worker_that_is_killed(lab: Config) -> None:
    async with opened(lab) as house:
        await offers(house, "lab.add")
        worker = psutil.Process(house.pids()["tools"])
        servers = worker.children(recursive=True)
        worker.kill()
        assert servers and await asyncio.to_thread(all_gone, servers)
