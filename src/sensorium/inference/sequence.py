"""Sequence ids and the KV cells they hold, shared ones counted once.

A fork shares everything with its source, so a sequence is a chain of segments and a segment is free when no
chain has it. Decides nothing: whoever asks for a sequence when none is left gets None.
"""

from __future__ import annotations

from sensorium.inference.backend import Backend


class _Segment:
    """A run of tokens that the same sequences hold."""

    __slots__ = ("length", "refs")

    def __init__(self, length: int) -> None:
        self.length = length
        self.refs = 1


class Sequences:
    """Hands out the backend's sequence ids and keeps count of cells."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._free = list(range(backend.info.max_sequences - 1, -1, -1))
        self._chains: dict[int, list[_Segment]] = {}
        self.num_cells_total = backend.info.context_cells
        self.num_cells_used = 0

    @property
    def num_free(self) -> int:
        return len(self._free)

    @property
    def num_cells_free(self) -> int:
        return self.num_cells_total - self.num_cells_used

    def create(self) -> int | None:
        """An empty sequence, or None when all ids are taken."""
        if not self._free:
            return None
        sequence = self._free.pop()
        self._chains[sequence] = []
        return sequence

    def fork(self, source: int) -> int | None:
        """A sequence that shares all of `source`, or None when all ids are taken."""
        sequence = self.create()
        if sequence is None:
            return None
        self._backend.fork(source, sequence)
        chain = self._chains[source]
        for segment in chain:
            segment.refs += 1
        self._chains[sequence] = list(chain)
        return sequence

    def extended(self, sequence: int, num_tokens: int) -> None:
        """Notes that `num_tokens` were decoded into `sequence`."""
        chain = self._chains[sequence]
        if chain and chain[-1].refs == 1:
            chain[-1].length += num_tokens
        else:
            chain.append(_Segment(num_tokens))
        self.num_cells_used += num_tokens

    def drop(self, sequence: int) -> None:
        """Gives the id back, and every cell that nobody else holds."""
        self._backend.drop(sequence)
        for segment in self._chains.pop(sequence):
            segment.refs -= 1
            if segment.refs == 0:
                self.num_cells_used -= segment.length
        self._free.append(sequence)

    def length(self, sequence: int) -> int:
        return sum(s.length for s in self._chains[sequence])

    def num_cells_of(self, sequences: set[int]) -> int:
        """Cells that at least one of `sequences` holds."""
        held = {id(s): s.length for sequence in sequences for s in self._chains[sequence]}
        return sum(held.values())

    def num_cells_alone(self, sequence: int) -> int:
        """Cells that dropping `sequence` would free."""
        return sum(s.length for s in self._chains[sequence] if s.refs == 1)
