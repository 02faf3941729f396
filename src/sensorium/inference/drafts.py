"""Drafts of prompts, made while somebody still speaks: kept for the turn to come, dropped when it is over.

Knows nothing of batches and of who speaks.
"""

from __future__ import annotations

import numpy as np

from sensorium.inference.backend import Backend
from sensorium.inference.jobs import Job
from sensorium.inference.prefix_cache import Parked, PrefixCache


class Drafts:
    """One for each persona: the newest."""

    def __init__(self, backend: Backend, prefix_cache: PrefixCache) -> None:
        self._backend = backend
        self._prefix_cache = prefix_cache
        self._newest: dict[str, Parked] = {}

    def keep(self, job: Job) -> float:
        """All of the draft is in memory and stays; how likely the model thinks that it ends here, 0 to 1."""
        assert job.sequence is not None
        kept = self._prefix_cache.park(job.prompt, job.prefix_key, job.num_prompt, job.sequence)
        if kept is not None:
            before = self._newest.get(job.request.persona_id)
            if before is not kept:
                self._prefix_cache.drop_draft(before)
            self._newest[job.request.persona_id] = kept
        logits = self._backend.logits(job.sequence).astype(np.float64)
        shares = np.exp(logits - logits.max())
        return float(shares[job.request.close] / shares.sum())

    def over(self, persona_id: str) -> None:
        """The turn that it was made for has ended."""
        self._prefix_cache.drop_draft(self._newest.pop(persona_id, None))
