"""A real room (`sensorium up`, a process) and a real browser (the distribution's Chromium) for its page."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
from playwright.sync_api import Playwright, ViewportSize, sync_playwright
from tests.browser.visitor import Visitor

OPENED_S, ENDED_S = 60, 20
_ARGS = (
    "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
)  # fmt: skip


class Room(NamedTuple):
    """A running `sensorium up`."""

    url: str
    process: subprocess.Popen[str]

    def worker(self, name: str) -> psutil.Process:
        children = psutil.Process(self.process.pid).children()
        return next(child for child in children if f"sensorium.workers.{name}" in child.cmdline())


def start_room(home: Path, port: int = 0) -> Room:
    """Returns when it is open. Fails with what it said when it does not come to that."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith("SENSORIUM_")}
    up = ("up", "--no-open", "--port", str(port), "--json", "--home", str(home))
    process = subprocess.Popen(
        [sys.executable, "-m", "sensorium", *up],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # One thread: two that spin for each other starve when the machine is busy.
        env={**ours, "SENSORIUM_LLM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert process.stdout is not None and process.stderr is not None
    overdue = threading.Timer(OPENED_S, process.kill)
    overdue.start()
    try:
        line = process.stdout.readline()
    finally:
        overdue.cancel()
    if not line:
        pytest.fail(f"the room did not open: {process.stderr.read()[-2000:]}")
    return Room(json.loads(line)["url"], process)


def end_room(room: Room) -> None:
    room.process.send_signal(signal.SIGINT)
    try:
        room.process.communicate(timeout=ENDED_S)
    except subprocess.TimeoutExpired:
        room.process.kill()
        room.process.communicate()


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    found = start_room(tmp_path_factory.mktemp("room"))
    yield found
    end_room(found)


# As long as it lives its thread has a running loop, which other tests must not meet.
@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def chromium() -> str:
    """Its path. Without it these tests fail: a page that nobody opened is not tested."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.fail("these tests need Chromium: apt-get install chromium")
    return found


Visit = Callable[..., Visitor]


@pytest.fixture
def visit(playwright: Playwright, chromium: str) -> Iterator[Visit]:
    """Opens a browser of its own for a visitor: `visit(room, ...)`. `wav`: what its microphone plays, again
    and again. `allowed` False: the person refuses microphone and camera."""
    with ExitStack() as stack:
        visitors: list[Visitor] = []

        def visitor(room: Room, *, wav: Path | None = None, allowed: bool = True, **context: Any) -> Visitor:
            args = [*_ARGS]
            if allowed:
                args.append("--use-fake-ui-for-media-stream")
            if wav is not None:
                args.append(f"--use-file-for-fake-audio-capture={wav}")
            browser = playwright.chromium.launch(executable_path=chromium, args=args)
            stack.callback(browser.close)
            granted = ["microphone", "camera"] if allowed else []
            size: ViewportSize = {"width": 1280, "height": 800}
            opened = browser.new_context(permissions=granted, viewport=size, **context)
            visitors.append(Visitor(opened.new_page(), room.url))
            return visitors[-1]

        yield visitor
        errors = [error for one in visitors for error in one.errors]
    assert errors == []
