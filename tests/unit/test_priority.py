"""Given what the system grants, when a thread asks for a better place in the queue, then it takes that."""

from __future__ import annotations

import os

import pytest

from sensorium import priority


class System:
    """Stands in for `os`: what was asked of it, and what it grants."""

    SCHED_RR, SCHED_OTHER, SCHED_RESET_ON_FORK, PRIO_PROCESS = 2, 0, 0x40000000, 0

    def __init__(self, *grants: str) -> None:
        self.grants = grants
        self.policy = self.value = 0
        self.nice = 0

    def sched_param(self, value: int) -> int:
        return value

    def sched_setscheduler(self, pid: int, policy: int, value: int) -> None:
        # What it starts queues as everybody does.
        assert policy == self.SCHED_OTHER or policy & self.SCHED_RESET_ON_FORK
        if policy & self.SCHED_RR and "rt" not in self.grants:
            raise PermissionError
        self.policy, self.value = policy, value

    def getpriority(self, which: int, who: int) -> int:
        return self.nice

    def setpriority(self, which: int, who: int, nice: int) -> None:
        if "nice" not in self.grants:
            raise PermissionError
        self.nice = nice


@pytest.fixture
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> System:
    made = System(*request.param)
    monkeypatch.setattr(priority, "os", made)
    return made


@pytest.mark.parametrize(
    ("system", "got"),
    [(("rt", "nice"), "real-time"), (("nice",), "raised"), ((), "normal")],
    indirect=["system"],
)
def test_the_best_that_is_granted_is_taken(system: System, got: str) -> None:
    assert priority.raise_own() == got
    assert bool(system.policy & system.SCHED_RR) is (got == "real-time")
    assert (system.nice < 0) is (got == "raised")


@pytest.mark.parametrize(
    ("system", "value", "nice"),
    [(("rt", "nice"), priority.LOOP, 0), (("nice",), 0, -10), ((), 0, 0)],
    indirect=["system"],
)
def test_a_loop_is_before_the_senses_as_long_as_it_runs(system: System, value: int, nice: int) -> None:
    assert priority.LOOP > priority.SENSES
    with priority.before_others():
        assert (system.value, system.nice) == (value, nice)
    assert (system.policy & system.SCHED_RR, system.value, system.nice) == (0, 0, 0)


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="this system has no such queue")
def test_looking_what_is_granted_changes_nothing_here() -> None:
    before = (os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0))
    assert priority.granted() in ("real-time", "raised", "normal")
    assert (os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)) == before
