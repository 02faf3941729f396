"""When a waiting job may start: it gets a sequence forked from the deepest parked prefix, if everything it
may still decode will fit beside what already runs. Knows nothing of batches.
"""

from __future__ import annotations

from collections.abc import Sequence

from sensorium.errors import ContextFull
from sensorium.inference.adapters import Adapters
from sensorium.inference.jobs import Job
from sensorium.inference.prefix_cache import Parked, PrefixCache
from sensorium.inference.sequence import Sequences


class Admission:
    def __init__(self, sequences: Sequences, prefix_cache: PrefixCache, adapters: Adapters) -> None:
        self._sequences = sequences
        self._prefix_cache = prefix_cache
        self._adapters = adapters

    def neighbour(self, job: Job, active: Sequence[Job]) -> Job | None:
        """A running job that is just computing a prefix which `job` needs, and will park it."""
        longest = self._match(job)
        num_matched = longest.num_tokens if longest else 0
        wanted = {m.digest for m in job.prompt.marks if num_matched < m.num_tokens < _below(job)}
        for other in active:
            if other.prefix_key == job.prefix_key and any(
                m.digest in wanted
                for m in other.prompt.marks
                if m.num_tokens in other.prompt.tier_ends and m.num_tokens > other.num_computed
            ):
                return other
        return None

    def start(self, job: Job, active: Sequence[Job], now_s: float) -> bool:
        """Gives `job` its sequence and adapters. False: not before another one ends.

        Raises ContextFull when it can never fit, and what `Adapters.ensure_resident` raises; the caller then
        forgets the job.
        """
        if active and not self._adapters.fit(job.held_adapters):
            return False
        parent = self._match(job)
        if not self._fits(job, parent, active):
            return _later(active, "its prompt and reply do not fit into the KV memory")
        if parent:
            self._prefix_cache.hold(parent)
            job.parent = parent
        if self._sequences.num_free == 0 and not self._prefix_cache.evict_one():
            if parent:
                job.parent = None
                self._prefix_cache.release(parent)
            return _later(active, "every sequence is in use")
        job.sequence = self._sequences.fork(parent.sequence) if parent else self._sequences.create()
        job.num_computed = job.num_cached = parent.num_tokens if parent else 0
        job.admitted_s = now_s
        self._adapters.ensure_resident(job.held_adapters)
        job.holds_adapters = True
        return True

    def _match(self, job: Job) -> Parked | None:
        return self._prefix_cache.match(job.prompt, job.prefix_key, _below(job))

    def _fits(self, job: Job, parent: Parked | None, active: Sequence[Job]) -> bool:
        """Parked prefixes do not count: they can be dropped, except where a running job shares them."""
        held = {j.sequence for j in active if j.sequence is not None}
        to_come = sum(j.num_cells_to_come for j in active) + job.num_cells_to_come
        if parent:
            held.add(parent.sequence)
            to_come -= parent.num_tokens
        return self._sequences.num_cells_of(held) + to_come <= self._sequences.num_cells_total


def _below(job: Job) -> int:
    # The last token of a turn's prompt is always decoded: its logits begin the reply, or say that it may.
    return job.num_prompt + 1 if job.settles and not job.is_draft else job.num_prompt


def _later(active: Sequence[Job], reason: str) -> bool:
    if active:
        return False
    raise ContextFull(reason, remedy="configure more cells or sequences")
