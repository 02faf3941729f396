"""Worker processes that start, fail to start, die and end; small programs stand in for real workers."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest
from tests.processes.conftest import until

from sensorium.clock import SystemClock
from sensorium.errors import BundleError, WorkerDied, WorkerFailed
from sensorium.front.background import Background
from sensorium.front.heartbeat import HUNG_AFTER_S
from sensorium.front.links import SpeechLink
from sensorium.front.supervisor import Worker, WorkerSpec
from sensorium.metrics import Counters
from sensorium.wire.records import Say, Sound

pytestmark = pytest.mark.anyio

PREAMBLE = """
import argparse, sys, time
from sensorium.wire.records import ToSpeech
from sensorium.workers import shell
parser = shell.argument_parser("test")
args = parser.parse_args()
fd, rings = args.fd, args.rings
"""
SERVES = """
def serve(front):
    front.ready("test", 0.0, {})
    for record, payload in front.messages():
        front.answer(record, {"alive": True})
sys.exit(shell.run(fd, ToSpeech, serve))
"""
# Words that make the thread that computes hang, each in its own way; mostly the reader still answers.
HANGS = """
import ctypes, threading
def serve(front):
    front.ready("test", 0.0, {})
    for record, payload in front.messages():
        match getattr(record, "text", ""):
            case "loop":
                while True: pass
            case "deadlock":
                lock = threading.Lock()
                lock.acquire(); lock.acquire()
            case "native, without the interpreter":
                ctypes.CDLL(None).pause()
            case "native, with the interpreter":
                ctypes.PyDLL(None).pause()
            case _:
                front.answer(record, {"alive": True})
sys.exit(shell.run(fd, ToSpeech, serve))
"""
SAYS_BACK = """
from sensorium.wire.records import Say, Sound
def serve(front):
    front.ready("test", 0.0, {})
    for record, payload in front.messages():
        if isinstance(record, Say):
            front.send(Sound(record.turn_id, 16000), payload)
sys.exit(shell.run(fd, ToSpeech, serve, rings))
"""
REFUSES = """
from sensorium.errors import BundleError
def serve(front):
    raise BundleError("mind.gguf is no GGUF file", remedy="install the bundle again")
sys.exit(shell.run(fd, ToSpeech, serve))
"""
IGNORES_STOP = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
def serve(front):
    front.ready("test", 0.0, {})
    while True:
        time.sleep(60)
sys.exit(shell.run(fd, ToSpeech, serve))
"""


def worker_of(
    program: str, tmp_path: Path, *, ready_timeout_s: float = 30.0, counters: Counters | None = None
) -> tuple[Worker, SpeechLink]:
    counters = counters or Counters()
    link = SpeechLink(counters)
    spec = WorkerSpec(
        "test",
        (),
        tmp_path / "logs" / "test.log",
        ready_timeout_s,
        (sys.executable, "-c", PREAMBLE + program),
    )
    return Worker(spec, link, SystemClock(), counters), link


def num_open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def num_rings_mapped() -> int:
    with open("/proc/self/maps") as maps:
        return sum("memfd:sensorium" in line for line in maps)


async def test_it_starts_answers_and_ends_without_a_trace(tmp_path: Path) -> None:
    open_files = []
    for _ in range(3):
        worker, link = worker_of(SERVES, tmp_path)
        async with Background() as background:
            ready = await worker.start()
            pid = ready.facts["pid"]
            assert pid == worker.pid
            assert os.getsid(pid) == pid  # Ctrl-C in our terminal does not reach it
            background.start(worker.serve())
            assert (await link.line.inspect())["alive"] is True
        await worker.stop()
        open_files.append(num_open_files())

        assert not psutil.pid_exists(pid)
        with pytest.raises(WorkerDied, match="was stopped"):
            await link.line.inspect()

    # The first round opens what the event loop keeps for itself.
    assert open_files[2] <= open_files[1]


async def test_what_a_worker_reports_at_start_is_raised_as_it_is(tmp_path: Path) -> None:
    worker, _ = worker_of(REFUSES, tmp_path)

    with pytest.raises(BundleError, match="no GGUF file") as caught:
        await worker.start()

    assert caught.value.remedy == "install the bundle again"
    assert psutil.Process().children() == []


async def test_a_worker_that_ends_before_it_is_ready_shows_the_end_of_its_log(tmp_path: Path) -> None:
    worker, _ = worker_of('print("out of cheese", file=sys.stderr); sys.exit(3)', tmp_path)

    with pytest.raises(WorkerFailed, match="ended with code 3 before it was ready") as caught:
        await worker.start()

    assert "out of cheese" in caught.value.remedy
    assert "\n" not in caught.value.one_line()


async def test_a_worker_that_never_gets_ready_is_killed(tmp_path: Path) -> None:
    worker, _ = worker_of("time.sleep(60)", tmp_path, ready_timeout_s=0.2)

    with pytest.raises(WorkerFailed, match="was not ready after"):
        await worker.start()

    assert psutil.Process().children() == []


async def test_a_log_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    worker, _ = worker_of(SERVES, tmp_path)
    (tmp_path / "logs").write_text("a file where a folder should be")

    with pytest.raises(WorkerFailed, match="could not be opened"):
        await worker.start()


async def test_a_start_that_is_cancelled_leaves_nothing_behind(tmp_path: Path) -> None:
    worker, _ = worker_of("time.sleep(60)", tmp_path)
    starting = asyncio.create_task(worker.start())
    await until(lambda: bool(psutil.Process().children()))

    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting

    assert psutil.Process().children() == []


async def test_a_killed_worker_comes_back_with_another_pid(tmp_path: Path) -> None:
    counters = Counters()
    worker, link = worker_of(SERVES, tmp_path, counters=counters)
    async with Background() as background:
        await worker.start()
        background.start(worker.serve())
        first = (await link.line.inspect())["pid"]

        os.kill(first, signal.SIGKILL)
        with pytest.raises(WorkerDied, match="it is being restarted"):
            while True:  # the death may be noticed before or after the next question
                await link.line.inspect()
        second = (await link.line.inspect())["pid"]
    await worker.stop()

    assert second != first
    assert counters.get("worker_restarts_total", worker="speech", why="died") == 1
    assert not psutil.pid_exists(first) and not psutil.pid_exists(second)


async def replaced(worker: Worker, link: SpeechLink, first: int) -> int:
    """The pid of whoever serves in the place of `first`."""
    while True:
        try:
            pid = (await link.line.inspect())["pid"]
        except WorkerDied:
            continue
        if pid != first:
            return pid


@pytest.mark.parametrize(
    "how", ["loop", "deadlock", "native, without the interpreter", "native, with the interpreter"]
)
async def test_a_worker_whose_computation_never_ends_is_replaced(tmp_path: Path, how: str) -> None:
    counters = Counters()
    worker, link = worker_of(HANGS, tmp_path, counters=counters)
    async with Background() as background:
        await worker.start()
        background.start(worker.serve())
        first = (await link.line.inspect())["pid"]
        (await link.line.channel()).send(Say(1, how))
        with pytest.raises(WorkerDied, match="hung and was killed; it is being restarted"):
            await link.line.inspect()
        second = await replaced(worker, link, first)
    await worker.stop()

    assert not psutil.pid_exists(first) and not psutil.pid_exists(second)
    assert counters.get("worker_restarts_total", worker="speech", why="hung") == 1
    assert counters.get("worker_restarts_total", worker="speech", why="died") == 0


async def test_a_stopped_worker_is_replaced(tmp_path: Path) -> None:
    worker, link = worker_of(SERVES, tmp_path)
    async with Background() as background:
        await worker.start()
        background.start(worker.serve())
        first = (await link.line.inspect())["pid"]
        os.kill(first, signal.SIGSTOP)
        with pytest.raises(WorkerDied, match="hung and was killed"):
            await link.line.inspect()
        await replaced(worker, link, first)
    await worker.stop()
    assert not psutil.pid_exists(first)


async def test_a_front_that_stood_still_kills_nobody(tmp_path: Path) -> None:
    worker, link = worker_of(SERVES, tmp_path)
    async with Background() as background:
        await worker.start()
        background.start(worker.serve())
        first = (await link.line.inspect())["pid"]
        for _ in range(3):
            time.sleep(1.5 * HUNG_AFTER_S)  # noqa: ASYNC251 (the loop stands still)
            await asyncio.sleep(0.25)
            assert (await link.line.inspect())["pid"] == first
    await worker.stop()


async def test_killed_in_the_middle_it_leaves_no_memory_and_no_file_behind(tmp_path: Path) -> None:
    worker, link = worker_of(SAYS_BACK, tmp_path)
    kept = []
    async with Background() as background:
        await worker.start()
        background.start(worker.serve())
        for turn_id in range(1, 5):
            sound = os.urandom(4_000)
            channel = await link.line.channel()
            with link.line.waiting(turn_id) as answers:
                channel.send(Say(turn_id, ""), sound)
                # given that the rings of this life carry both ways
                assert await answers.get() == (Sound(turn_id, 16_000), sound)
                pid = worker.pid
                assert pid is not None
                os.kill(pid, signal.SIGSTOP)
                channel.send(Say(turn_id, ""), sound)  # it dies with a payload in its ring
                os.kill(pid, signal.SIGKILL)
                with pytest.raises(WorkerDied):
                    await answers.get()
            await until(lambda dead=pid: worker.pid not in (None, dead))
            kept.append((num_open_files(), num_rings_mapped()))
    await worker.stop()

    # The first death starts what the event loop keeps for itself.
    assert len(set(kept[1:])) == 1
    assert kept[-1][1] == 2
    assert num_rings_mapped() == 0


async def test_a_worker_that_cannot_come_back_says_why_to_everybody(tmp_path: Path) -> None:
    flag = tmp_path / "started"
    program = f"""
import pathlib
flag = pathlib.Path({str(flag)!r})
if flag.exists():
{_indented(REFUSES)}
flag.touch()
{SERVES}"""
    worker, link = worker_of(program, tmp_path)
    async with Background() as background:
        pid = (await worker.start()).facts["pid"]
        background.start(worker.serve())
        os.kill(pid, signal.SIGKILL)

        for _ in range(2):
            with pytest.raises(BundleError, match="no GGUF file"):
                while True:
                    try:
                        await link.line.inspect()
                    except WorkerDied:
                        continue
    await worker.stop()


async def test_a_worker_that_will_not_stop_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensorium.front.supervisor.STOP_S", 0.05)
    monkeypatch.setattr("sensorium.front.supervisor.TERMINATE_S", 0.05)
    worker, _ = worker_of(IGNORES_STOP, tmp_path)
    pid = (await worker.start()).facts["pid"]

    await worker.stop()

    assert not psutil.pid_exists(pid)


def _indented(program: str) -> str:
    return "".join(f"    {line}\n" for line in program.strip().splitlines())
