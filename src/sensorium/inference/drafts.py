"""Drafts of prompts, made while somebody still speaks: kept for the turn to come, dropped when it is over.

Knows nothing of batches and of who speaks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import SensoriumError
from sensorium.inference.backend import Backend, Span
from sensorium.inference.jobs import Job
from sensorium.inference.prefix_cache import Parked, PrefixCache
from sensorium.inference.sequence import Sequences


class Drafts:
    """One for each persona: the newest."""

    def __init__(self, backend: Backend, sequences: Sequences, prefix_cache: PrefixCache) -> None:
        self._backend = backend
        self._sequences = sequences
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
        return float(self._shares(job.sequence)[job.request.close])

    def ask(self, job: Job) -> tuple[float, ...]:
        """How likely, once the message is closed, the model goes on with each of the request's openings.

        A token at a time, which the decode threads compute, in forks of the draft that are dropped again.
        Empty when nothing is asked or there is no room for it.
        """
        openings = job.request.openings
        # What must stand there for its next token to be read off.
        stems = sorted({opening[:i] for opening in openings for i in range(len(opening))}, key=len)
        if job.sequence is None or not stems or self._sequences.num_cells_free < len(stems):
            return ()
        forks: dict[tuple[int, ...], int] = {}
        shares: dict[tuple[int, ...], NDArray[np.float64]] = {}
        try:
            for stem in stems:
                fork = self._sequences.fork(forks[stem[:-1]] if stem else job.sequence)
                if fork is None:
                    return ()
                forks[stem] = fork
                token = stem[-1] if stem else job.request.close
                span = Span(fork, job.num_computed + len(stem), (token,), True)
                self._backend.decode([span], job.adapters.uses)
                shares[stem] = self._shares(fork)
        except SensoriumError:
            return ()  # reading along is a favour: the turn itself meets the same error and reports it
        finally:
            for fork in forks.values():
                self._sequences.drop(fork)
        return tuple(
            float(np.prod([shares[opening[:i]][token] for i, token in enumerate(opening)]))
            for opening in openings
        )

    def _shares(self, sequence: int) -> NDArray[np.float64]:
        logits = self._backend.logits(sequence).astype(np.float64)
        shares = np.exp(logits - logits.max())
        return np.asarray(shares / shares.sum())

    def over(self, persona_id: str) -> None:
        """The turn that it was made for has ended."""
        self._prefix_cache.drop_draft(self._newest.pop(persona_id, None))
