"""The narrow protocol between the scheduler and whatever computes.

A backend is KV memory seen as numbered sequences. It decides nothing: it never evicts, never trims, never
picks a sequence. One compute thread calls it. Forking and dropping whole sequences is all that it offers,
so that hybrid and recurrent models, whose state cannot be cut at a position, need no second path.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import WorkerFailed
from sensorium.inference.rows import check_rows
from sensorium.request import AdapterUse, Sampling


class ModelInfo(NamedTuple):
    """Facts of a loaded model.

    `max_sequences` counts every sequence id that may hold tokens at once; `context_cells` is the KV memory
    that all of them share. `fingerprint` names model and KV type in prefix keys. `embedding_width` is that of
    an embedding row. A `decode` takes at most `max_batch_tokens`.
    """

    name: str
    fingerprint: str
    vocab_size: int
    context_cells: int
    max_sequences: int
    train_context_tokens: int
    end_tokens: frozenset[int]
    recurrent: bool
    embedding_width: int
    max_batch_tokens: int = 512


class AdapterFacts(NamedTuple):
    """Of a checked file: `num_bytes` of memory once loaded. It is meant to act from `invocation_tokens` on,
    or always when there are none; the backend leaves that to whoever says which adapters compute a span."""

    num_bytes: int
    invocation_tokens: tuple[int, ...] = ()


class Span(NamedTuple):
    """Tokens to append to one sequence at `position`, or in their place `embeddings`: float32 (n, width), one
    row for a token. Only the logits of the last one are kept, if asked."""

    sequence: int
    position: int
    tokens: Sequence[int]
    wants_logits: bool
    embeddings: NDArray[np.float32] | None = None

    @property
    def num_tokens(self) -> int:
        """Rows count as tokens: each takes a cell."""
        return len(self.tokens) if self.embeddings is None else len(self.embeddings)


def hold_embeddings(spans: Sequence[Span], width: int) -> bool:
    """Do these spans of one batch hold embedding rows, and not tokens? For backends, before they compute.

    Raises WorkerFailed when they hold both or one holds nothing, BadInput when rows are not `width` finite
    float32 numbers each.
    """
    if len({span.embeddings is None for span in spans}) > 1 or any(
        span.embeddings is not None and len(span.tokens) for span in spans
    ):
        raise WorkerFailed("a batch holds tokens or embedding rows, never both")
    for span in spans:
        if span.embeddings is not None:
            check_rows(span.embeddings, width)
        if not span.num_tokens:
            raise WorkerFailed(f"nothing to compute for sequence {span.sequence}")
    return spans[0].embeddings is not None


class Sampler(Protocol):
    """The sampling state of one reply (penalties, seed, grammar)."""

    def accept(self, token: int) -> None:
        """Shows it a token of the prompt, for the penalties. `Backend.sample` accepts what it draws."""
        ...

    def close(self) -> None: ...


class Backend(Protocol):
    info: ModelInfo

    def tokenize(self, text: str) -> list[int]:
        """Plain text, never special tokens, nothing added."""
        ...

    def special(self, text: str) -> int:
        """The id of the special token written exactly so. Raises BundleError when there is none."""
        ...

    def piece(self, token: int) -> tuple[bytes, bool]:
        """The token's bytes (maybe part of a character) and whether it is a special token."""
        ...

    def decode(self, spans: Sequence[Span], adapters: Sequence[AdapterUse]) -> None:
        """Computes all spans in one batch under one adapter set; they hold tokens or embedding rows, never
        both. Raises ContextFull without side effects when cells run out, BadInput before anything is computed
        for rows that cannot be used, WorkerFailed when the library reports anything else."""
        ...

    def sample(self, sequence: int, sampler: Sampler) -> int:
        """Draws from the logits that the last `decode` left for `sequence`, and accepts the token."""
        ...

    def logits(self, sequence: int) -> NDArray[np.float32]:
        """float32 (vocab_size,) of the last `decode` for `sequence`; for scoring and for tests."""
        ...

    def sampler(self, sampling: Sampling) -> Sampler:
        """Raises BadInput when the grammar does not parse."""
        ...

    def fork(self, source: int, target: int) -> None:
        """`target` (empty) becomes a copy of `source` that shares its cells."""
        ...

    def drop(self, sequence: int) -> None:
        """Empties a sequence; its unshared cells become free."""
        ...

    def check_adapter(self, path: Path) -> AdapterFacts:
        """Reads all of a GGUF LoRA and loads nothing. Raises AdapterError."""
        ...

    def load_adapter(self, adapter_id: str, path: Path) -> int:
        """Checks its head, then loads a GGUF LoRA; bytes of memory it took. Raises AdapterError."""
        ...

    def unload_adapter(self, adapter_id: str) -> None: ...

    def memory_bytes(self) -> dict[str, int]:
        """By kind: weights, kv, adapters, compute."""
        ...

    def close(self) -> None: ...
