"""`bench prefix`: what a turn costs when the same long prompts are asked again, in four variants at once.

Every turn goes through all variants before the next turn starts, in a rotating order, so that a busy machine
is unfair to all of them alike. Counts come from the engines; nothing is estimated.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from sensorium.bench import random_gguf
from sensorium.bench.llama_server import LlamaServer, ServerSettings
from sensorium.bench.our_worker import OurWorker, WorkerSettings
from sensorium.bench.prompts import NUM_WORDS, Load, evening
from sensorium.bench.variants import Cold, LlamaServerVariant, Ours, Sample, Variant
from sensorium.clock import SystemClock
from sensorium.errors import BadInput
from sensorium.inference.remote import Address, RemoteMind

REPLY_TOKENS = 8
BATCH_TOKENS = 512
MODEL_LAYERS, MODEL_WIDTH, MODEL_HEADS = 2, 64, 2
_CELL_STEP = 256

# How far it is: (done, of, what is being done).
Progress = Callable[[int, int, str], None]


class Setup(NamedTuple):
    """`server_slots` 0 gives a llama-server one slot for each persona. Cold turns are a sample: each computes
    its whole prompt."""

    load: Load = Load()
    server_slots: int = 0
    cold_turns: int = 3
    threads: int = 0

    @property
    def slots(self) -> int:
        return self.server_slots or self.load.personas

    @property
    def num_threads(self) -> int:
        return self.threads or min(2, len(os.sched_getaffinity(0)))

    def our_cells(self) -> int:
        """The shared head once, then what each persona has of its own, twice over while one is replaced."""
        load = self.load
        own = load.longest_prompt - load.shared_tokens
        return _stepped(load.shared_tokens + (load.personas + 1) * own + 1024)

    def our_sequences(self) -> int:
        """Identity and history parked, a settling fork of each, and its successor before the old one goes."""
        return 4 * self.load.personas + 8

    def slot_cells(self) -> int:
        return _stepped(self.load.longest_prompt + REPLY_TOKENS + _CELL_STEP)


class Result(NamedTuple):
    """The samples of one variant, in the order of turns, and its memory at the end."""

    name: str
    samples: list[Sample]
    rss_mb: float


def run(setup: Setup, progress: Progress) -> list[Result]:
    """Starts all variants, asks the whole evening, stops them.

    Raises BadInput for a load that cannot be, MissingExtra without gguf or xllamacpp.
    """
    check(setup)
    turns = list(evening(setup.load))
    cold_at = spread(len(turns), setup.cold_turns)
    total = len(turns) * 3 + len(cold_at)
    with started(setup, progress, total) as variants:
        samples: dict[str, list[Sample]] = {v.name: [] for v in variants}
        done = 0
        for turn in turns:
            asked = [v for v in _rotated(variants, turn.number) if v.name != "cold" or turn.number in cold_at]
            for variant in asked:
                progress(done, total, f"turn {turn.number + 1} of {len(turns)}, {variant.name}")
                samples[variant.name].append(variant.run(turn, REPLY_TOKENS))
                done += 1
        progress(done, total, "done")
        return [Result(v.name, samples[v.name], _rss_mb(v.pid)) for v in variants]


@contextmanager
def started(setup: Setup, progress: Progress, total: int) -> Iterator[Sequence[Variant]]:
    """Four processes on one random-weight model; all are gone afterwards, whatever happens."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sensorium-bench-")))
        progress(0, total, "making a model")
        bundle = random_bundle(folder, setup.load.longest_prompt + REPLY_TOKENS + 1)

        def worker(cells: int, sequences: int) -> OurWorker:
            settings = WorkerSettings(bundle, cells, sequences, setup.num_threads, BATCH_TOKENS)
            return stack.enter_context(OurWorker(settings))

        def server(name: str, *, pinned: bool) -> LlamaServerVariant:
            settings = ServerSettings(
                model=str(bundle / "mind.gguf"),
                slots=setup.slots,
                context_cells=setup.slots * setup.slot_cells(),
                threads=setup.num_threads,
                batch_tokens=BATCH_TOKENS,
                micro_batch_tokens=BATCH_TOKENS,
            )
            process = stack.enter_context(LlamaServer(settings))
            mind = RemoteMind(Address(url=process.url), SystemClock(), pinned=pinned)
            return LlamaServerVariant(name, mind, process.pid)

        progress(0, total, "starting four engines")
        yield (
            Ours(worker(setup.our_cells(), setup.our_sequences())),
            server("llama_server_pinned", pinned=True),
            server("llama_server_default", pinned=False),
            Cold(worker(setup.slot_cells(), 4)),
        )


def random_bundle(folder: Path, context_tokens: int) -> Path:
    """A bundle whose prefill takes seconds for a long prompt on two cores, and whose file is small."""
    random_gguf.write_bundle(
        folder,
        layers=MODEL_LAYERS,
        width=MODEL_WIDTH,
        heads=MODEL_HEADS,
        vocab_words=NUM_WORDS,
        context=_stepped(context_tokens),
    )
    toml = folder / "bundle.toml"
    lines = toml.read_text(encoding="utf-8").splitlines()
    lines = [f"context_tokens = {context_tokens}" if s.startswith("context_tokens") else s for s in lines]
    toml.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def check(setup: Setup) -> None:
    """Raises BadInput naming what does not fit together."""
    load = setup.load
    if not 1 <= load.personas <= 64 or not 2 <= load.turns <= 100:
        raise BadInput(
            f"{load.personas} personas and {load.turns} turns", remedy="1 to 64 personas, 2 to 100 turns"
        )
    if not 0 <= setup.server_slots <= 64:
        raise BadInput(f"{setup.server_slots} slots", remedy="choose 1 to 64")
    if not 0 < load.prompt_tokens <= 100_000:
        raise BadInput(f"{load.prompt_tokens} prompt tokens", remedy="choose up to 100000")
    own = load.prompt_tokens - load.shared_tokens
    least = (load.past_entries + 2 * load.personas) * load.entry_tokens + load.volatile_tokens + 1
    if load.shared_tokens < 2 or own < least:
        raise BadInput(
            f"of {load.prompt_tokens} prompt tokens {own} are a persona's own",
            remedy=f"leave at least {least} beside at least 2 shared ones",
        )


def spread(num_turns: int, num_chosen: int) -> set[int]:
    """`num_chosen` turns over the whole evening, the first and the last among them."""
    last = num_turns - 1
    chosen = max(2, min(num_chosen, num_turns))
    return {round(i * last / (chosen - 1)) for i in range(chosen)}


def _rotated(variants: Sequence[Variant], number: int) -> list[Variant]:
    at = number % len(variants)
    return [*variants[at:], *variants[:at]]


def _rss_mb(pid: int) -> float:
    return round(int(psutil.Process(pid).memory_info().rss) / 1e6, 1)


def _stepped(cells: int) -> int:
    return -(-cells // _CELL_STEP) * _CELL_STEP
