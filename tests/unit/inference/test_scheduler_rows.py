"""What was heard enters a prompt as embedding rows: in their place, in batches of their own, none starves."""

from __future__ import annotations

import gguf
import numpy as np
import pytest
from tests.unit.inference.conftest import CONFIG, Models
from tests.unit.inference.engine import SPECIALS, Engine, Rows, TimedFake, some_rows, timed

from sensorium.bench.random_gguf import words
from sensorium.errors import BadInput
from sensorium.inference.fake import FakeBackend, FakeSampler
from sensorium.inference.jobs import Finished
from sensorium.inference.llama import LlamaBackend
from sensorium.inference.scheduler import Limits
from sensorium.inference.tokenizer import ROW
from sensorium.request import Sampling


def of_rows(backend: TimedFake) -> list[bool]:
    """Of each batch: does it hold embedding rows?"""
    return [spans[0].embeddings is not None for spans, _ in backend.batches]


def test_rows_are_computed_in_their_place_and_counted_as_tokens() -> None:
    rows = some_rows(10)
    engine, backend = timed(max_batch_tokens=4)
    turn = engine.ask("maya", ["hello"], rows=rows, max_tokens=1)
    engine.run()
    prompt = engine.prompt("maya", ["hello"], rows=rows)
    fed: list[Rows] = []
    for spans, _ in backend.batches:
        assert len(spans) == 1
        if spans[0].embeddings is None:
            assert list(spans[0].tokens) == list(prompt.ids[spans[0].position :][: len(spans[0].tokens)])
        else:
            assert prompt.row_at(spans[0].position) == sum(map(len, fed))
            fed.append(spans[0].embeddings)
    assert np.array_equal(np.concatenate(fed), rows)
    assert engine.usage(turn).prompt_tokens == engine.usage(turn).processed_tokens == len(prompt.ids)


def test_a_reply_depends_on_every_row_and_on_where_they_stand() -> None:
    rows = some_rows(6)
    changed = rows.copy()
    changed[5, 7] += 1e-3
    engine = Engine(FakeBackend(SPECIALS))
    replies = [engine.reply("maya", rows=r) for r in (rows, changed, rows[::-1].copy(), rows[:5], rows)]
    assert replies[0] == replies[4] and len(set(replies)) == 4


def test_other_rows_behind_the_same_history_find_it_in_memory() -> None:
    engine, _ = timed()
    engine.reply("maya", ["hello"], rows=some_rows(5, 1))
    turn = engine.ask("maya", ["hello"], rows=some_rows(7, 2))
    engine.run()
    usage = engine.usage(turn)
    assert usage.cached_tokens == engine.prompt("maya", ["hello"]).history
    assert usage.processed_tokens == 1 + 7 + 1 + 1


def test_rows_of_two_turns_share_a_batch() -> None:
    engine, backend = timed()
    for persona in ("maya", "leo"):
        engine.settle(persona, [])
    engine.run()
    backend.batches.clear()
    for i, persona in enumerate(("maya", "leo")):
        engine.ask(persona, rows=some_rows(5, i), max_tokens=1)
    engine.run()
    assert of_rows(backend) == [False, True, False]
    assert all(len(spans) == 2 for spans, _ in backend.batches)


def test_who_speaks_and_who_hears_wait_for_each_other_for_a_few_batches_only() -> None:
    engine, backend = timed(Limits(context_tokens=4096, max_skips=4, batch_ms=30), token_ms=0.5)
    speaker = engine.ask("leo", sampling=Sampling(grammar=f'root ::= "{"s" * 300}"'), max_tokens=320)
    while len(engine.said.get(speaker, "")) < 10:
        engine.step()
    hearer = engine.ask("maya", rows=some_rows(400), max_tokens=1)
    begin = len(backend.batches)
    while hearer not in engine.ended:
        start_s = engine.clock.now_s()
        engine.step()
        assert engine.clock.now_s() - start_s <= 0.035
    assert isinstance(engine.ended[hearer], Finished) and speaker not in engine.ended
    kinds = of_rows(backend)[begin:]
    batches_of_rows = [i for i, is_row in enumerate(kinds) if is_row]
    assert len(batches_of_rows) > 3  # bounded in time, so several
    waits = np.diff(batches_of_rows)
    assert waits.min() >= 2 and waits.max() <= 5


@pytest.mark.parametrize(
    ("in_prompt", "given"),
    [
        (some_rows(3), None),
        (None, some_rows(3)),
        (some_rows(3), some_rows(2)),
        (some_rows(3), some_rows(3, width=9)),
        (some_rows(3), some_rows(3).astype(np.float64)),
        (some_rows(3), np.full((3, 8), np.nan, np.float32)),
        (some_rows(3), np.zeros(3, np.float32)),
    ],
)
def test_rows_that_are_not_the_prompts_are_refused_and_change_nothing(
    in_prompt: Rows | None, given: Rows | None
) -> None:
    engine, _ = timed()
    prompt = engine.prompt("maya", rows=in_prompt)
    with pytest.raises(BadInput):
        engine.ask_prompt(prompt, rows=given)
    assert not engine.scheduler.has_work


def test_a_penalty_is_not_shown_what_is_no_token() -> None:
    class Kept(FakeBackend):
        def sampler(self, sampling: Sampling) -> FakeSampler:
            self.last = super().sampler(sampling)
            return self.last

    backend = Kept(SPECIALS)
    engine = Engine(backend)
    engine.ask("maya", rows=some_rows(20), sampling=Sampling(repeat_penalty=1.5, repeat_last_n=30))
    assert backend.last.recent and ROW not in backend.last.recent
    engine.run()


def test_a_real_model_reads_rows_as_the_tokens_that_they_are_and_beside_a_turn_of_tokens(
    models: Models,
) -> None:
    """Given a word's own embedding in the place of the word, then the reply is the word's."""
    backend = LlamaBackend(models.dense, CONFIG._replace(kv_type="f32"))
    tensors = {t.name: t.data for t in gguf.GGUFReader(models.dense).tensors}
    heard = backend.tokenize(" " + " ".join(words(12)))
    rows = np.array(tensors["token_embd.weight"], np.float32)[heard]
    engine = Engine(backend)

    def asked(rows: Rows | None, new: str) -> int:
        return engine.ask("maya", new=new, rows=rows, max_tokens=12)

    with_rows, other = asked(rows, "?"), asked(None, " what")
    engine.run()
    alone = asked(None, " what")
    engine.run()
    assert engine.said[other] == engine.said[alone]
    prompt = engine.prompt("maya", new="?", rows=rows)
    ids = list(prompt.ids)
    ids[prompt.row_runs[0].start : prompt.row_runs[0].end] = heard
    in_tokens = engine.ask_prompt(prompt._replace(ids=ids, row_runs=()), max_tokens=12)
    engine.run()
    assert engine.said[with_rows] == engine.said[in_tokens]
    backend.close()
