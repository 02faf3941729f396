"""Given the kernel's count for a process, when it is read twice, then the thread that waited most is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sensorium.front.queueing import QueuedTime


@pytest.fixture
def tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("sensorium.front.queueing.Path", lambda name: tmp_path / name.replace("/proc/", ""))
    return tmp_path / "7" / "task"


def count(tasks: Path, task: int, queued_ns: int) -> None:
    (tasks / str(task)).mkdir(parents=True, exist_ok=True)
    (tasks / str(task) / "schedstat").write_text(f"123456 {queued_ns} 42\n")


def test_it_is_the_growth_of_the_one_that_waited_most(tasks: Path) -> None:
    count(tasks, 7, 1_000_000_000)
    count(tasks, 8, 5_000_000_000)
    queued = QueuedTime(7)
    assert queued.since_last_s() == 0.0
    count(tasks, 7, 1_300_000_000)
    count(tasks, 8, 5_100_000_000)
    count(tasks, 9, 9_000_000_000)  # it was not there before
    assert queued.since_last_s() == pytest.approx(0.3)
    assert queued.since_last_s() == 0.0


def test_a_process_that_is_gone_or_not_counted_queued_for_nothing(tasks: Path) -> None:
    queued = QueuedTime(7)
    assert queued.since_last_s() == 0.0
    count(tasks, 7, 1)
    (tasks / "7" / "schedstat").write_text("no numbers")
    assert queued.since_last_s() == 0.0


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="this system does not count")
def test_the_kernel_is_read_as_it_writes() -> None:
    queued = QueuedTime(os.getpid())
    queued.since_last_s()
    assert 0.0 <= queued.since_last_s() < 60.0
