"""A scheduler over a backend with a clock that moves only when the backend computes, and prompts for it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sensorium.clock import ManualClock
from sensorium.inference.adapters import Adapters
from sensorium.inference.backend import Backend, Span
from sensorium.inference.fake import EMBEDDINGS, FakeBackend
from sensorium.inference.jobs import Event, Failed, Finished, Request, Said, Settled, Spoke, Urgency
from sensorium.inference.scheduler import Limits, Scheduler
from sensorium.inference.speaking import SpeechTokens, find_tokens
from sensorium.inference.tokenizer import TokenizedPrompt, Tokenizer
from sensorium.request import AdapterUse, Block, Part, Prompt, Sampling, Scope, SpeechFormat, Tier, Usage

CODES = tuple(f"<|code_{i}|>" for i in range(8))
PHONEMES = tuple(f"<|phoneme_{i}|>" for i in range(3))
SPECIALS = ("<|begin|>", "<|end|>", "<|speak|>", "<|done|>", *CODES, *PHONEMES)
SPEECH = SpeechFormat(open="<|speak|>", close="<|done|>", first_code=CODES[0], groups=2, codes_per_group=4)
GREEDY = Sampling()
Rows = NDArray[np.float32]


def rows_part(rows: Rows) -> Part:
    return Part(hashlib.sha256(rows.astype("<f4").tobytes()).hexdigest(), rows=len(rows))


def some_rows(count: int, seed: int = 1, width: int = EMBEDDINGS.shape[1]) -> Rows:
    return np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32)


class TimedFake(FakeBackend):
    """Takes `fixed_ms` for a batch and `token_ms` for each of its tokens; remembers what it was given."""

    def __init__(
        self,
        clock: ManualClock,
        *,
        cells: int = 4096,
        sequences: int = 32,
        max_batch_tokens: int = 512,
        fixed_ms: float = 1.0,
        token_ms: float = 1.0,
    ) -> None:
        super().__init__(SPECIALS, cells=cells, sequences=sequences, max_batch_tokens=max_batch_tokens)
        self._clock = clock
        self.fixed_ms = fixed_ms
        self.token_ms = token_ms
        self.batches: list[tuple[list[Span], tuple[AdapterUse, ...]]] = []

    def decode(self, spans: Sequence[Span], adapters: Sequence[AdapterUse]) -> None:
        super().decode(spans, adapters)
        self.batches.append((list(spans), tuple(adapters)))
        self._clock.advance((self.fixed_ms + self.token_ms * sum(s.num_tokens for s in spans)) / 1000)


class Engine:
    """Drives a scheduler and sorts its events by turn. `speech` None: a mind that only writes."""

    def __init__(
        self,
        backend: Backend,
        clock: ManualClock | None = None,
        limits: Limits | None = None,
        speech: SpeechFormat | None = None,
    ) -> None:
        self.backend = backend
        self.clock = clock or ManualClock()
        self.adapters = Adapters(backend, 1 << 20)
        self.speech: SpeechTokens | None = find_tokens(speech, backend) if speech else None
        self.scheduler = Scheduler(
            backend, self.adapters, self.clock, limits or Limits(context_tokens=2048), self.speech
        )
        self.tokenizer = Tokenizer(backend)
        self.said: dict[int, str] = {}
        self.spoke: dict[int, list[Spoke]] = {}
        self.ended: dict[int, Finished | Settled | Failed] = {}
        self._next_id = 0

    def prompt(
        self,
        persona: str,
        history: Sequence[str] = (),
        new: str = "?",
        shared: str = "rules",
        ends_with: str = "",
        rows: Rows | None = None,
    ) -> TokenizedPrompt:
        blocks = [
            Block(Tier.INVARIANT, Scope.SHARED, "rules", (Part("<|begin|>", True), Part(shared))),
            Block(
                Tier.INVARIANT, Scope.PERSONA, "identity", (Part(f"i am {persona}"), Part("<|end|>", True))
            ),
            *(
                Block(Tier.SEMI_STABLE, Scope.SHARED, "conversation", (Part(h), Part("<|end|>", True)))
                for h in history
            ),
        ]
        if rows is not None:
            blocks.append(
                Block(Tier.VOLATILE, Scope.PERSONA, "heard", (Part("("), rows_part(rows), Part(")")))
            )
        if new:
            last = (Part(ends_with, True),) if ends_with else ()
            blocks.append(Block(Tier.VOLATILE, Scope.PERSONA, "new", (Part(new), *last)))
        return self.tokenizer.prompt(Prompt(persona, tuple(blocks)))

    def ask(
        self,
        persona: str,
        history: Sequence[str] = (),
        new: str = "?",
        *,
        adapters: tuple[AdapterUse, ...] = (),
        max_tokens: int = 8,
        urgency: Urgency = Urgency.SPEAKING,
        sampling: Sampling = GREEDY,
        shared: str = "rules",
        rows: Rows | None = None,
        speech_tokens: int = 0,
    ) -> int:
        prompt = self.prompt(persona, history, new, shared, rows=rows)
        return self.ask_prompt(
            prompt,
            persona,
            adapters=adapters,
            max_tokens=max_tokens,
            urgency=urgency,
            sampling=sampling,
            rows=rows,
            speech_tokens=speech_tokens,
        )

    def ask_prompt(
        self,
        prompt: TokenizedPrompt,
        persona: str = "maya",
        *,
        adapters: tuple[AdapterUse, ...] = (),
        max_tokens: int = 8,
        urgency: Urgency = Urgency.SPEAKING,
        sampling: Sampling = GREEDY,
        rows: Rows | None = None,
        speech_tokens: int = 0,
    ) -> int:
        self._next_id += 1
        self.scheduler.submit(
            Request(
                self._next_id, persona, prompt, max_tokens, sampling, adapters, urgency, rows, speech_tokens
            )
        )
        return self._next_id

    def settle(
        self,
        persona: str,
        history: Sequence[str],
        adapters: tuple[AdapterUse, ...] = (),
        shared: str = "rules",
    ) -> int:
        return self.ask(
            persona, history, "", adapters=adapters, max_tokens=0, urgency=Urgency.SETTLING, shared=shared
        )

    def step(self) -> list[Event]:
        events = self.scheduler.step()
        for event in events:
            if isinstance(event, Said):
                self.said[event.turn_id] = self.said.get(event.turn_id, "") + event.text
            elif isinstance(event, Spoke):
                self.spoke.setdefault(event.turn_id, []).append(event)
            elif isinstance(event, Finished | Settled | Failed):
                assert event.turn_id not in self.ended
                self.ended[event.turn_id] = event
        return events

    def run(self) -> None:
        for _ in range(10_000):
            if not self.scheduler.has_work:
                return
            self.step()
        raise AssertionError("the work does not come to an end")

    def reply(self, persona: str, history: Sequence[str] = (), new: str = "?", **more: object) -> str:
        turn_id = self.ask(persona, history, new, **more)  # type: ignore[arg-type]
        self.run()
        assert isinstance(self.ended[turn_id], Finished), self.ended[turn_id]
        return self.said.get(turn_id, "")

    def usage(self, turn_id: int) -> Usage:
        finished = self.ended[turn_id]
        assert isinstance(finished, Finished), finished
        return finished.usage


def timed(
    limits: Limits | None = None, *, speech: SpeechFormat | None = None, **fake: float
) -> tuple[Engine, TimedFake]:
    clock = ManualClock()
    backend = TimedFake(clock, **fake)  # type: ignore[arg-type]
    return Engine(backend, clock, limits, speech), backend
