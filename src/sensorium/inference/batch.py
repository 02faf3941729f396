"""What one job contributes to a batch: its pending token, or the next piece of its prompt."""

from __future__ import annotations

from typing import NamedTuple

from sensorium.inference.backend import Span
from sensorium.inference.jobs import Job


class Slice(NamedTuple):
    job: Job
    num_tokens: int
    span: Span


def decode_slice(job: Job) -> Slice:
    assert job.sequence is not None and job.pending is not None
    return Slice(job, 1, Span(job.sequence, job.num_computed, (job.pending,), True))


def prefill_slice(job: Job, num_tokens: int) -> Slice:
    """The next `num_tokens` of the prompt; logits only where a reply begins."""
    assert job.sequence is not None
    end = job.num_computed + num_tokens
    tokens = job.prompt.ids[job.num_computed : end]
    wants_logits = not job.settles and end == job.num_prompt
    return Slice(job, num_tokens, Span(job.sequence, job.num_computed, tokens, wants_logits))
