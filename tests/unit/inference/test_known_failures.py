"""What is known to break prefix reuse in practice (DESIGN 5, numbers 5 to 8), each shown not to happen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.unit.inference.conftest import CONFIG, Models
from tests.unit.inference.engine import Engine, timed

from sensorium.bench.random_gguf import words
from sensorium.inference.backend import Backend
from sensorium.inference.llama import LlamaBackend, LlamaConfig
from sensorium.inference.scheduler import Limits
from sensorium.request import AdapterUse, Sampling, Usage

RULES = " ".join(words(40))
IDENTITIES = [" ".join(words(200)[40 + 10 * i : 52 + 10 * i]) for i in range(9)]


def history(length: int) -> list[str]:
    return [" ".join(words(200)[3 * i : 3 * i + 8]) for i in range(length)]


def test_5_one_persona_more_than_there_are_sequences_does_not_evict_somebody_every_turn() -> None:
    """Slots are fixed seats; here only what a turn really needs is dropped, the shared head never."""
    personas = [f"persona {i} " * 5 for i in range(9)]
    engine, _ = timed(Limits(context_tokens=2048), sequences=9)
    shared = "s" * 1000
    for round_number in range(4):
        for persona in personas:
            turn = engine.ask(persona, ["hello"] * round_number, "what now", shared=shared, max_tokens=2)
            engine.run()
            usage = engine.usage(turn)
            if round_number or persona != personas[0]:
                assert usage.cached_tokens >= 1001
                assert usage.processed_tokens <= 120
    # With an id for each prefix, nothing but the new words is ever processed.
    roomy, _ = timed(Limits(context_tokens=2048), sequences=9 * 2 + 3)
    for round_number in range(3):
        for persona in personas:
            turn = roomy.ask(persona, [], "what now", shared=shared, max_tokens=2)
            roomy.run()
            assert not round_number or roomy.usage(turn).processed_tokens == len("what now")
    assert roomy.scheduler.prefix_cache.counts["evictions"] == 0


def test_6_the_context_size_is_what_was_configured_on_every_start(models: Models) -> None:
    sizes = set()
    for _ in range(2):
        backend = LlamaBackend(models.dense, CONFIG)
        hog = LlamaBackend(models.dense, CONFIG._replace(cells=65536))
        sizes.add((backend.info.context_cells, backend.info.max_sequences, backend.info.fingerprint))
        assert hog.info.context_cells == 65536
        hog.close()
        backend.close()
    assert len(sizes) == 1
    assert sizes.pop()[:2] == (CONFIG.cells, CONFIG.sequences)
    f32 = LlamaBackend(models.dense, CONFIG._replace(kv_type="f32"))
    other = LlamaBackend(models.other, CONFIG)
    assert len({backend.info.fingerprint, f32.info.fingerprint, other.info.fingerprint}) == 3
    f32.close()
    other.close()


def test_7_kv_computed_under_one_adapter_is_never_used_under_another(
    backend_and_adapters: tuple[Backend, Path, Path],
) -> None:
    """Adapter A, then B, then A again on one prefix, interleaved with none: always the cold answer."""
    backend, path_a, path_b = backend_and_adapters
    sets: list[tuple[AdapterUse, ...]] = [
        (AdapterUse("a"),), (AdapterUse("b"),), (AdapterUse("a"),), (), (AdapterUse("a", 0.5),),
        (AdapterUse("b"), AdapterUse("a")), (AdapterUse("a"), AdapterUse("b")), (AdapterUse("a"),), (),
    ]  # fmt: skip

    def engine() -> Engine:
        made = Engine(backend, limits=Limits(context_tokens=1024))
        made.adapters.register("a", path_a)
        made.adapters.register("b", path_b)
        return made

    def cold(uses: tuple[AdapterUse, ...]) -> str:
        fresh = engine()
        said = fresh.reply(IDENTITIES[0], history(3), words(5)[4], adapters=uses, shared=RULES)
        fresh.scheduler.prefix_cache.clear()
        return said

    wanted = [cold(uses) for uses in sets]
    assert len(set(wanted)) >= 4
    warm = engine()
    for _ in range(2):
        for uses, answer in zip(sets, wanted, strict=True):
            assert warm.reply(IDENTITIES[0], history(3), words(5)[4], adapters=uses, shared=RULES) == answer
    hits = warm.scheduler.totals["cached_tokens"]
    assert hits > 0.5 * warm.scheduler.totals["prompt_tokens"]
    warm.scheduler.prefix_cache.clear()


def test_7_a_voice_swap_on_a_shared_prefix_processes_nothing_of_it_again(
    backend_and_voices: tuple[Backend, Path, Path],
) -> None:
    """Activated adapters: A, B, A and none share what stands before the invocation, and answer as cold."""
    backend, path_a, path_b = backend_and_voices
    sets: list[tuple[AdapterUse, ...]] = [
        (AdapterUse("a"),), (AdapterUse("b"),), (AdapterUse("a"),), (), (AdapterUse("a", 0.5),), (),
    ]  # fmt: skip
    stable = history(3)

    def engine() -> Engine:
        made = Engine(backend, limits=Limits(context_tokens=1024))
        made.adapters.register("a", path_a)
        made.adapters.register("b", path_b)
        return made

    def ask(on: Engine, uses: tuple[AdapterUse, ...], persona: str = IDENTITIES[0]) -> tuple[str, Usage]:
        prompt = on.prompt(persona, stable, words(5)[4], RULES, ends_with="<|self|>")
        turn = on.ask_prompt(prompt, adapters=uses, max_tokens=12)
        on.run()
        return on.said.get(turn, ""), on.usage(turn)

    wanted = []
    for uses in sets:
        fresh = engine()
        wanted.append(ask(fresh, uses)[0])
        fresh.scheduler.prefix_cache.clear()
    assert wanted[0] == wanted[2] and len(set(wanted)) >= 4

    warm = engine()
    num_new = len(backend.tokenize(words(5)[4])) + 1
    _, usage = ask(warm, sets[1])  # what a voice has read first is there for all
    assert usage.cached_tokens == 0 and usage.processed_tokens == usage.prompt_tokens
    for uses, answer in zip(sets, wanted, strict=True):
        said, usage = ask(warm, uses)
        assert said == answer
        assert usage.processed_tokens == num_new, "the prefix is the base model's, whoever speaks"
        # From <|self|> on: that token and the reply, but for a last token that nothing follows.
        num_computed = 1 + min(usage.reply_tokens, 11)
        assert usage.adapted_tokens == (num_computed if uses else 0)
    # Another persona with a voice shares the rules, as one without does.
    assert ask(warm, sets[1], IDENTITIES[1])[1].cached_tokens == warm.prompt("x", shared=RULES).shared
    assert set(warm.adapters.states().values()) == {"resident"}
    warm.scheduler.prefix_cache.clear()


def test_7_before_the_invocation_the_logits_are_the_base_models_to_the_bit(models: Models) -> None:
    """The token before <|self|> is drawn under a voice from the logits that it is drawn from without."""
    seen: dict[str, list[NDArray[np.float32]]] = {}
    for name in ("none", "a"):
        backend = LlamaBackend(models.dense, CONFIG)
        engine = Engine(backend, limits=Limits(context_tokens=1024))
        engine.adapters.register("a", models.voice_a)
        rows = seen[name] = []
        draw = backend.sample
        backend.sample = lambda s, p, b=backend, d=draw, r=rows: r.append(b.logits(s)) or d(s, p)  # type: ignore
        uses = (AdapterUse("a"),) if name == "a" else ()
        grammar = f'root ::= "{words(9)[3]}" " {words(9)[4]}"'
        engine.ask(IDENTITIES[0], history(3), words(5)[4], adapters=uses, shared=RULES,
                   sampling=Sampling(grammar=grammar), max_tokens=40)  # fmt: skip
        engine.run()
        backend.close()
    assert len(seen["none"]) > 2
    assert all(np.array_equal(x, y) for x, y in zip(seen["none"], seen["a"], strict=True))


@pytest.mark.parametrize("model", ["dense", "hybrid"])
def test_8_a_state_that_cannot_be_trimmed_is_kept_at_exactly_the_tier_ends(
    models: Models, model: str
) -> None:
    """Six personas interleaved for several rounds, settled in between, on a hybrid model: as from cold."""
    config = LlamaConfig(cells=4096, sequences=24, batch_tokens=128, decode_threads=1, batch_threads=1)
    backend = LlamaBackend(getattr(models, model), config)
    assert backend.info.recurrent == (model == "hybrid")
    engine = Engine(backend, limits=Limits(context_tokens=1024))
    cold_backend = LlamaBackend(getattr(models, model), config)
    for round_number in range(3):
        for identity in IDENTITIES[:6]:
            spoken = history(round_number + 1)
            said = engine.reply(identity, spoken, words(9)[8], shared=RULES)
            cold = Engine(cold_backend, limits=Limits(context_tokens=1024))
            assert said == cold.reply(identity, spoken, words(9)[8], shared=RULES)
            cold.scheduler.prefix_cache.clear()
            engine.settle(identity, history(round_number + 2), shared=RULES)
            engine.run()
    turn = engine.ask(IDENTITIES[2], history(4), words(9)[8], shared=RULES)
    engine.run()
    assert engine.usage(turn).processed_tokens == len(backend.tokenize(words(9)[8]))
    backend.close()
    cold_backend.close()
