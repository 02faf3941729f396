"""A backend of pure arithmetic that keeps every rule of the real one.

Its "logits" depend on every byte of every token's embedding row, on every position and on the adapters under
which each row was computed, so wrong reuse shows as a different reply. For tests and for trying the house
without a model. Each byte of text is one token.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import AdapterError, BadInput, BundleError, ContextFull, WorkerFailed
from sensorium.inference import sampling as chains
from sensorium.inference.backend import AdapterFacts, ModelInfo, Sampler, Span, hold_embeddings
from sensorium.request import AdapterUse, Sampling, adapter_key

NUM_SPECIALS = 64
VOCAB_SIZE = NUM_SPECIALS + 256
END = 1
EMBEDDINGS = np.random.default_rng(0).standard_normal((VOCAB_SIZE, 8)).astype(np.float32)


class FakeSampler:
    """Greedy, or drawn with the seed; `grammar` "root ::= "words"" allows exactly that text, "root ::= <[8]>
    <[9]>" these tokens."""

    def __init__(self, sampling: Sampling) -> None:
        self.steps = chains.chain(sampling)
        self.random = random.Random(sampling.seed)
        self.recent: list[int] = []
        self.forced: list[int] | None = None

    def accept(self, token: int) -> None:
        self.recent.append(token)

    def close(self) -> None:
        self.recent.clear()


class FakeBackend:
    def __init__(
        self,
        specials: Sequence[str] = ("<|begin|>", "<|end|>"),
        *,
        cells: int = 4096,
        sequences: int = 32,
        max_batch_tokens: int = 512,
    ) -> None:
        if len(specials) > NUM_SPECIALS:
            raise BundleError(f"the fake has room for {NUM_SPECIALS} special tokens")
        self.info = ModelInfo(
            name="fake",
            fingerprint="fake",
            vocab_size=VOCAB_SIZE,
            context_cells=cells,
            max_sequences=sequences,
            train_context_tokens=1 << 20,
            end_tokens=frozenset({END}),
            recurrent=False,
            embedding_width=EMBEDDINGS.shape[1],
            max_batch_tokens=max_batch_tokens,
        )
        self._specials = {text: i for i, text in enumerate(specials)}
        self._names = {i: text for text, i in self._specials.items()}
        # One (digest, cell) per token; a cell is shared when a fork shares it.
        self._sequences: dict[int, list[tuple[bytes, int]]] = {}
        self._next_cell = 0
        self._logits: dict[int, NDArray[np.float32]] = {}
        self._adapters: dict[str, int] = {}
        self.num_decoded_tokens = 0

    def tokenize(self, text: str) -> list[int]:
        return [NUM_SPECIALS + b for b in text.encode("utf-8", "replace")]

    def special(self, text: str) -> int:
        if text not in self._specials:
            raise BundleError(f"the model has no special token {text!r}")
        return self._specials[text]

    def piece(self, token: int) -> tuple[bytes, bool]:
        if token < NUM_SPECIALS:
            return self._names.get(token, f"<|{token}|>").encode(), True
        return bytes([token - NUM_SPECIALS]), False

    def decode(self, spans: Sequence[Span], adapters: Sequence[AdapterUse]) -> None:
        num_tokens = sum(s.num_tokens for s in spans)
        if not 0 < num_tokens <= self.info.max_batch_tokens:
            raise WorkerFailed(f"a batch of {num_tokens} tokens")
        hold_embeddings(spans, self.info.embedding_width)
        for span in spans:
            self._check(span)
        if self.num_cells_used + num_tokens > self.info.context_cells:
            raise ContextFull("no cells are left")
        key = adapter_key(adapters)
        for adapter_id, _ in key:
            if adapter_id not in self._adapters:
                raise AdapterError(f"adapter {adapter_id!r} is not loaded")
        self._logits.clear()
        for span in spans:
            self._append(span, repr(key).encode())
        self.num_decoded_tokens += num_tokens

    def sample(self, sequence: int, sampler: Sampler) -> int:
        assert isinstance(sampler, FakeSampler)
        logits = self._logits_of(sequence)
        token = self._draw(logits, sampler)
        sampler.recent.append(token)
        return token

    def logits(self, sequence: int) -> NDArray[np.float32]:
        return self._logits_of(sequence).copy()

    def sampler(self, sampling: Sampling) -> FakeSampler:
        sampler = FakeSampler(sampling)
        if sampling.grammar:
            sampler.forced = self._forced(sampling.grammar)
        return sampler

    def _forced(self, grammar: str) -> list[int]:
        if literal := re.fullmatch(r'\s*root\s*::=\s*"([^"\\]*)"\s*', grammar):
            return self.tokenize(literal[1])
        if re.fullmatch(r"root ::=( <\[\d+\]>)+", grammar):
            return [int(token) for token in re.findall(r"\d+", grammar)]
        raise BadInput("the grammar does not parse")

    def fork(self, source: int, target: int) -> None:
        if self._sequences.get(target):
            raise WorkerFailed(f"sequence {target} is not empty")
        self._sequences[target] = list(self._sequences.get(source, []))

    def drop(self, sequence: int) -> None:
        self._sequences.pop(sequence, None)
        self._logits.pop(sequence, None)

    def check_adapter(self, path: Path) -> AdapterFacts:
        """A fake adapter is a file that begins with "fake adapter", or "fake adapter from 8 9:" when the
        tokens 8 and 9 invoke it; its size is its size."""
        try:
            content = path.read_bytes()
        except OSError as e:
            raise AdapterError(f"{path}: {e.strerror or e}") from e
        if not content.startswith(b"fake adapter"):
            raise AdapterError(f"{path} was made for another model")
        invoked = re.match(rb"fake adapter from ([0-9 ]+):", content)
        tokens = tuple(int(t) for t in invoked[1].split()) if invoked else ()
        if any(t >= VOCAB_SIZE for t in tokens):
            raise AdapterError(f"{path}: an invocation token is outside the vocabulary")
        return AdapterFacts(len(content), tokens)

    def load_adapter(self, adapter_id: str, path: Path) -> int:
        self._adapters[adapter_id] = self.check_adapter(path).num_bytes
        return self._adapters[adapter_id]

    def unload_adapter(self, adapter_id: str) -> None:
        del self._adapters[adapter_id]

    def memory_bytes(self) -> dict[str, int]:
        return {"weights": 0, "kv": 0, "adapters": sum(self._adapters.values()), "compute": 0}

    def close(self) -> None:
        self._sequences.clear()

    @property
    def num_cells_used(self) -> int:
        return len({cell for tokens in self._sequences.values() for _, cell in tokens})

    def _check(self, span: Span) -> None:
        if not 0 <= span.sequence < self.info.max_sequences:
            raise WorkerFailed(f"sequence {span.sequence}")
        if span.position != len(self._sequences.get(span.sequence, [])):
            raise WorkerFailed(f"position {span.position} does not continue sequence {span.sequence}")
        if any(not 0 <= t < VOCAB_SIZE for t in span.tokens):
            raise WorkerFailed("a token outside the vocabulary")

    def _append(self, span: Span, adapters: bytes) -> None:
        tokens = self._sequences.setdefault(span.sequence, [])
        digest = tokens[-1][0] if tokens else b""
        rows = EMBEDDINGS[list(span.tokens)] if span.embeddings is None else span.embeddings
        for row in rows:
            state = digest + f"{len(tokens)}:".encode() + row.tobytes() + adapters
            digest = hashlib.blake2b(state, digest_size=8).digest()
            tokens.append((digest, self._next_cell))
            self._next_cell += 1
        if span.wants_logits:
            seed = int.from_bytes(digest, "little")
            logits = np.random.default_rng(seed).standard_normal(VOCAB_SIZE).astype(np.float32)
            logits[END] += 2.0
            self._logits[span.sequence] = logits

    def _logits_of(self, sequence: int) -> NDArray[np.float32]:
        if sequence not in self._logits:
            raise WorkerFailed(f"the last batch left no logits for sequence {sequence}")
        return self._logits[sequence]

    def _draw(self, logits: NDArray[np.float32], sampler: FakeSampler) -> int:
        if sampler.forced is not None:
            return sampler.forced.pop(0) if sampler.forced else END
        steps = {step.name: step.numbers for step in sampler.steps}
        scores = logits.copy()
        if "penalties" in steps:
            last_n, penalty = steps["penalties"]
            for token in set(sampler.recent[-int(last_n) :]):
                scores[token] = scores[token] / penalty if scores[token] > 0 else scores[token] * penalty
        if "greedy" in steps:
            return int(scores.argmax())
        weights = np.exp((scores - scores.max()) / max(steps["temperature"][0], 1e-6))
        order = np.argsort(-weights)[: int(steps["top_k"][0]) if "top_k" in steps else None]
        return int(sampler.random.choices(order.tolist(), weights[order].tolist())[0])
