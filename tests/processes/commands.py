"""Commands as a user starts them: a process each, in a home of the test's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import psutil

COMMAND = (sys.executable, "-m", "sensorium")
LIMIT_S = 60
ENDED_S = 10


class Ended(NamedTuple):
    """How a command ended: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def value(self) -> dict[str, Any]:
        """The JSON object, which is the last line of stdout."""
        assert self.code == 0, self.err
        value: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return value


class Place(NamedTuple):
    """Where commands run: their bundle and their home."""

    bundle: Path
    home: Path

    def environment(self, **more: str) -> dict[str, str]:
        ours = {k: v for k, v in os.environ.items() if not k.startswith("SENSORIUM_") and k != "COLUMNS"}
        # One thread: two that spin for each other starve when the machine is busy.
        own = {"SENSORIUM_BUNDLE": str(self.bundle), "SENSORIUM_HOME": str(self.home), "OMP_NUM_THREADS": "1"}
        return {**ours, **own, "SENSORIUM_LLM_THREADS": "1", **more}

    def run(self, *arguments: str, stdin: str = "", **environment: str) -> Ended:
        done = subprocess.run(
            [*COMMAND, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            env=self.environment(**environment),
            timeout=LIMIT_S,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str, **popen: Any) -> subprocess.Popen[str]:
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        environment = self.environment(**popen.pop("environment", {}))
        return subprocess.Popen([*COMMAND, *arguments], text=True, env=environment, **{**pipes, **popen})


def wait_until(child: subprocess.Popen[str], condition: Callable[[], object]) -> None:
    """Until `condition` holds; fails when the process ends before."""
    while not condition():
        with suppress(subprocess.TimeoutExpired):
            child.wait(timeout=0.02)
        assert child.returncode is None, child.stderr and child.stderr.read()


def workers_of(child: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(child.pid).children(recursive=True)


def all_gone(processes: Sequence[psutil.Process]) -> bool:
    return psutil.wait_procs(list(processes), timeout=ENDED_S)[1] == []
