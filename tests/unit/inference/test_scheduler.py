from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from tests.unit.inference.engine import SPECIALS, Engine, timed

from sensorium.errors import BadInput, ContextFull, NotFound, WorkerFailed
from sensorium.inference.backend import Span
from sensorium.inference.fake import FakeBackend
from sensorium.inference.jobs import Began, Failed, Finished, Request, Said, Settled, Urgency
from sensorium.inference.scheduler import Limits
from sensorium.request import AdapterUse, Sampling

LONG = "a long story " * 60  # 780 tokens


def literal(text: str) -> Sampling:
    return Sampling(grammar=f'root ::= "{text}"')


def test_a_turn_begins_says_and_finishes() -> None:
    engine, _ = timed()
    turn_id = engine.ask("maya", sampling=literal("hello"), max_tokens=20)
    events = []
    while engine.scheduler.has_work:
        events += engine.step()
    assert [type(e) for e in events] == [Began, Said, Said, Said, Said, Said, Finished]
    began, finished = events[0], engine.ended[turn_id]
    assert isinstance(began, Began) and isinstance(finished, Finished)
    assert engine.said[turn_id] == "hello" and finished.reason == "end"
    assert began.usage.prompt_tokens == finished.usage.prompt_tokens == finished.usage.processed_tokens
    assert finished.usage.reply_tokens == 5


def test_a_reply_stops_at_its_length() -> None:
    engine, _ = timed()
    turn_id = engine.ask("maya", sampling=literal("hello"), max_tokens=3)
    engine.run()
    finished = engine.ended[turn_id]
    assert isinstance(finished, Finished)
    assert (engine.said[turn_id], finished.reason) == ("hel", "length")


def test_said_text_is_always_whole_characters() -> None:
    engine, _ = timed()
    turn_id = engine.ask("maya", sampling=literal("é😀"), max_tokens=20)
    texts = []
    while engine.scheduler.has_work:
        texts += [e.text for e in engine.step() if isinstance(e, Said)]
    assert texts == ["é", "😀"]
    cut = engine.ask("maya", sampling=literal("é😀"), max_tokens=3)
    engine.run()
    assert engine.said[turn_id] == "é😀" and engine.said[cut] == "é\ufffd"


def test_special_tokens_are_flagged() -> None:
    class Silent(FakeBackend):
        def sample(self, sequence: int, sampler: object) -> int:
            return 0 if self.logits(sequence) is not None else 1

    engine = Engine(Silent(SPECIALS))
    engine.ask("maya", max_tokens=1)
    said = []
    while engine.scheduler.has_work:
        said += [e for e in engine.step() if isinstance(e, Said)]
    assert said == [Said(1, "<|begin|>", True)]


def test_stages_cover_the_turn_in_order() -> None:
    engine, _ = timed()
    first = engine.ask("maya", new=LONG, max_tokens=4)
    engine.clock.advance(0.5)
    engine.run()
    finished = engine.ended[first]
    assert isinstance(finished, Finished)
    wait, prefill, reply = finished.stages
    assert [s[0] for s in finished.stages] == ["llm.wait", "llm.prefill", "llm.reply"]
    assert wait[2] - wait[1] == pytest.approx(0.5)
    assert wait[2] == prefill[1] and prefill[2] == reply[1] and reply[2] == engine.clock.now_s()
    assert prefill[2] - prefill[1] > 0.78


def test_speech_is_never_kept_waiting_longer_than_a_batch_may_take() -> None:
    limits = Limits(context_tokens=4096, batch_ms=30)
    engine, backend = timed(limits, fixed_ms=2.0, token_ms=0.5)
    engine.reply("leo", new="x" * 200)  # learns how long batches take
    speaker = engine.ask("maya", sampling=literal("s" * 60), max_tokens=80)
    while speaker not in engine.said:
        engine.step()
    for persona, urgency in (("leo", Urgency.SPEAKING), ("ines", Urgency.SETTLING)):
        engine.ask(persona, new=LONG, urgency=urgency)
    while speaker not in engine.ended:
        start_s = engine.clock.now_s()
        engine.step()
        assert engine.clock.now_s() - start_s <= 0.035
    assert max(len(spans) for spans, _ in backend.batches) > 1


def test_what_only_one_waits_for_may_fill_a_longer_batch() -> None:
    engine, backend = timed(Limits(context_tokens=4096, batch_ms=30, urgent_ms=300), token_ms=0.5)
    engine.reply("leo", new="x" * 200)
    engine.ask("maya", new="x" * 700)
    engine.run()
    assert max(len(s.tokens) for spans, _ in backend.batches for s in spans) == 512


def test_the_more_urgent_goes_first_and_is_not_delayed_by_the_rest() -> None:
    engine, backend = timed(Limits(context_tokens=4096))
    for i, urgency in enumerate(reversed(Urgency)):
        engine.ask(f"persona {i}", new="x" * 300, urgency=urgency, shared=f"{i}", max_tokens=1)
    engine.run()
    order = []
    for spans, _ in backend.batches:
        assert len(spans) == 1
        order.append(spans[0].sequence)
    # Sequence ids are given out in the order of admission: speaking is 0.
    firsts = sorted(set(order), key=order.index)
    assert [order.index(s) for s in firsts] == sorted(order.index(s) for s in firsts)
    finished = [engine.ended[i].turn_id for i in engine.ended]
    assert finished == [4, 3, 2, 1]


def test_settling_is_overtaken_by_a_turn() -> None:
    engine, _ = timed(Limits(context_tokens=4096))
    settle = engine.settle("leo", [LONG])
    engine.step()
    turn = engine.ask("maya", max_tokens=3)
    while turn not in engine.ended:
        engine.step()
    assert settle not in engine.ended
    engine.run()
    assert isinstance(engine.ended[settle], Settled)


def test_cancel_takes_effect_within_one_step() -> None:
    engine, backend = timed()
    turn, other = engine.ask("maya", new=LONG), engine.ask("leo", new=LONG)
    engine.step()
    engine.scheduler.cancel(turn)
    before = len(backend.batches)
    engine.step()
    assert isinstance(engine.ended[turn], Finished) and engine.ended[turn].reason == "cancelled"
    engine.scheduler.cancel(turn)
    engine.scheduler.cancel(999)
    engine.run()
    assert len(backend.batches) > before and isinstance(engine.ended[other], Finished)
    assert engine.scheduler.sequences.num_free == 32 - sum(
        engine.scheduler.prefix_cache.num_by_kind().values()
    )


def test_two_cold_turns_compute_what_they_share_once() -> None:
    engine, backend = timed()
    shared = "s" * 600
    turns = [engine.ask(p, shared=shared, max_tokens=1) for p in ("maya", "leo", "ines")]
    engine.run()
    assert [engine.usage(t).cached_tokens for t in turns] == [0, 601, 601]
    assert backend.num_decoded_tokens < 601 + 3 * 20


def test_a_turn_lends_its_urgency_to_the_settling_that_it_needs() -> None:
    engine, _ = timed()
    settle = engine.settle("maya", [LONG])
    engine.step()
    other = engine.settle("leo", [LONG])
    turn = engine.ask("maya", [LONG], max_tokens=1)
    while turn not in engine.ended:
        engine.step()
    assert settle in engine.ended and other not in engine.ended
    assert engine.usage(turn).processed_tokens == 1


def test_tiers_are_parked_and_history_replaces_what_it_continues() -> None:
    engine, _ = timed()
    history: list[str] = []
    for i in range(4):
        engine.reply("maya", history, "hello")
        history.append(f"entry {i}")
        engine.settle("maya", history)
        engine.run()
        assert engine.scheduler.prefix_cache.num_by_kind() == {
            "shared": 1,
            "persona": 1,
            "history": 1,
            "draft": 0,
        }


def test_adapters_are_grouped_and_none_starves(fake_adapters: tuple[Path, Path]) -> None:
    engine, backend = timed(Limits(context_tokens=2048, max_skips=4))
    for name, path in zip("ab", fake_adapters, strict=True):
        engine.adapters.register(name, path)
    sets = [(), (AdapterUse("a"),), (AdapterUse("b"),)]
    talkers = [
        engine.ask(f"p{i}", adapters=uses, sampling=literal("t" * 100), max_tokens=120)
        for i, uses in enumerate(sets)
    ]
    late = engine.ask("late", new=LONG, adapters=(AdapterUse("b"), AdapterUse("a", 0.5)))
    engine.run()
    assert all(isinstance(engine.ended[t], Finished) for t in (*talkers, late))
    used = [adapters for _, adapters in backend.batches]
    for uses in sets:
        turns = [i for i, adapters in enumerate(used) if adapters == uses]
        assert max(b - a for a, b in pairwise(turns)) <= 6
    started = next(i for i, adapters in enumerate(used) if len(adapters) == 2)
    assert started <= 12


def test_settling_waits_long_for_who_speaks_but_not_for_ever(fake_adapters: tuple[Path, Path]) -> None:
    engine, backend = timed(Limits(context_tokens=2048, max_skips=4, max_settling_skips=20))
    engine.adapters.register("a", fake_adapters[0])
    voice = (AdapterUse("a"),)
    talker = engine.ask("maya", adapters=voice, sampling=literal("t" * 100), max_tokens=120)
    engine.step()
    engine.settle("leo", [LONG])
    engine.run()
    assert isinstance(engine.ended[talker], Finished)
    settled = [i for i, (_, uses) in enumerate(backend.batches) if uses != tuple(voice)]
    assert settled[0] >= 20 and len(backend.batches) > 100
    assert any(i < 100 for i in settled)


def test_what_cannot_fit_is_refused_and_changes_nothing() -> None:
    engine, _ = timed(Limits(context_tokens=500))
    with pytest.raises(ContextFull):
        engine.ask("maya", new=LONG)
    with pytest.raises(ContextFull):
        engine.ask("maya", max_tokens=600)
    assert not engine.scheduler.has_work
    assert engine.reply("maya") == Engine(FakeBackend(SPECIALS)).reply("maya")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"adapters": (AdapterUse("nobody"),)}, NotFound),
        ({"sampling": Sampling(grammar="((")}, BadInput),
        ({"sampling": Sampling(temperature=-1)}, BadInput),
        ({"turn_id": 1}, BadInput),
    ],
)
def test_a_bad_request_is_refused_and_changes_nothing(
    change: dict[str, object], error: type[Exception]
) -> None:
    engine, _ = timed()
    running = engine.ask("maya")
    request = Request(2, "leo", engine.prompt("leo"), 8)
    with pytest.raises(error):
        engine.scheduler.submit(request._replace(**change))  # type: ignore[arg-type]
    engine.run()
    assert isinstance(engine.ended[running], Finished) and len(engine.ended) == 1


def test_an_empty_prompt_is_refused() -> None:
    engine, _ = timed()
    with pytest.raises(BadInput):
        engine.scheduler.submit(Request(1, "maya", engine.prompt("maya")._replace(ids=()), 8))


def test_a_turn_waits_until_there_is_room_for_all_that_it_may_say() -> None:
    engine, backend = timed(cells=1000)
    turns = [
        engine.ask(p, new="x" * 300, shared=p, sampling=literal("y" * 300), max_tokens=300)
        for p in ("maya", "leo")
    ]
    engine.run()
    assert all(isinstance(engine.ended[t], Finished) for t in turns)
    assert max(len(spans) for spans, _ in backend.batches) == 1


def test_who_waits_for_room_is_let_in_by_urgency() -> None:
    engine, _ = timed(cells=1000)
    running = engine.ask("maya", new="x" * 600, max_tokens=20)
    engine.step()
    settle = engine.settle("leo", ["x" * 600])
    engine.step()
    turn = engine.ask("ines", new="x" * 600, max_tokens=20)
    engine.run()
    assert list(engine.ended) == [running, turn, settle]


def test_settling_gives_its_room_to_a_turn() -> None:
    engine, _ = timed(cells=1000)
    settle = engine.settle("leo", ["x" * 600])
    engine.step()
    turn = engine.ask("ines", new="x" * 600, max_tokens=20)
    engine.step()
    assert isinstance(engine.ended[settle], Settled) and turn not in engine.ended
    engine.run()
    assert isinstance(engine.ended[turn], Finished)


def test_a_prompt_without_a_volatile_tier_may_be_asked_again() -> None:
    """Its whole length is parked; still the last token is decoded, because its logits begin the reply."""
    engine, _ = timed()
    said = engine.reply("maya", ["hello"], "")
    assert (
        engine.reply("maya", ["hello"], "")
        == said
        == Engine(FakeBackend(SPECIALS)).reply("maya", ["hello"], "")
    )


def test_more_personas_than_fit_still_answer_correctly() -> None:
    engine, _ = timed(cells=900, sequences=6)
    for _ in range(2):
        for persona in range(12):
            identity = f"persona {persona} " * 10
            assert engine.reply(identity, ["hello"]) == Engine(FakeBackend(SPECIALS)).reply(
                identity, ["hello"]
            )
    assert engine.scheduler.prefix_cache.counts["evictions"] > 10


def test_a_prefix_in_use_is_never_evicted() -> None:
    engine, _ = timed(cells=1000, sequences=6)
    engine.settle("maya", [LONG[:300]])
    engine.run()
    turn = engine.ask("maya", [LONG[:300]], sampling=literal("m" * 60), max_tokens=80)
    while turn not in engine.said:
        engine.step()
    for i in range(8):
        engine.settle(f"other {i}", [LONG[:200]])
    while turn not in engine.ended:
        engine.step()
    engine.run()
    again = engine.ask("maya", [LONG[:300]], sampling=literal("m" * 60), max_tokens=80)
    assert engine.said[turn] == "m" * 60
    engine.run()
    assert engine.said[again] == "m" * 60


class Breaking(FakeBackend):
    """Fails the batches that hold a marked token."""

    def decode(self, spans: Sequence[Span], adapters: Sequence[AdapterUse]) -> None:
        if any(self.tokenize("!")[0] in s.tokens for s in spans):
            raise WorkerFailed("llama_decode returned -3")
        super().decode(spans, adapters)


def test_an_error_ends_only_its_own_turn() -> None:
    backend = Breaking(SPECIALS)
    engine = Engine(backend)
    good = engine.ask("maya", sampling=literal("fine"), max_tokens=9)
    engine.step()
    bad = engine.ask("leo", new="!")
    engine.run()
    failed = engine.ended[bad]
    assert isinstance(failed, Failed) and isinstance(failed.error, WorkerFailed)
    assert isinstance(engine.ended[good], Finished | Failed)  # it may share the batch
    assert engine.reply("ines", sampling=literal("fine")) == "fine"
    engine.scheduler.prefix_cache.clear()
    assert backend.num_cells_used == 0


class Tight(FakeBackend):
    """Needs more cells than one for each token, as models with sliding windows do."""

    def decode(self, spans: Sequence[Span], adapters: Sequence[AdapterUse]) -> None:
        if self.num_cells_used + sum(s.num_tokens for s in spans) > 300:
            raise ContextFull("no KV cells are left")
        super().decode(spans, adapters)


def test_a_backend_that_is_full_too_early_gets_room_by_eviction() -> None:
    engine = Engine(Tight(SPECIALS))
    for persona in range(6):
        assert engine.reply(f"{persona}", ["x" * 100], sampling=literal("ok")) == "ok"
    turn = engine.ask("maya", new="x" * 400)
    engine.run()
    failed = engine.ended[turn]
    assert isinstance(failed, Failed) and isinstance(failed.error, ContextFull)
    assert engine.reply("maya", sampling=literal("ok")) == "ok"


def test_a_voice_acts_from_the_drawn_token_that_invokes_it(fake_adapters: tuple[Path, Path]) -> None:
    engine, backend = timed()
    engine.adapters.register("voice", fake_adapters[0].parent / "voice")
    uses = (AdapterUse("voice"),)
    turn = engine.ask("leo", adapters=uses, sampling=literal("go on"), max_tokens=20)
    engine.run()
    letters: dict[tuple[AdapterUse, ...], str] = dict.fromkeys((uses, ()), "")
    for spans, adapters in backend.batches:
        for span in spans:
            letters[adapters] += b"".join(backend.piece(t)[0] for t in span.tokens).decode()
    assert letters[()] == "<|begin|>rulesi am leo<|end|>?g" and letters[uses] == "o on"
    assert engine.usage(turn).adapted_tokens == 4 and engine.said[turn] == "go on"


def test_a_turn_waits_for_the_memory_of_another_ones_adapter(tmp_path: Path) -> None:
    engine, backend = timed()
    for name in "ab":
        path = tmp_path / name
        path.write_bytes(b"fake adapter" + name.encode() * (600 << 10))
        engine.adapters.register(name, path)
    turns = [
        engine.ask(name, adapters=(AdapterUse(name),), sampling=literal("done"), max_tokens=9)
        for name in "ab"
    ]
    engine.run()
    assert [engine.said[t] for t in turns] == ["done", "done"]
    used = [adapters for _, adapters in backend.batches]
    assert used == sorted(used, key=str)  # all of a, then all of b
    assert engine.adapters.states() == {"a": "registered", "b": "resident"}


def test_an_adapter_that_vanished_fails_its_turn_only(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"fake adapter")
    engine, _ = timed()
    engine.adapters.register("a", path)
    other = tmp_path / "b"
    other.write_bytes(b"fake adapter" + bytes((1 << 20) - 12))
    engine.adapters.register("b", other)
    assert engine.adapters.states() == {"a": "registered", "b": "resident"}
    path.unlink()
    turn = engine.ask("maya", adapters=(AdapterUse("a"),))
    engine.run()
    assert isinstance(engine.ended[turn], Failed)
    assert engine.reply("maya", sampling=literal("ok")) == "ok"
