"""The four ways to answer the same prompts that `bench prefix` puts side by side.

Each is one process with the same weights, threads, KV type and batch size; they differ in what they reuse.
"""

from __future__ import annotations

import time
from typing import NamedTuple, Protocol

from sensorium.bench import random_gguf
from sensorium.bench.our_worker import OurWorker, Reply
from sensorium.bench.prompts import NUM_WORDS, Turn, tokenized
from sensorium.errors import WorkerFailed
from sensorium.inference.jobs import Began, Finished, Request, Said
from sensorium.inference.remote import RemoteMind
from sensorium.request import Block, Part, Prompt, Usage


class Sample(NamedTuple):
    """One measured turn. `settled_tokens` and `settle_ms` were spent after it, before anybody spoke again."""

    turn: Turn
    reply: Reply
    settled_tokens: int = 0
    settle_ms: float = 0.0


class Variant(Protocol):
    name: str
    pid: int

    def run(self, turn: Turn, max_tokens: int) -> Sample: ...


class Ours:
    """The house as it is: parked prefixes, and settling after every turn for all who have been asked."""

    name = "ours"

    def __init__(self, worker: OurWorker) -> None:
        self._worker = worker
        self.pid = worker.pid

    def run(self, turn: Turn, max_tokens: int) -> Sample:
        reply = self._worker.ask(turn.prompt, max_tokens)
        return Sample(turn, reply, *self._worker.settle(turn.settles))


class Cold:
    """The same engine on a prompt whose first word it has never seen, so that nothing matches."""

    name = "cold"

    def __init__(self, worker: OurWorker) -> None:
        self._worker = worker
        self.pid = worker.pid

    def run(self, turn: Turn, max_tokens: int) -> Sample:
        return Sample(turn, self._worker.ask(with_another_start(turn.prompt, turn.number), max_tokens))


class LlamaServerVariant:
    """A llama-server as it comes; `mind` decides whether slots are pinned."""

    def __init__(self, name: str, mind: RemoteMind, pid: int) -> None:
        self.name = name
        self.mind = mind
        self.pid = pid

    def run(self, turn: Turn, max_tokens: int) -> Sample:
        request = Request(turn.number, turn.persona_id, tokenized(turn.prompt), max_tokens)
        started_s = time.monotonic()
        text, usage, first_s = "", None, 0.0
        for event in self.mind.generate(request):
            if isinstance(event, Began):
                usage = event.usage
            elif isinstance(event, Said):
                first_s = first_s or time.monotonic()
                text += event.text
            elif isinstance(event, Finished):
                first_s = first_s or time.monotonic()
        return Sample(turn, Reply(text, _checked(usage, request), (first_s - started_s) * 1000.0))


def with_another_start(prompt: Prompt, number: int) -> Prompt:
    """The same number of tokens; the first two words spell `number`, so that no two starts are the same."""
    first, *rest = prompt.blocks
    vocabulary = random_gguf.words(NUM_WORDS)
    words = first.parts[0].text.split()
    words[:2] = vocabulary[number // NUM_WORDS % NUM_WORDS], vocabulary[number % NUM_WORDS]
    changed = Block(first.tier, first.scope, first.source, (Part(" " + " ".join(words)),))
    return Prompt(prompt.persona_id, (changed, *rest))


def _checked(usage: Usage | None, request: Request) -> Usage:
    if usage is None or usage.prompt_tokens != len(request.prompt.ids):
        raise WorkerFailed("llama-server counted other prompt tokens than were sent")
    return usage
