"""Whatever is wanted, held and released in whatever order: never over the budget, never what is held."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from sensorium.inference.residency import Residency

BUDGET = 100
SIZES = {"a": 10, "b": 30, "c": 40, "d": 60, "e": 100, "f": 101}


class Paging(RuleBasedStateMachine):
    """Does what `Adapters` does with the decisions, and keeps the order of use by itself."""

    held_sets = Bundle("held_sets")

    def __init__(self) -> None:
        super().__init__()
        self.residency = Residency(BUDGET)
        self.order: list[str] = []
        self.holds: Counter[str] = Counter()

    @rule(target=held_sets, wanted=st.sets(st.sampled_from(sorted(SIZES)), max_size=3))
    def use(self, wanted: set[str]) -> tuple[str, ...]:
        ids = tuple(sorted(wanted))
        leaving = self.residency.to_unload({a: SIZES[a] for a in ids})
        needed = {a for a in self.order if self.holds[a]} | wanted
        if leaving is None:
            assert sum(SIZES[a] for a in needed) > BUDGET
            return ()
        assert not [a for a in leaving if self.holds[a] or a in wanted]
        idle = [a for a in self.order if not self.holds[a] and a not in wanted]
        assert leaving == idle[: len(leaving)], "the least recently used go first"
        if leaving:  # and no more than needed
            kept = [a for a in self.order if a not in leaving[:-1]]
            assert sum(SIZES[a] for a in {*kept, *wanted}) > BUDGET
        for a in leaving:
            self.residency.unloaded(a)
            self.order.remove(a)
        for a in ids:
            if a not in self.residency:
                self.residency.loaded(a, SIZES[a])
        self.residency.hold(ids)
        self.holds.update(ids)
        self.order = [a for a in self.order if a not in wanted] + list(ids)
        return ids

    @rule(ids=consumes(held_sets))
    def release(self, ids: tuple[str, ...]) -> None:
        self.residency.release(ids)
        self.holds.subtract(ids)

    @invariant()
    def within_the_budget_and_all_that_is_held_is_there(self) -> None:
        assert self.residency.num_bytes == sum(SIZES[a] for a in self.order) <= BUDGET
        assert all(a in self.residency and self.residency.is_held(a) for a, n in self.holds.items() if n)


TestPaging = Paging.TestCase
TestPaging.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@settings(max_examples=50, deadline=None)
@given(order=st.permutations("abc"))
def test_what_fits_stays(order: list[str]) -> None:
    residency = Residency(80)
    for a in order:
        assert residency.to_unload({a: SIZES[a]}) == []
        residency.loaded(a, SIZES[a])
    assert residency.to_unload({"d": 81}) is None
    assert residency.to_unload({a: SIZES[a] for a in order}) == []
