"""Given beats and answers on a manual clock, when is a worker hung, and when is somebody else to blame?"""

from __future__ import annotations

import pytest

from sensorium.clock import ManualClock
from sensorium.front.core_time import Spent
from sensorium.front.heartbeat import EVERY_S, HUNG_AFTER_S, MAX_ANNOUNCED_S, Heartbeat


class Worker:
    """A heartbeat with a clock of its own. `seconds`: how long until it hangs when it does not answer."""

    def __init__(self) -> None:
        self.clock = ManualClock(now_s=50.0)
        self.heart = Heartbeat(self.clock.now_s())

    def beat(self, after_s: float = EVERY_S, *, queued_s: float = 0.0, ran_s: float = 0.0) -> None:
        self.clock.advance(after_s)
        self.heart.beat(self.clock.now_s(), Spent(queued_s, ran_s))

    def seconds_until_hung(
        self, *, queued_share: float = 0.0, ran_share: float = 0.0, after_s: float = EVERY_S
    ) -> float:
        started_s = self.clock.now_s()
        for _ in range(1_000):
            if self.heart.hung:
                break
            self.beat(after_s, queued_s=queued_share * after_s, ran_s=ran_share * after_s)
        return self.clock.now_s() - started_s


@pytest.fixture
def worker() -> Worker:
    return Worker()


def test_one_that_answers_lives(worker: Worker) -> None:
    for _ in range(1_000):
        worker.beat()
        worker.heart.answered(alive=True)
    assert not worker.heart.hung


def test_one_that_does_not_answer_hangs_within_one_second_and_a_half(worker: Worker) -> None:
    worker.beat()
    worker.heart.answered(alive=True)
    assert HUNG_AFTER_S <= worker.seconds_until_hung() <= HUNG_AFTER_S + 3 * EVERY_S < 1.5


def test_one_whose_reader_answers_but_whose_computing_thread_does_not_hangs_as_well(worker: Worker) -> None:
    beats = 0
    while not worker.heart.hung:
        worker.beat()
        worker.heart.answered(alive=False)
        beats += 1
    assert beats * EVERY_S <= HUNG_AFTER_S + 3 * EVERY_S


def test_a_computation_that_ends_in_time_is_forgotten(worker: Worker) -> None:
    for _ in range(50):
        for _ in range(8):
            worker.beat()
            worker.heart.answered(alive=False)
        worker.heart.answered(alive=True)
    assert not worker.heart.hung


@pytest.mark.parametrize("stall_s", [0.5, 10.0, 36_000.0])
def test_a_front_that_was_stalled_or_asleep_kills_nobody(worker: Worker, stall_s: float) -> None:
    for _ in range(20):
        worker.beat()
        worker.beat(stall_s)  # the answer lies in the socket, unread
        assert not worker.heart.hung
        worker.heart.answered(alive=True)


def test_a_clock_that_stands_still_or_goes_back_kills_nobody(worker: Worker) -> None:
    for _ in range(100):
        worker.heart.beat(worker.clock.now_s() - 5.0, Spent())
        worker.heart.beat(worker.clock.now_s() - 5.0, Spent())
        worker.heart.answered(alive=True)
    assert not worker.heart.hung


def test_time_without_a_core_does_not_count(worker: Worker) -> None:
    assert worker.seconds_until_hung(queued_share=0.75) >= 4 * HUNG_AFTER_S - 2 * EVERY_S
    assert worker.heart.hung  # in the end it does: a loop without end queues, too


def test_more_queueing_than_time_gives_no_credit(worker: Worker) -> None:
    worker.beat(queued_s=99.0)
    worker.beat(queued_s=99.0)
    assert worker.seconds_until_hung() <= HUNG_AFTER_S + 2 * EVERY_S


def test_a_front_that_is_always_late_notices_later_but_does(worker: Worker) -> None:
    beats = worker.seconds_until_hung(after_s=3 * EVERY_S) / (3 * EVERY_S)
    assert beats <= HUNG_AFTER_S / EVERY_S + 2


def test_a_computation_that_was_announced_may_take_its_time_but_no_more(worker: Worker) -> None:
    worker.heart.computing(worker.clock.now_s(), 20.0)
    assert 20.0 + HUNG_AFTER_S <= worker.seconds_until_hung(ran_share=1.0) + EVERY_S <= 22.0


def test_one_that_announced_a_computation_and_does_not_compute_hangs_as_soon_as_any(worker: Worker) -> None:
    worker.heart.computing(worker.clock.now_s(), 20.0)
    assert worker.seconds_until_hung() < 1.5


def test_what_waits_for_the_disk_in_a_computation_is_at_work(worker: Worker) -> None:
    worker.heart.computing(worker.clock.now_s(), 20.0)
    for _ in range(190):
        worker.clock.advance(EVERY_S)
        worker.heart.beat(worker.clock.now_s(), Spent(reads=True))
    assert not worker.heart.hung


def test_when_it_is_over_the_worker_is_watched_as_ever(worker: Worker) -> None:
    worker.heart.computing(worker.clock.now_s(), 20.0)
    for _ in range(50):
        worker.beat(ran_s=EVERY_S)
    worker.heart.computing(worker.clock.now_s(), 0.0)
    assert worker.seconds_until_hung() < 1.5


def test_no_worker_can_ask_for_ever(worker: Worker) -> None:
    worker.heart.computing(worker.clock.now_s(), float("inf"))
    assert worker.seconds_until_hung(ran_share=1.0) < MAX_ANNOUNCED_S + 1.5
