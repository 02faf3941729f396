"""Given the kernel's count for a process, when it is read twice, then what was spent in between is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sensorium.front.core_time import CoreTime, Spent


@pytest.fixture
def tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("sensorium.front.core_time.Path", lambda name: tmp_path / name.replace("/proc/", ""))
    return tmp_path / "7" / "task"


def count(tasks: Path, task: int, *, ran_ns: int = 0, queued_ns: int = 0, state: str = "S") -> None:
    (tasks / str(task)).mkdir(parents=True, exist_ok=True)
    (tasks / str(task) / "schedstat").write_text(f"{ran_ns} {queued_ns} 42\n")
    (tasks / str(task) / "stat").write_text(f"{task} (a (bad) D name) {state} 1 2 3\n")


def test_it_is_the_growth_of_the_one_that_waited_most_and_of_the_one_that_ran_most(tasks: Path) -> None:
    count(tasks, 7, ran_ns=5_000_000_000, queued_ns=1_000_000_000)
    count(tasks, 8, ran_ns=1_000_000_000, queued_ns=5_000_000_000)
    cores = CoreTime(7)
    assert cores.since_last() == Spent()
    count(tasks, 7, ran_ns=5_000_000_000, queued_ns=1_300_000_000)
    count(tasks, 8, ran_ns=1_200_000_000, queued_ns=5_100_000_000)
    count(tasks, 9, ran_ns=9_000_000_000, queued_ns=9_000_000_000)  # it was not there before
    assert cores.since_last() == Spent(pytest.approx(0.3), pytest.approx(0.2), reads=False)
    assert cores.since_last() == Spent()


def test_a_thread_that_waits_for_the_disk_is_told_whatever_its_name(tasks: Path) -> None:
    cores = CoreTime(7)
    count(tasks, 7)
    assert not cores.since_last().reads
    count(tasks, 8, state="D")
    assert cores.since_last().reads


def test_a_process_that_is_gone_or_not_counted_spent_nothing(tasks: Path) -> None:
    cores = CoreTime(7)
    assert cores.since_last() == Spent()
    count(tasks, 7, queued_ns=1)
    (tasks / "7" / "schedstat").write_text("no numbers")
    assert cores.since_last() == Spent()


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="this system does not count")
def test_the_kernel_is_read_as_it_writes() -> None:
    cores = CoreTime(os.getpid())
    cores.since_last()
    ran_s = 0.0
    for _ in range(500):  # of a thread that runs the kernel writes with its next tick
        sum(range(200_000))
        spent = cores.since_last()
        assert 0.0 <= spent.queued_s < 60.0
        ran_s += spent.ran_s
        if ran_s > 0.0:
            break
    assert 0.0 < ran_s < 60.0
