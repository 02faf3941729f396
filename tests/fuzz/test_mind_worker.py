"""Any request to the language model's worker, on a real tiny model: it is answered or refused, and the next
turn is as ever."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.fuzz.examples import fuzz
from tests.fuzz.records import floats, integers, of_type, texts
from tests.unit.workers.conftest import Front
from tests.unit.workers.test_llm import prompt, serving

from sensorium.bench import random_gguf
from sensorium.request import AdapterUse, Part, Sampling
from sensorium.wire.records import Cancel, Failed, Finished, Generate, Inspect, LoadAdapter, Settle, Stats

fresh_ids = itertools.count(1)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_gguf.write_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def mind(connect, bundle: Path) -> Iterator[Front]:
    with serving(connect, bundle) as front:
        front.receive()  # Ready
        yield front


parts = st.builds(Part, text=texts | st.sampled_from(["<|end|>", "<|self|>", "hello"]), special=st.booleans(),
                  rows=st.sampled_from([0, 0, 0, 0, 1, -1, 2**40]))  # fmt: skip
samplings = st.builds(
    Sampling, **dict.fromkeys(("temperature", "top_p", "min_p"), floats | integers),
    top_k=integers, seed=integers,
)  # fmt: skip


@st.composite
def prompts(draw):
    """A plain prompt whose blocks were changed, left out or put in another order."""
    plain = prompt("maya")
    blocks = [
        replace(block, parts=tuple(draw(st.lists(parts, max_size=4)))) if draw(st.booleans()) else block
        for block in draw(st.permutations(plain.blocks) | st.just(plain.blocks))
    ]
    return replace(plain, blocks=tuple(blocks[draw(st.integers(0, 1)) :]))


adapters = st.lists(st.builds(AdapterUse, adapter_id=st.sampled_from(["none", ""]), scale=floats), max_size=2)
requests = st.one_of(
    st.builds(
        Generate,
        turn_id=st.integers(1, 3) | integers,
        prompt=prompts(),
        sampling=samplings | st.just(Sampling()),
        max_tokens=st.integers(-1, 8),
        adapters=adapters.map(tuple),
        speech_tokens=st.sampled_from([0, 0, -1, 5, 2**62]),
    ),
    st.builds(Settle, prompt=prompts(), adapters=adapters.map(tuple)),
    of_type(Cancel),
    st.builds(
        LoadAdapter, adapter_id=texts, path=texts | st.sampled_from(["/dev/zero", "/", "x" * 5_000, "\0"])
    ),
)


@fuzz
@given(st.lists(st.tuples(requests, st.binary(max_size=8) | st.just(bytes(256))), max_size=5))
def test_the_mind(mind: Front, messages):
    for record, payload in messages:
        mind.send(record, payload=payload)
    mind.send(Inspect(0))
    mind.until(Stats)
    turn_id = (1 << 40) + next(fresh_ids)
    mind.send(Generate(turn_id, prompt("hugo"), Sampling(), 2))
    ended = next(
        r for r, _ in iter(mind.receive, None) if isinstance(r, Finished | Failed) and r.turn_id == turn_id
    )
    assert isinstance(ended, Finished), ended
