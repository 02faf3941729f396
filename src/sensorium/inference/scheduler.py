"""Decides what the backend computes next: schedule -> run -> postprocess, one batch per `step`.

Pure decisions over a `Backend` with the clock passed in; one thread calls it. Decode comes first, then
prefill of the most urgent class; a batch is bounded in time; one adapter set per batch, and tokens or
embedding rows. Features are objects that it asks (`PrefixCache`, `Adapters`, `Pace`, `Drawing`). Knows
nothing of sockets, threads and text.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from sensorium.clock import Clock
from sensorium.errors import BadInput, ContextFull, SensoriumError
from sensorium.inference.adapters import Adapters
from sensorium.inference.admission import Admission
from sensorium.inference.backend import Backend
from sensorium.inference.batch import Slice, decode_slice, prefill_slice
from sensorium.inference.drafts import Drafts
from sensorium.inference.drawing import Drawing
from sensorium.inference.jobs import Event, Failed, Finished, Job, Request, Settled, Urgency
from sensorium.inference.pace import TILE_TOKENS, Pace
from sensorium.inference.prefix_cache import AdapterKey, PrefixCache
from sensorium.inference.sequence import Sequences
from sensorium.inference.speaking import SpeechTokens
from sensorium.inference.tokenizer import ROW
from sensorium.metrics import Window


class Limits(NamedTuple):
    """`context_tokens` bounds prompt and reply of one turn.

    `batch_ms` is how long a batch may take that delays somebody's next token, and the aim for one that could
    delay a turn to come; `urgent_ms` when it holds only what somebody waits for. A group waits at most
    `max_skips` batches, `max_settling_skips` when nobody waits for any of it.
    """

    context_tokens: int
    batch_ms: float = 30.0
    urgent_ms: float = 200.0
    min_chunk_tokens: int = 8
    max_skips: int = 4
    max_settling_skips: int = 64


# Jobs that may share a batch: one set of adapters, and embedding rows or tokens.
Group = tuple[AdapterKey, bool]


class Scheduler:
    """`speech` None: no reply is spoken."""

    def __init__(
        self,
        backend: Backend,
        adapters: Adapters,
        clock: Clock,
        limits: Limits,
        speech: SpeechTokens | None = None,
    ) -> None:
        self._backend = backend
        self._clock = clock
        self._limits = limits
        self._waiting: list[Job] = []
        self._active: list[Job] = []
        self._events: list[Event] = []
        self._skipped: Counter[Group] = Counter()
        self._settled: Counter[str] = Counter()
        self.adapters = adapters
        self.sequences = Sequences(backend)
        self.prefix_cache = PrefixCache(backend.info.fingerprint, self.sequences)
        self._admission = Admission(self.sequences, self.prefix_cache, adapters)
        self._drawing = Drawing(backend, clock, speech)
        self._drafts = Drafts(backend, self.sequences, self.prefix_cache)
        self.pace = Pace()
        self.totals: Counter[str] = Counter()
        self.batch_ms = Window()
        self.decode_ms = Window()

    @property
    def has_work(self) -> bool:
        return bool(self._waiting or self._active or self._events)

    def submit(self, request: Request) -> None:
        """Takes a request. Raises BadInput, NotFound or ContextFull; then nothing has changed."""
        ids = request.prompt.ids
        if any(j.turn_id == request.turn_id for j in (*self._waiting, *self._active)):
            raise BadInput(f"turn {request.turn_id} is already under way")
        if not len(ids):
            raise BadInput("the prompt is empty")
        request.check_senses(self._backend.info.embedding_width, speaks=self._drawing.speaks)
        num_tokens = len(ids) + request.max_reply
        if num_tokens > min(self._limits.context_tokens, self.sequences.num_cells_total):
            raise ContextFull(
                f"prompt and reply take {num_tokens} tokens, the context has {self._limits.context_tokens}",
                remedy="shorten the conversation or configure a larger context",
            )
        activation = self.adapters.activation(request.adapters, request.prompt)
        job = Job(request, activation, self._clock.now_s(), request.urgency)
        if not job.settles:
            job.sampler = self._backend.sampler(request.sampling)
            if request.sampling.repeat_penalty != 1.0 and request.sampling.repeat_last_n > 0:
                for token in ids[-request.sampling.repeat_last_n :]:
                    if token != ROW:
                        job.sampler.accept(token)
        self._waiting.append(job)

    def cancel(self, turn_id: int) -> None:
        """Ends a turn now; its event comes with the next `step`. An unknown turn is over already."""
        for job in (*self._waiting, *self._active):
            if job.turn_id == turn_id:
                self._end(job, "cancelled")

    def step(self) -> list[Event]:
        """Computes at most one batch and returns what happened."""
        self._admit()
        batch = self._schedule()
        if batch and self._run(batch):
            self._postprocess(batch)
        events, self._events = self._events, []
        return events

    # -- schedule ------------------------------------------------------------------------------------------

    def _admit(self) -> None:
        self._waiting.sort(key=lambda j: j.urgency)
        for job in list(self._waiting):
            neighbour = self._admission.neighbour(job, self._active)
            if neighbour:
                neighbour.urgency = min(neighbour.urgency, job.urgency)
                continue
            try:
                while not (started := self._admission.start(job, self._active, self._clock.now_s())):
                    if not self._give_way(job):
                        break
            except SensoriumError as e:
                self._fail(job, e)
                continue
            if not started:
                break
            self._waiting.remove(job)
            self._active.append(job)
            if not job.settles:
                job.num_settled = self._settled.pop(job.request.persona_id, 0)
            elif not job.num_prompt_left:
                self._end(job, "end")

    def _give_way(self, to: Job) -> bool:
        """Ends the youngest settling job that is less urgent; what it has parked stays."""
        settling = [j for j in self._active if j.settles and j.urgency > to.urgency]
        if settling:
            self._end(settling[-1], "cancelled")
        return bool(settling)

    def _schedule(self) -> list[Slice]:
        group = self._next_group()
        decodes = [decode_slice(j) for j in group if j.pending is not None]
        prefills = sorted((j for j in group if j.pending is None), key=lambda j: j.urgency)
        batch = decodes + self._prefill_slices(prefills, len(decodes))
        num_tokens = sum(s.num_tokens for s in batch)
        while self.sequences.num_cells_free < num_tokens and self.prefix_cache.evict_one():
            pass
        return batch

    def _next_group(self) -> list[Job]:
        """The jobs of one group: that with the most urgent job, or one that was skipped too often."""
        groups: dict[Group, list[Job]] = {}
        for job in self._active:
            groups.setdefault((job.adapters.key, job.reads_rows), []).append(job)
        if not groups:
            return []

        def rank(key: Group) -> tuple[bool, int, int]:
            skipped, limits = self._skipped[key], self._limits
            urgency = min(-1 if j.pending is not None else j.urgency for j in groups[key])
            at_most = limits.max_settling_skips if urgency == Urgency.SETTLING else limits.max_skips
            return (skipped < at_most, urgency, -skipped)

        chosen = min(groups, key=rank)
        self._skipped = Counter({key: self._skipped[key] + 1 for key in groups if key != chosen})
        return groups[chosen]

    def _prefill_slices(self, jobs: list[Job], num_decodes: int) -> list[Slice]:
        """Chunks of the most urgent class; less urgent ones would only delay its batch."""
        if not jobs:
            return []
        limits, at_most = self._limits, self._backend.info.max_batch_tokens - num_decodes
        jobs = [j for j in jobs if j.urgency is jobs[0].urgency]
        # Whoever decodes waits for this batch, in another group too.
        delays = any(j.pending is not None for j in self._active)
        urgent = not delays and jobs[0].urgency is Urgency.SPEAKING
        left = self.pace.tokens_within(
            limits.urgent_ms if urgent else limits.batch_ms,
            limits.batch_ms if delays else limits.urgent_ms,
            limits.min_chunk_tokens,
            at_most,
        )
        wanted = sum(j.next_stop() - j.num_computed for j in jobs)
        if urgent and left < wanted < left + TILE_TOKENS:
            left = min(wanted, at_most)  # a part of a tile, left for a batch of its own, costs a whole one
        slices = []
        for job in jobs:
            num_tokens = min(left, job.next_stop() - job.num_computed)
            if num_tokens > 0:
                slices.append(prefill_slice(job, num_tokens))
                left -= num_tokens
        return slices

    # -- run -----------------------------------------------------------------------------------------------

    def _run(self, batch: list[Slice]) -> bool:
        start_s = self._clock.now_s()
        try:
            self._backend.decode([s.span for s in batch], batch[0].job.adapters.uses)
        except ContextFull as e:
            # The backend may need more room than one cell per token (sliding windows): make some, try again.
            if not self.prefix_cache.evict_one():
                self._fail(batch[-1].job, e)
            return False
        except SensoriumError as e:
            for piece in batch:
                self._fail(piece.job, e)
            return False
        ms = (self._clock.now_s() - start_s) * 1000.0
        num_tokens = sum(s.num_tokens for s in batch)
        self.pace.observed(num_tokens, ms)
        self.batch_ms.add(ms)
        if num_tokens == 1:
            self.decode_ms.add(ms)
        return True

    # -- postprocess ---------------------------------------------------------------------------------------

    def _postprocess(self, batch: list[Slice]) -> None:
        for job, num_tokens, span in batch:
            self.sequences.extended(span.sequence, num_tokens)
            job.num_adapted += num_tokens if job.adapters.uses else 0
            job.num_computed += num_tokens
            if job.pending is None:
                job.num_processed += num_tokens
                self.totals["settled_tokens" if job.settles else "processed_tokens"] += num_tokens
                if job.num_computed in job.prompt.tier_ends:
                    self.prefix_cache.park(job.prompt, job.prefix_key, job.num_computed, span.sequence)
            job.pending = None
        settled = [job for job, _, _ in batch if job.settles and not job.num_prompt_left]
        for job in settled:
            job.p_close = self._drafts.keep(job) if job.is_draft else 0.0
        for job, _, span in batch:
            if job.settles:
                continue
            if span.wants_logits:
                try:
                    reason = self._drawing.draw(job, self._events)
                except SensoriumError as e:
                    self._fail(job, e)
                else:
                    if reason:
                        self._end(job, reason)
        for job in settled:
            # Asking computes: the logits of this batch are gone after it.
            job.p_openings = self._drafts.ask(job)
            self._end(job, "end")

    def _end(self, job: Job, reason: str) -> None:
        persona_id = job.request.persona_id
        if job.settles:
            self._settled[persona_id] += job.num_processed
            asked = (job.p_close, job.p_openings)
            self._events.append(Settled(job.turn_id, persona_id, job.num_processed, *asked))
        else:
            self._drawing.flush(job, self._events)
            stages = job.stages(self._clock.now_s())
            self._events.append(Finished(job.turn_id, reason, job.usage(), stages))
            self.totals.update(
                turns=1,
                prompt_tokens=job.num_prompt,
                cached_tokens=job.num_cached,
                reply_tokens=job.num_drawn,
                speech_tokens=job.speaking.num_tokens if job.speaking else 0,
                adapted_tokens=job.num_adapted,
            )
        self._forget(job)
        if not job.settles:
            self._drafts.over(persona_id)

    def _fail(self, job: Job, error: SensoriumError) -> None:
        self._events.append(Failed(job.turn_id, error))
        self._forget(job)

    def _forget(self, job: Job) -> None:
        (self._waiting if job in self._waiting else self._active).remove(job)
        if job.holds_adapters:
            self.adapters.release(job.held_adapters)
        if job.parent is not None:
            self.prefix_cache.release(job.parent)
        if job.sequence is not None:
            self.sequences.drop(job.sequence)
        if job.sampler is not None:
            job.sampler.close()
