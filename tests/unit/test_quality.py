"""Given any load, when a ladder is moved by it, then it settles, never swings, and comes back in time."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.errors import BadInput
from sensorium.front.frames import LADDER as VISION
from sensorium.front.monitor import SETTLING
from sensorium.quality import Controller, Ladder, Rung, Thinning
from sensorium.workers.hearing import LADDER as HEARING
from sensorium.workers.speech import ladder

LADDERS = [VISION, HEARING, ladder((1, 2, 5)), SETTLING]
FOUR = Ladder("four", tuple(Rung(str(i), i, cost) for i, cost in enumerate((1.0, 0.8, 0.5, 0.4))))
LOADS = st.floats(0.0, 20.0)
LADDER = st.sampled_from([*LADDERS, FOUR])


class Sense:
    """Measured ten times a second; what it costs is the load times the cost of the rung it stands on."""

    def __init__(self, ladder: Ladder, *, noise: float = 0.0) -> None:
        self.controller = Controller(ladder)
        self.now_s = 100.0
        self.rungs: list[int] = []
        self._random = random.Random(7)
        self._noise = noise

    def run(self, seconds: float, load: float) -> None:
        for _ in range(round(seconds * 10)):
            self.now_s += 0.1
            swing = 1.0 + self._noise * (2.0 * self._random.random() - 1.0)
            self.controller.add(load * self.controller.rung.cost * swing, self.now_s)
            self.controller.handle(self.now_s)
            self.rungs.append(self.controller.at)

    @property
    def num_changes(self) -> int:
        return int(self.controller.values()["changes"])


@settings(max_examples=60, deadline=None)
@given(ladder=LADDER, load=LOADS, noise=st.floats(0.0, 0.2))
def test_under_a_constant_load_it_only_goes_down_and_then_stays(ladder: Ladder, load: float, noise: float):
    sense = Sense(ladder, noise=noise)
    sense.run(60.0, load)
    assert sense.num_changes <= len(ladder.rungs) - 1
    assert sense.rungs == sorted(sense.rungs)
    assert len(set(sense.rungs[150:])) == 1


@settings(max_examples=60, deadline=None)
@given(ladder=LADDER, stress=LOADS, calm=st.floats(0.0, 0.35), seconds=st.floats(0.5, 30.0))
def test_the_top_is_reached_again_within_ten_seconds(
    ladder: Ladder, stress: float, calm: float, seconds: float
):
    sense = Sense(ladder)
    sense.run(seconds, stress)
    sense.run(10.0, calm)
    assert sense.controller.at == 0


@settings(max_examples=60, deadline=None)
@given(ladder=LADDER, one=LOADS, other=LOADS)
def test_more_load_never_gives_a_better_rung(ladder: Ladder, one: float, other: float):
    less, more = Sense(ladder), Sense(ladder)
    less.run(20.0, min(one, other))
    more.run(20.0, max(one, other))
    assert less.controller.at <= more.controller.at


@settings(max_examples=60, deadline=None)
@given(ladder=LADDER, steps=st.lists(st.tuples(st.floats(0.0, 5.0), LOADS), max_size=12))
def test_whatever_comes_it_moves_one_rung_at_a_time(ladder: Ladder, steps: list[tuple[float, float]]):
    sense = Sense(ladder)
    for seconds, load in steps:
        sense.run(seconds, load)
    rungs = [0, *sense.rungs]
    assert all(abs(after - before) <= 1 for before, after in pairwise(rungs))
    assert all(0 <= at < len(ladder.rungs) for at in rungs)


def test_it_goes_down_within_a_second_when_the_budget_is_near_and_not_before() -> None:
    near, calm = Sense(FOUR), Sense(FOUR)
    near.run(1.0, 0.85)
    calm.run(30.0, 0.79)
    assert near.controller.at >= 1
    assert calm.controller.at == 0 and calm.num_changes == 0


def test_one_slow_call_is_no_trend() -> None:
    sense = Sense(FOUR)
    sense.run(5.0, 0.1)
    sense.run(0.1, 50.0)
    sense.run(5.0, 0.1)
    assert sense.num_changes == 0


def test_a_sense_at_rest_gets_its_quality_back() -> None:
    """Given nothing measured after a stress, when only time goes by, then it climbs all the same."""
    sense = Sense(FOUR)
    sense.run(5.0, 9.0)
    assert sense.controller.at == 3
    for second in range(11):
        sense.controller.handle(sense.now_s + second)
    assert sense.controller.at == 0


def test_changes_are_told_once_with_the_reason() -> None:
    sense = Sense(FOUR)
    sense.run(0.5, 2.0)
    (change,) = sense.controller.drain()
    assert (change.rung, change.why) == ("1", "p95 at 200% of the budget")
    assert sense.controller.drain() == []
    assert sense.controller.values() == {"rung": "1", "at": 1, "of": 4, "changes": 1}


@pytest.mark.parametrize("num_rungs", [0, 5])
def test_a_ladder_that_cannot_be_climbed_in_time_is_refused(num_rungs: int) -> None:
    with pytest.raises(BadInput):
        Controller(Ladder("long", tuple(Rung(str(i), i) for i in range(num_rungs))))


@pytest.mark.parametrize(("one_of", "taken"), [(1, 20), (2, 10), (5, 4), (25, 0)])
def test_of_twenty_frames_so_many_are_taken(one_of: int, taken: int) -> None:
    takes: Callable[[int], bool] = Thinning().takes
    assert sum(takes(one_of) for _ in range(20)) == taken
