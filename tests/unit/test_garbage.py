"""Given a process after its start, when garbage is made, then it goes when nobody waits, and only then."""

from __future__ import annotations

import gc
import weakref

from sensorium import garbage


class Node:
    def __init__(self) -> None:
        self.me = self


def dead_cycle() -> weakref.ref[Node]:
    return weakref.ref(Node())


def old_dead_cycle() -> weakref.ref[Node]:
    """One that has survived all but a full collection."""
    node = Node()
    gc.collect(1)
    return weakref.ref(node)


def make_middle_collections(num: int) -> None:
    young, middle, _ = gc.get_threshold()
    kept = [[i] for i in range(num * (young + 1) * (middle + 2))]
    assert kept


def test_what_was_there_at_start_is_never_walked_through_again() -> None:
    kept = [[i] for i in range(10_000)]
    with garbage.put_off():
        assert gc.get_freeze_count() >= len(kept)
        assert len(gc.get_objects()) < len(kept)
    assert gc.get_freeze_count() == 0


def test_a_full_collection_comes_only_when_asked_for() -> None:
    pauses = garbage.Pauses()
    with garbage.put_off(), pauses.measuring():
        old = old_dead_cycle()
        make_middle_collections(4)
        assert pauses.full_ms.summary() == {"count": 0} and old() is not None
        assert pauses.young_ms.summary()["count"] > 20
        assert garbage.collect_if_due()
        assert pauses.full_ms.summary()["count"] == 1 and old() is None
        assert not garbage.collect_if_due()


def test_young_garbage_goes_by_itself() -> None:
    with garbage.put_off():
        young = dead_cycle()
        make_middle_collections(1)
        assert young() is None


def test_afterwards_everything_is_as_before() -> None:
    before = gc.get_threshold()
    with garbage.put_off():
        assert gc.get_threshold() != before
    assert gc.get_threshold() == before


def test_nothing_is_measured_outside() -> None:
    pauses = garbage.Pauses()
    with pauses.measuring():
        pass
    gc.collect()
    assert pauses.summary() == {"gc_young_ms": {"count": 0}, "gc_full_ms": {"count": 0}}
