"""The language model worker: prompts of many turns in, their replies out.

Dispatch only: what is computed next is decided in `inference/scheduler.py`. One thread computes, and handles
between two batches what the shell's reader thread has put into the mailbox.
"""

from __future__ import annotations

import logging
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from sensorium.budgets import Meter
from sensorium.bundles import catalogue, pronunciations
from sensorium.bundles.catalogue import Bundle
from sensorium.clock import Clock, SystemClock
from sensorium.errors import AdapterError, BadInput, NotFound, SensoriumError
from sensorium.inference import jobs, stats
from sensorium.inference.adapters import Adapters
from sensorium.inference.backend import Backend, Span
from sensorium.inference.jobs import Request, Urgency
from sensorium.inference.llama import KV_TYPES, LlamaBackend, LlamaConfig
from sensorium.inference.pace import TILE_TOKENS, Pace
from sensorium.inference.rows import read_rows
from sensorium.inference.sampling import just
from sensorium.inference.scheduler import Limits, Scheduler
from sensorium.inference.speaking import find_tokens
from sensorium.inference.tokenizer import Tokenizer
from sensorium.metrics import Counters
from sensorium.wire.records import (
    MAX_OPENINGS,
    AdapterLoaded,
    Began,
    Cancel,
    Codes,
    Draft,
    Drafted,
    Failed,
    Finished,
    Generate,
    Inspect,
    LoadAdapter,
    Record,
    Said,
    Settle,
    Settled,
    ToLlm,
)
from sensorium.workers import calls, shell

_FLASH = {"auto": None, "on": True, "off": False}
# An adapter is read, checked and loaded in one go; nano's take some milliseconds.
_LOADING_S = 30.0
_logger = logging.getLogger(__name__)


class LlmWorker:
    """Serves one front until it says `Stop`; then turns end, settling does not."""

    def __init__(
        self, front: shell.Shell, backend: Backend, tokenizer: Tokenizer, scheduler: Scheduler
    ) -> None:
        self._front = front
        self._backend = backend
        self._tokenizer = tokenizer
        self._scheduler = scheduler
        # Requests of no turn get numbers of their own, below those of turns.
        self._settling: dict[int, str] = {}
        self._drafting: dict[int, str] = {}
        self._last_settle_id = 0

    def serve(self) -> None:
        while not self._front.ended:
            # What came together is scheduled together.
            waiting = [] if self._scheduler.has_work else [self._front.take()]
            for message in (*waiting, *self._front.take_waiting()):
                if message is not None:
                    self._handle(*message)
            self._step()
        for request_id in (*self._settling, *self._drafting):
            self._scheduler.cancel(request_id)
        while self._scheduler.has_work:
            self._step()

    def _step(self) -> None:
        for event in self._scheduler.step():
            self._tell(event)

    def _handle(self, record: Record, payload: bytes) -> None:
        match record:
            case Generate(turn_id=turn_id):
                with self._front.failing(turn_id):
                    self._generate(record, payload)
            case Settle():
                self._settle(record)
            case Draft():
                self._draft(record, payload)
            case Cancel(turn_id=turn_id):
                self._scheduler.cancel(turn_id)
            case LoadAdapter():
                self._load_adapter(record)
            case Inspect():
                self._front.answer(record, stats.values(self._scheduler, self._backend))

    def _generate(self, record: Generate, payload: bytes) -> None:
        rows = read_rows(record.prompt, payload, self._backend.info.embedding_width)
        sampling, max_tokens = record.sampling, max(1, record.max_tokens)
        if record.words:
            given = self._tokenizer.words(record.words)
            # One more, so that the reply ends by itself and not for its length.
            sampling, max_tokens = just(given), len(given) + 1
        self._scheduler.submit(
            Request(
                turn_id=record.turn_id,
                persona_id=record.prompt.persona_id,
                prompt=self._tokenizer.prompt(record.prompt),
                max_tokens=max_tokens,
                sampling=sampling,
                adapters=record.adapters,
                rows=rows,
                speech_tokens=record.speech_tokens,
            )
        )

    def _settle(self, record: Settle) -> None:
        self._last_settle_id -= 1
        persona_id = record.prompt.persona_id
        try:
            prompt = self._tokenizer.prompt(record.prompt.stable())
            self._scheduler.submit(
                Request(
                    turn_id=self._last_settle_id,
                    persona_id=persona_id,
                    prompt=prompt,
                    adapters=record.adapters,
                    urgency=Urgency.SETTLING,
                )
            )
            self._settling[self._last_settle_id] = persona_id
        except SensoriumError as e:
            self._not_settled(persona_id, e)

    def _draft(self, record: Draft, payload: bytes) -> None:
        self._last_settle_id -= 1
        persona_id = record.prompt.persona_id
        try:
            rows = read_rows(record.prompt, payload, self._backend.info.embedding_width)
            if len(record.openings) > MAX_OPENINGS:
                raise BadInput(f"{len(record.openings)} openings; at most {MAX_OPENINGS}")
            self._scheduler.submit(
                Request(
                    turn_id=self._last_settle_id,
                    persona_id=persona_id,
                    prompt=self._tokenizer.prompt(record.prompt),
                    adapters=record.adapters,
                    urgency=Urgency.HEARING,
                    rows=rows,
                    close=self._backend.special(record.close),
                    openings=tuple(map(self._tokenizer.opening, record.openings)),
                )
            )
            self._drafting[self._last_settle_id] = persona_id
        except SensoriumError as e:
            self._not_drafted(persona_id, e)

    def _not_drafted(self, persona_id: str, error: SensoriumError) -> None:
        # As with settling: the turn itself meets the same error and reports it.
        _logger.warning("no draft for %s: %s", persona_id, error.one_line())
        self._front.send(Drafted(persona_id, 0, 0.0))

    def _not_settled(self, persona_id: str, error: SensoriumError) -> None:
        # Settling is a favour: the turn that would have profited meets the same error and reports it.
        _logger.warning("%s was not settled: %s", persona_id, error.one_line())
        self._front.send(Settled(persona_id, 0))

    def _load_adapter(self, record: LoadAdapter) -> None:
        try:
            with self._front.computing(_LOADING_S):
                num_bytes = self._scheduler.adapters.register(record.adapter_id, Path(record.path))
        except (AdapterError, NotFound) as e:
            self._front.send(AdapterLoaded(record.adapter_id, 0, e.code, e.message, e.remedy))
        else:
            self._front.send(AdapterLoaded(record.adapter_id, num_bytes))

    def _tell(self, event: jobs.Event) -> None:
        match event:
            case jobs.Said(turn_id, text, special):
                self._front.send(Said(turn_id, text, special))
            case jobs.Spoke(turn_id, word, codes):
                self._front.send(Codes(turn_id, word), np.array(codes, "<i2").tobytes())
            case jobs.Began(turn_id, usage, block_tokens):
                self._front.send(Began(turn_id, usage, block_tokens))
            case jobs.Finished(turn_id, reason, usage, stages):
                self._front.send(Finished(turn_id, reason, usage, stages))
            case jobs.Settled(draft_id, persona_id, num, p_close, p_openings) if draft_id in self._drafting:
                del self._drafting[draft_id]
                self._front.send(Drafted(persona_id, num, p_close, p_openings))
            case jobs.Settled(settle_id, persona_id, processed_tokens):
                del self._settling[settle_id]
                self._front.send(Settled(persona_id, processed_tokens))
            case jobs.Failed(turn_id, error):
                if (persona := self._settling.pop(turn_id, None)) is not None:
                    self._not_settled(persona, error)
                elif (persona := self._drafting.pop(turn_id, None)) is not None:
                    self._not_drafted(persona, error)
                else:
                    self._front.send(Failed(turn_id, error.code, error.message, error.remedy))


def warm_up(backend: Backend, pace: Pace, clock: Clock, *, reads_rows: bool) -> None:
    """The first batches allocate, of tokens and of rows; better now than in somebody's turn. Teaches how long
    batches take."""
    if reads_rows:
        backend.decode([Span(0, 0, (), True, np.zeros((1, backend.info.embedding_width), np.float32))], ())
        backend.drop(0)
    for _ in range(2):
        for num_tokens in (1, min(TILE_TOKENS, backend.info.max_batch_tokens)):
            started_s = clock.now_s()
            backend.decode([Span(0, 0, [0] * num_tokens, True)], ())
            pace.observed(num_tokens, (clock.now_s() - started_s) * 1000.0)
            backend.drop(0)


def facts(bundle: Bundle, backend: Backend) -> dict[str, Any]:
    """What `Ready` tells the front."""
    return {
        "bundle": bundle.name,
        "model": backend.info.name,
        "fingerprint": backend.info.fingerprint,
        "sequences": backend.info.max_sequences,
        "cells": backend.info.context_cells,
        "context_tokens": bundle.context_tokens,
        "recurrent": backend.info.recurrent,
        "embedding_width": backend.info.embedding_width,
        "prompt": bundle.prompt,
        "capabilities": {
            name: getattr(bundle.capabilities, name) for name in bundle.capabilities.__struct_fields__
        },
        "speech": msgspec.to_builtins(bundle.speech),
    }


def serve(
    front: shell.Shell,
    bundle: Bundle,
    config: LlamaConfig,
    adapter_bytes: int,
    limits: Limits,
    clock: Clock,
    stress: calls.Stress = calls.NO_STRESS,
) -> None:
    started_s = clock.now_s()
    mind, sha256 = bundle.file("mind"), bundle.files["mind"].sha256
    reads_rows = bundle.capabilities.audio_in or bundle.capabilities.image_in
    with closing(LlamaBackend(mind, config, sha256=sha256)) as backend:
        calls.Calls(Meter("llm", Counters()), clock, stress).watch(backend, "decode")
        tokenizer = Tokenizer(backend, word_space=bundle.prompt.get("text_form") == "spoken")
        speech = find_tokens(bundle.speech, backend, pronunciations.of(bundle)) if bundle.speech else None
        scheduler = Scheduler(backend, Adapters(backend, adapter_bytes), clock, limits, speech)
        warm_up(backend, scheduler.pace, clock, reads_rows=reads_rows)
        with front.at_work():
            front.ready("llm", clock.now_s() - started_s, facts(bundle, backend))
            LlmWorker(front, backend, tokenizer, scheduler).serve()


def main() -> int:
    parser = shell.argument_parser("llm")
    parser.add_argument("--bundle", default="nano", help="name of a shipped bundle, or a bundle's folder")
    parser.add_argument("--kv-cells", type=int, default=16384, help="KV memory in tokens, for all sequences")
    parser.add_argument("--max-sequences", type=int, default=64, help="parked prefixes and running turns")
    parser.add_argument("--threads", type=int, default=0, help="of prefill; 0: one for each core")
    parser.add_argument(
        "--decode-threads", type=int, default=0, help="0: one for a small model, else as above"
    )
    parser.add_argument("--batch-tokens", type=int, default=512, help="most tokens of one batch")
    parser.add_argument(
        "--batch-ms", type=float, default=30.0, help="how long a batch may delay another turn"
    )
    parser.add_argument("--kv-type", choices=sorted(KV_TYPES), default="f16")
    parser.add_argument(
        "--flash-attention", choices=sorted(_FLASH), default="auto", help="auto: by --kv-cells"
    )
    parser.add_argument("--gpu-layers", type=int, default=-1, help="-1: all, where there is a GPU")
    parser.add_argument("--adapter-mb", type=int, default=512, help="memory for adapters")
    args = parser.parse_args()
    config = LlamaConfig(
        cells=args.kv_cells,
        sequences=args.max_sequences,
        batch_tokens=args.batch_tokens,
        decode_threads=args.decode_threads,
        batch_threads=args.threads,
        kv_type=args.kv_type,
        flash_attention=_FLASH[args.flash_attention],
        gpu_layers=args.gpu_layers,
    )

    def start(front: shell.Shell) -> None:
        bundle = catalogue.find(args.bundle)
        limits = Limits(context_tokens=bundle.context_tokens, batch_ms=args.batch_ms)
        stress = calls.Stress(args.stress, args.stress_s)
        serve(front, bundle, config, args.adapter_mb << 20, limits, SystemClock(), stress)

    return shell.run(args.fd, ToLlm, start, args.rings)


if __name__ == "__main__":
    sys.exit(main())
