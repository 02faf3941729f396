"""Given calls of a model, when they are watched, then they are measured, and slowed as long as told."""

from __future__ import annotations

import pytest

from sensorium.budgets import Meter
from sensorium.clock import ManualClock
from sensorium.errors import BadInput
from sensorium.metrics import Counters
from sensorium.workers.calls import Calls, Stress


class Model:
    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock

    def run(self, number: int, *, twice: bool = False) -> int:
        self._clock.advance(0.02)
        return 2 * number if twice else number


def watched(stress: Stress) -> tuple[Model, Meter, ManualClock]:
    clock = ManualClock(now_s=50.0)
    model, meter = Model(clock), Meter("hearing", Counters())
    Calls(meter, clock, stress, sleep=clock.advance).watch(model, "run", "hearing.encoder")
    return model, meter, clock


def test_a_call_gives_what_it_gave_and_is_measured() -> None:
    model, meter, clock = watched(Stress())
    assert model.run(3, twice=True) == 6
    assert clock.now_s() == pytest.approx(50.02)
    assert meter.values()["hearing.encoder"]["max"] == pytest.approx(20.0)


def test_under_stress_it_takes_so_many_times_as_long_and_misses_its_budget() -> None:
    model, meter, clock = watched(Stress(3.0))
    assert [model.run(n) for n in range(4)] == [0, 1, 2, 3]
    assert clock.now_s() == pytest.approx(50.24)
    row = meter.values()["hearing.encoder"]
    assert row["p50"] == pytest.approx(60.0) and row["missed"] == 4


def test_stress_ends_when_it_was_said_to() -> None:
    model, meter, clock = watched(Stress(3.0, 0.1))
    for n in range(5):
        model.run(n)
    assert meter.values()["hearing.encoder"]["missed"] == 2
    assert clock.now_s() == pytest.approx(50.0 + 2 * 0.06 + 3 * 0.02)


@pytest.mark.parametrize("stress", [Stress(0.5), Stress(101.0), Stress(float("nan")), Stress(2.0, -1.0)])
def test_a_stress_that_is_none_is_refused(stress: Stress) -> None:
    with pytest.raises(BadInput, match="--stress goes from 1 to 100"):
        watched(stress)
