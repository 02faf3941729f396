"""Whatever the order of requests, cancels and steps: each turn says what it says alone, nothing leaks."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.unit.inference.engine import CODES, SPEECH, Engine, TimedFake, some_rows, timed

from sensorium.clock import ManualClock
from sensorium.errors import ContextFull
from sensorium.inference.jobs import Failed, Finished, Settled
from sensorium.inference.scheduler import Limits
from sensorium.request import AdapterUse, Sampling

PERSONAS = ("maya", "leo", "ines", "otto")
ADAPTERS = (
    (), (AdapterUse("a"),), (AdapterUse("b", 0.5),), (AdapterUse("a"), AdapterUse("b")),
    (AdapterUse("voice"),), (AdapterUse("voice2", 0.5), AdapterUse("a")), (AdapterUse("speaker"),),
)  # fmt: skip


class Sounding(TimedFake):
    """Likes codes, the end of speech and new words, so that what it speaks has frames, words and an end."""

    def _logits_of(self, sequence: int) -> NDArray[np.float32]:
        logits = super()._logits_of(sequence).copy()
        liked = [*map(self.special, CODES), self.special("<|done|>"), *self.tokenize(" ")]
        logits[liked] += 2.0
        return logits


class Ask(NamedTuple):
    persona: int
    history: int
    new: str
    adapters: int
    max_tokens: int
    seed: int
    num_rows: int
    speech_tokens: int


class Settle(NamedTuple):
    persona: int
    history: int
    adapters: int


class Cancel(NamedTuple):
    which: int


class Steps(NamedTuple):
    count: int


small = st.integers(0, 3)
uses = st.integers(0, len(ADAPTERS) - 1)
asks = st.builds(Ask, small, st.integers(0, 4), st.sampled_from(["?", "hello", "x" * 30, ""]), uses,
                 st.integers(1, 12), st.integers(0, 2), st.sampled_from([0, 0, 1, 7]),
                 st.sampled_from([0, 0, 20]))  # fmt: skip
actions = st.one_of(
    asks, asks, st.builds(Settle, small, st.integers(0, 4), uses), st.builds(Cancel, st.integers(0, 20)),
    st.builds(Steps, st.integers(1, 12)),
)  # fmt: skip


def history(persona: int, length: int) -> list[str]:
    return [f"{i} said {PERSONAS[persona][: i + 1]}" for i in range(length)]


def ask(engine: Engine, wanted: Ask) -> int:
    sampling = Sampling(temperature=1.0, top_k=20, seed=wanted.seed) if wanted.seed else Sampling()
    if wanted.speech_tokens:
        sampling = Sampling(grammar='root ::= "so i"')
    return engine.ask(
        PERSONAS[wanted.persona],
        history(wanted.persona, wanted.history),
        wanted.new,
        adapters=ADAPTERS[wanted.adapters],
        max_tokens=wanted.max_tokens,
        sampling=sampling,
        rows=some_rows(wanted.num_rows, seed=wanted.seed) if wanted.num_rows else None,
        speech_tokens=wanted.speech_tokens,
    )


def with_adapters(engine: Engine, folder: Path) -> Engine:
    for name in ("a", "b", "voice", "voice2", "speaker"):
        engine.adapters.register(name, folder / name)
    return engine


Frames = list[tuple[int, tuple[int, ...]]]


def frames(engine: Engine, turn_id: int) -> Frames:
    return [(spoke.word, spoke.codes) for spoke in engine.spoke.get(turn_id, [])]


def alone(wanted: Ask, folder: Path) -> tuple[str, Frames]:
    clock = ManualClock()
    engine = with_adapters(Engine(Sounding(clock), clock, speech=SPEECH), folder)
    turn_id = ask(engine, wanted)
    engine.run()
    assert isinstance(engine.ended[turn_id], Finished)
    return engine.said.get(turn_id, ""), frames(engine, turn_id)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    todo=st.lists(actions, min_size=1, max_size=25),
    cells=st.integers(140, 900),
    sequences=st.integers(2, 9),
    batch_tokens=st.integers(4, 64),
)
def test_any_interleaving_gives_each_turn_what_it_says_alone(
    todo: list[Ask | Settle | Cancel | Steps],
    cells: int,
    sequences: int,
    batch_tokens: int,
    fake_adapters: tuple[Path, Path],
) -> None:
    folder = fake_adapters[0].parent
    clock = ManualClock()
    backend = Sounding(clock, cells=cells, sequences=sequences, max_batch_tokens=batch_tokens)
    limits = Limits(context_tokens=2048, batch_ms=10, urgent_ms=40, min_chunk_tokens=2)
    engine = with_adapters(Engine(backend, clock, limits, SPEECH), folder)
    turns: dict[int, Ask] = {}
    settles: set[int] = set()
    cancelled: set[int] = set()
    for action in todo:
        match action:
            case Ask():
                try:
                    turns[ask(engine, action)] = action
                except ContextFull:
                    assert cells < 200
            case Settle(persona, length, adapters):
                settles.add(engine.settle(PERSONAS[persona], history(persona, length), ADAPTERS[adapters]))
            case Cancel(which):
                if turns:
                    turn_id = sorted(turns)[which % len(turns)]
                    under_way = turn_id not in engine.ended
                    engine.scheduler.cancel(turn_id)
                    engine.step()
                    assert turn_id in engine.ended
                    if under_way:
                        cancelled.add(turn_id)
            case Steps(count):
                for _ in range(count):
                    engine.step()
    engine.run()

    for turn_id, wanted in turns.items():
        ended, said = engine.ended[turn_id], engine.said.get(turn_id, "")
        if isinstance(ended, Failed):
            assert isinstance(ended.error, ContextFull) and cells < 200
            continue
        assert isinstance(ended, Finished)
        if turn_id in cancelled:
            assert ended.reason == "cancelled"
            text, sound = alone(wanted, folder)
            begun = frames(engine, turn_id)
            assert text.startswith(said.rstrip("\ufffd")) and sound[: len(begun)] == begun
            continue
        assert (said, frames(engine, turn_id)) == alone(wanted, folder)
        assert ended.usage.cached_tokens + ended.usage.processed_tokens == ended.usage.prompt_tokens
        assert ended.usage.settled_tokens <= ended.usage.cached_tokens
    assert all(isinstance(engine.ended[s], Settled | Failed) for s in settles)

    # Every cell that is still held belongs to a parked prefix, the counts agree, and all of it can be freed.
    scheduler = engine.scheduler
    assert scheduler.sequences.num_cells_used == backend.num_cells_used <= cells
    scheduler.prefix_cache.clear()
    assert scheduler.sequences.num_cells_used == backend.num_cells_used == 0
    assert scheduler.sequences.num_free == sequences
    assert all(len(set(adapters)) <= 2 for _, adapters in backend.batches)


@settings(max_examples=25, deadline=None)
@given(order=st.lists(small, min_size=4, max_size=16), settle=st.booleans())
def test_after_a_first_turn_only_what_is_new_is_processed(order: list[int], settle: bool) -> None:
    engine, backend = timed()
    spoken: list[str] = []
    at_last_turn: dict[int, int] = {}
    for persona in order:
        turn_id = engine.ask(PERSONAS[persona], spoken, "what now")
        engine.run()
        usage = engine.usage(turn_id)
        if persona in at_last_turn:
            new = sum(len(s) + 1 for s in spoken[at_last_turn[persona] :])
            assert usage.processed_tokens == len("what now") + (0 if settle else new)
            assert usage.settled_tokens == (new if settle else 0)
        at_last_turn[persona] = len(spoken)
        spoken.append(f"{len(spoken)} was said")
        if settle:
            for other in at_last_turn:
                engine.settle(PERSONAS[other], spoken)
            engine.run()
    assert backend.num_cells_used == engine.scheduler.sequences.num_cells_used
