from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sensorium.inference.backend import Span
from sensorium.inference.fake import FakeBackend
from sensorium.inference.sequence import Sequences


def test_shared_cells_are_counted_once() -> None:
    backend = FakeBackend(cells=100, sequences=4)
    sequences = Sequences(backend)
    head = sequences.create()
    assert head is not None
    backend.decode([Span(head, 0, [5] * 10, False)], ())
    sequences.extended(head, 10)
    fork = sequences.fork(head)
    assert fork is not None
    backend.decode([Span(fork, 10, [6] * 3, False)], ())
    sequences.extended(fork, 3)
    assert sequences.num_cells_used == 13
    assert sequences.num_cells_of({head, fork}) == 13
    assert (sequences.num_cells_alone(head), sequences.num_cells_alone(fork)) == (0, 3)
    sequences.drop(head)
    assert sequences.num_cells_used == 13 and sequences.length(fork) == 13
    sequences.drop(fork)
    assert sequences.num_cells_used == 0 and sequences.num_free == 4


def test_ids_run_out_and_come_back() -> None:
    sequences = Sequences(FakeBackend(sequences=2))
    taken = [sequences.create(), sequences.create()]
    assert sorted(s for s in taken if s is not None) == [0, 1]
    assert sequences.create() is None and sequences.fork(0) is None
    sequences.drop(0)
    assert sequences.create() == 0


@given(
    st.lists(st.tuples(st.sampled_from(["create", "fork", "extend", "drop"]), st.integers(0, 9)), max_size=40)
)
def test_counts_agree_with_the_backend(actions: list[tuple[str, int]]) -> None:
    backend = FakeBackend(cells=10_000, sequences=6)
    sequences = Sequences(backend)
    alive: list[int] = []
    for action, number in actions:
        chosen = alive[number % len(alive)] if alive else None
        if action == "create":
            alive += [s for s in [sequences.create()] if s is not None]
        elif chosen is None:
            continue
        elif action == "fork":
            alive += [s for s in [sequences.fork(chosen)] if s is not None]
        elif action == "extend":
            backend.decode([Span(chosen, sequences.length(chosen), [7] * (number + 1), False)], ())
            sequences.extended(chosen, number + 1)
        else:
            used = sequences.num_cells_used
            freed = sequences.num_cells_alone(chosen)
            sequences.drop(chosen)
            alive.remove(chosen)
            assert used - sequences.num_cells_used == freed
        assert sequences.num_cells_used == backend.num_cells_used == sequences.num_cells_of(set(alive))
