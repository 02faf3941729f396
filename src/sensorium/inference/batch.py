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
    """The next `num_tokens` of the prompt, all tokens or all rows; logits only where a reply could begin."""
    assert job.sequence is not None
    begin, end = job.num_computed, job.num_computed + num_tokens
    wants_logits = end == job.num_prompt and (job.is_draft or not job.settles)
    row = job.prompt.row_at(begin)
    if row is None:
        span = Span(job.sequence, begin, job.prompt.ids[begin:end], wants_logits)
    else:
        assert job.request.rows is not None
        span = Span(job.sequence, begin, (), wants_logits, job.request.rows[row : row + num_tokens])
    return Slice(job, num_tokens, span)
