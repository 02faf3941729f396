"""The contract that every backend obeys: the fake, a dense model and a hybrid one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sensorium.bench.random_gguf import words
from sensorium.errors import AdapterError, BadInput, BundleError, ContextFull, WorkerFailed
from sensorium.inference.backend import Backend, Span
from sensorium.request import AdapterUse, Sampling

# Batches of other sizes sum in another order; beyond this, two computations are different ones.
TOLERANCE = 0.02


def tokens_of(backend: Backend, count: int, start: int = 0) -> list[int]:
    return backend.tokenize(" " + " ".join(words(200)[start : start + count]))[:count]


def feed(
    backend: Backend,
    sequence: int,
    position: int,
    tokens: Sequence[int],
    adapters: Sequence[AdapterUse] = (),
    chunk: int = 50,
) -> None:
    for i in range(0, len(tokens), chunk):
        piece = tokens[i : i + chunk]
        last = i + chunk >= len(tokens)
        backend.decode([Span(sequence, position + i, piece, last)], adapters)


def greedy(
    backend: Backend, sequence: int, position: int, count: int, adapters: Sequence[AdapterUse] = ()
) -> list[int]:
    sampler = backend.sampler(Sampling())
    drawn = []
    for i in range(count):
        drawn.append(backend.sample(sequence, sampler))
        backend.decode([Span(sequence, position + i, drawn[-1:], True)], adapters)
    sampler.close()
    return drawn


def cold(
    backend: Backend, tokens: Sequence[int], adapters: Sequence[AdapterUse] = (), count: int = 12
) -> list[int]:
    feed(backend, 15, 0, tokens, adapters)
    drawn = greedy(backend, 15, len(tokens), count, adapters)
    backend.drop(15)
    return drawn


def test_a_fork_continues_as_a_cold_start_would(backend: Backend) -> None:
    head, tail = tokens_of(backend, 100), tokens_of(backend, 40, start=120)
    feed(backend, 0, 0, [*head, *tail])
    wanted_logits = np.array(backend.logits(0))
    wanted = greedy(backend, 0, 140, 12)
    feed(backend, 1, 0, head)
    backend.fork(1, 2)
    feed(backend, 2, 100, tail)
    assert np.abs(np.array(backend.logits(2)) - wanted_logits).max() < TOLERANCE
    assert greedy(backend, 2, 140, 12) == wanted


def test_forks_do_not_disturb_each_other_nor_their_source(backend: Backend) -> None:
    head, first, second = tokens_of(backend, 60), tokens_of(backend, 20, 80), tokens_of(backend, 20, 110)
    alone = cold(backend, [*head, *first]), cold(backend, [*head, *second])
    feed(backend, 0, 0, head)
    for sequence in (1, 2):
        backend.fork(0, sequence)
    feed(backend, 1, 60, first)
    backend.drop(1)
    backend.fork(0, 1)
    backend.decode([Span(1, 60, first, True), Span(2, 60, second, True)], ())
    drawn: dict[int, list[int]] = {1: [], 2: []}
    samplers = {s: backend.sampler(Sampling()) for s in drawn}
    for i in range(12):
        for sequence, sampler in samplers.items():
            drawn[sequence].append(backend.sample(sequence, sampler))
        backend.decode([Span(s, 80 + i, d[-1:], True) for s, d in drawn.items()], ())
    assert (drawn[1], drawn[2]) == alone
    backend.drop(0)
    assert greedy(backend, 2, 92, 3) == cold(backend, [*head, *second, *drawn[2]], count=3)


def test_a_long_chain_of_forks_equals_a_cold_start(backend: Backend) -> None:
    """Settling forks the old history, extends it and drops the old one; so again and again."""
    tokens = tokens_of(backend, 120)
    feed(backend, 0, 0, tokens[:20])
    for turn in range(1, 6):
        backend.fork(turn - 1, turn)
        backend.drop(turn - 1)
        feed(backend, turn, 20 * turn, tokens[20 * turn : 20 * turn + 20])
    assert greedy(backend, 5, 120, 8) == cold(backend, tokens, count=8)


def test_every_token_and_position_matters(backend: Backend) -> None:
    tokens = tokens_of(backend, 50)
    feed(backend, 0, 0, tokens)
    wanted = np.array(backend.logits(0))
    for changed in ([tokens[1], tokens[0], *tokens[2:]], tokens[1:]):
        feed(backend, 1, 0, changed)
        assert np.abs(np.array(backend.logits(1)) - wanted).max() > 10 * TOLERANCE
        backend.drop(1)


def test_a_full_context_is_refused_without_side_effects(backend: Backend) -> None:
    tokens = tokens_of(backend, 100)
    wanted = cold(backend, tokens)
    num_full = backend.info.context_cells // 100
    for sequence in range(num_full):
        feed(backend, sequence, 0, tokens)
    left = backend.info.context_cells - 100 * num_full
    if backend.info.context_cells - 100 * num_full < 100:
        with pytest.raises(ContextFull):
            backend.decode([Span(num_full, 0, tokens, True)], ())
    assert left < 100
    backend.drop(0)
    backend.decode([Span(num_full, 0, tokens[:50], True)], ())
    feed(backend, num_full, 50, tokens[50:])
    assert greedy(backend, num_full, 100, 12) == wanted


def test_dropped_cells_come_back(backend: Backend) -> None:
    tokens = tokens_of(backend, 100)
    first = []
    for _ in range(3 * backend.info.context_cells // 100):
        feed(backend, 3, 0, tokens)
        first.append(greedy(backend, 3, 100, 1))
        backend.drop(3)
    assert len(first) > 3 and all(found == first[0] for found in first)


@pytest.mark.parametrize(
    "span",
    [
        Span(0, 5, (100,), True),
        Span(99, 0, (100,), True),
        Span(-1, 0, (100,), True),
        Span(0, 0, (10**6,), True),
        Span(0, 0, (-1,), True),
        Span(0, 0, (), True),
        Span(0, 0, (100,) * 129, True),
    ],
)
def test_a_wrong_span_is_refused(backend: Backend, span: Span) -> None:
    with pytest.raises(WorkerFailed):
        backend.decode([span], ())
    feed(backend, 0, 0, tokens_of(backend, 10))


Embedded = tuple[Backend, NDArray[np.float32]]


def test_the_embedding_rows_of_tokens_are_worth_the_tokens(backend_and_embeddings: Embedded) -> None:
    """In the middle of tokens, and forked and gone on with as they are."""
    backend, table = backend_and_embeddings
    # Of logits up to 10: on an Intel Xeon with AVX-512 the hybrid model's are 0.003 apart, others' 0.00001.
    most = 0.01
    head, middle, tail = tokens_of(backend, 20), tokens_of(backend, 30, 40), tokens_of(backend, 10, 90)
    for sequence in (0, 1):
        backend.decode([Span(sequence, 0, head, False)], ())
    backend.decode([Span(0, 20, middle, True)], ())
    wanted = backend.logits(0)
    backend.decode([Span(1, 20, (), True, table[middle])], ())
    assert np.abs(backend.logits(1) - wanted).max() < most
    backend.fork(1, 2)
    for sequence in (0, 2):
        backend.decode([Span(sequence, 50, tail, True)], ())
        wanted = backend.logits(0) if sequence == 0 else wanted
    assert np.abs(backend.logits(2) - wanted).max() < most


def test_rows_of_several_sequences_share_a_batch(backend_and_embeddings: Embedded) -> None:
    backend, table = backend_and_embeddings
    first, second = table[tokens_of(backend, 7)], table[tokens_of(backend, 5, 50)]
    alone = []
    for rows in (first, second):
        backend.decode([Span(9, 0, (), True, rows)], ())
        alone.append(backend.logits(9))
        backend.drop(9)
    backend.decode([Span(0, 0, (), True, first), Span(1, 0, (), True, second)], ())
    for sequence, wanted in enumerate(alone):
        assert np.abs(backend.logits(sequence) - wanted).max() < TOLERANCE


def test_every_row_matters(backend_and_embeddings: Embedded) -> None:
    backend, table = backend_and_embeddings
    rows = table[tokens_of(backend, 20)]
    backend.decode([Span(0, 0, (), True, rows)], ())
    wanted = backend.logits(0)
    for at in (0, 10, 19):
        changed = rows.copy()
        changed[at] *= -1
        backend.decode([Span(1, 0, (), True, changed)], ())
        assert np.abs(backend.logits(1) - wanted).max() > 10 * TOLERANCE
        backend.drop(1)


def test_a_batch_never_holds_tokens_and_rows(backend_and_embeddings: Embedded) -> None:
    backend, table = backend_and_embeddings
    rows = table[:3]
    for spans in (
        [Span(0, 0, (100,), True), Span(1, 0, (), True, rows)],
        [Span(0, 0, (100, 101, 102), True, rows)],
        [Span(0, 0, (), True, rows[:0])],
    ):
        with pytest.raises(WorkerFailed):
            backend.decode(spans, ())
    backend.decode([Span(0, 0, (), True, rows)], ())  # nothing was computed


def test_rows_that_cannot_be_used_are_refused_before_anything_is_computed(
    backend_and_embeddings: Embedded,
) -> None:
    backend, table = backend_and_embeddings
    rows = table[:3].copy()
    broken = rows.copy()
    broken[1, 1] = np.nan
    endless = rows.copy()
    endless[2, 0] = -np.inf
    bad: tuple[NDArray[np.float32], ...] = (
        broken, endless, rows[:, :-1], rows.astype(np.float64), rows[0],
    )  # fmt: skip
    for wrong in bad:
        with pytest.raises(BadInput):
            backend.decode([Span(0, 0, (), True, rows), Span(1, 0, (), True, wrong)], ())
    backend.decode([Span(0, 0, (), True, rows)], ())


def test_logits_are_there_only_where_asked_for(backend: Backend) -> None:
    backend.decode([Span(0, 0, (100, 101), False), Span(1, 0, (102,), True)], ())
    assert len(backend.logits(1)) == backend.info.vocab_size
    with pytest.raises(WorkerFailed):
        backend.logits(0)
    with pytest.raises(WorkerFailed):
        backend.sample(5, backend.sampler(Sampling()))


def test_a_seed_repeats_a_reply_and_another_changes_it(backend: Backend) -> None:
    tokens = tokens_of(backend, 30)

    def draw(seed: int) -> list[int]:
        sampler = backend.sampler(Sampling(temperature=1.5, top_k=40, top_p=0.95, min_p=0.01, seed=seed))
        feed(backend, 0, 0, tokens)
        drawn = []
        for i in range(12):
            drawn.append(backend.sample(0, sampler))
            backend.decode([Span(0, 30 + i, drawn[-1:], True)], ())
        backend.drop(0)
        sampler.close()
        return drawn

    assert draw(1) == draw(1)
    assert len({tuple(draw(seed)) for seed in range(4)}) > 1


def test_a_penalty_counts_the_prompt(backend: Backend) -> None:
    feed(backend, 0, 0, tokens_of(backend, 30))
    best = backend.sample(0, backend.sampler(Sampling()))
    sampler = backend.sampler(Sampling(repeat_penalty=10.0))
    sampler.accept(best)
    assert backend.sample(0, sampler) != best
    sampler.close()


def test_a_grammar_forces_the_reply_and_then_its_end(backend: Backend) -> None:
    word = " " + words(3)[2]
    sampler = backend.sampler(Sampling(grammar=f'root ::= "{word}"'))
    feed(backend, 0, 0, tokens_of(backend, 30))
    said, position = b"", 30
    while (token := backend.sample(0, sampler)) not in backend.info.end_tokens:
        said += backend.piece(token)[0]
        backend.decode([Span(0, position, (token,), True)], ())
        position += 1
    assert said.decode() == word
    sampler.close()


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(grammar="root ::= ("),
        Sampling(grammar="root ::= other"),
        Sampling(grammar="(" * 100_000),
        Sampling(grammar="root ::= " + "(" * 1000 + '"a"' + ")" * 1000),
        Sampling(temperature=-1.0),
        Sampling(temperature=float("nan")),
        Sampling(top_p=1.5),
        Sampling(top_k=-1),
        Sampling(repeat_penalty=0.0),
        Sampling(seed=-1),
    ],
)
def test_bad_sampling_is_refused(backend: Backend, sampling: Sampling) -> None:
    with pytest.raises(BadInput):
        backend.sampler(sampling)


def test_special_tokens_are_found_by_their_exact_text_and_never_in_plain_text(backend: Backend) -> None:
    end = backend.special("<|end|>")
    assert end in backend.info.end_tokens
    assert backend.piece(end) == (b"<|end|>", True)
    assert end not in backend.tokenize(" a<|end|>")
    for unknown in ("<|nothing|>", "", "<|end|> ", "<|end|><|end|>"):
        with pytest.raises(BundleError):
            backend.special(unknown)


@pytest.mark.parametrize("text", ["", " ", "é 😀", "\x00", "a\nb\tc", "\ud800", " <|end|>", "word " * 300])
def test_any_text_survives_the_way_through_tokens(backend: Backend, text: str) -> None:
    tokens = backend.tokenize(text)
    assert all(0 <= t < backend.info.vocab_size for t in tokens)
    assert b"".join(backend.piece(t)[0] for t in tokens) == text.encode("utf-8", "replace")


def test_adapter_a_then_b_then_a_gives_the_cold_answer_of_a(
    backend_and_adapters: tuple[Backend, Path, Path],
) -> None:
    backend, path_a, path_b = backend_and_adapters
    assert backend.load_adapter("a", path_a) > 0
    backend.load_adapter("b", path_b)
    a, b = (AdapterUse("a", 1.0),), (AdapterUse("b", 1.0),)
    tokens = tokens_of(backend, 60)
    wanted = cold(backend, tokens, a)
    assert cold(backend, tokens, b) != wanted
    assert cold(backend, tokens, a) == wanted
    base = cold(backend, tokens)
    assert base not in (wanted, cold(backend, tokens, b))
    assert cold(backend, tokens, (AdapterUse("a", 0.0),)) == base
    backend.unload_adapter("a")
    assert cold(backend, tokens) == base
    with pytest.raises(AdapterError):
        cold(backend, tokens, a)


def test_an_adapter_says_what_it_takes_and_what_invokes_it(
    backend_and_adapters: tuple[Backend, Path, Path],
) -> None:
    backend, path_a, _ = backend_and_adapters
    facts = backend.check_adapter(path_a)
    assert facts.invocation_tokens == () and backend.memory_bytes()["adapters"] == 0
    assert backend.load_adapter("a", path_a) == facts.num_bytes == backend.memory_bytes()["adapters"]


def test_an_adapter_that_is_switched_on_in_the_middle_leaves_what_was_before_to_all(
    backend_and_voices: tuple[Backend, Path, Path],
) -> None:
    """A/B/A, each on a fork of one prefix that was computed without any."""
    backend, path_a, path_b = backend_and_voices
    self_token = backend.special("<|self|>")
    for name, path in (("a", path_a), ("b", path_b)):
        assert backend.check_adapter(path).invocation_tokens == (self_token,)
        backend.load_adapter(name, path)
    sets = [(AdapterUse("a"),), (AdapterUse("b"),), (AdapterUse("a"),), ()]

    def answer(start: int, uses: tuple[AdapterUse, ...]) -> list[int]:
        backend.decode([Span(start, 60, (self_token,), True)], uses)
        drawn = greedy(backend, start, 61, 12, uses)
        backend.drop(start)
        return drawn

    wanted = []
    for uses in sets:
        feed(backend, 14, 0, tokens_of(backend, 60))
        wanted.append(answer(14, uses))
    assert len({tuple(w) for w in wanted}) == 3
    feed(backend, 0, 0, tokens_of(backend, 60))
    for _ in range(2):
        for uses, said in zip(sets, wanted, strict=True):
            backend.fork(0, 1)
            assert answer(1, uses) == said


def test_an_adapter_that_is_none_is_refused(
    backend_and_adapters: tuple[Backend, Path, Path], tmp_path: Path
) -> None:
    backend, path_a, _ = backend_and_adapters
    broken = tmp_path / "broken"
    broken.write_bytes(b"no adapter at all")
    for path in (broken, tmp_path / "absent"):
        with pytest.raises(AdapterError):
            backend.load_adapter("x", path)
        with pytest.raises(AdapterError):
            backend.check_adapter(path)
    backend.load_adapter("a", path_a)
    assert backend.memory_bytes()["adapters"] > 0
