"""The tree of parked sequences: what has been computed once and is worth keeping.

A parked prefix is a whole sequence that ends exactly at a tier end, or where a draft of a turn's prompt ended
while somebody still spoke. It is forked or dropped, never trimmed,
so a model whose state cannot be cut at a position (hybrid, recurrent) needs no second path. Its key is the
model, the adapter set, and the digest of every token: KV memory computed under one adapter is never found
under another. Knows nothing of turns and of time.
"""

from __future__ import annotations

from collections import Counter
from enum import IntEnum
from typing import NamedTuple

from sensorium.inference.sequence import Sequences
from sensorium.inference.tokenizer import Mark, TokenizedPrompt

AdapterKey = tuple[tuple[str, float], ...]


class Kind(IntEnum):
    """What a parked prefix ends with. Among equally old ones the higher kind goes first."""

    SHARED = 0
    PERSONA = 1
    HISTORY = 2
    DRAFT = 3


class Key(NamedTuple):
    """Model and KV type, adapters with their scales, and all tokens."""

    fingerprint: str
    adapters: AdapterKey
    mark: Mark


class Parked:
    """One kept prefix. `num_forks` counts turns that were forked from it and are still running."""

    __slots__ = ("children", "key", "kind", "last_used", "num_forks", "parent", "sequence")

    def __init__(self, key: Key, kind: Kind, sequence: int, parent: Parked | None) -> None:
        self.key = key
        self.kind = kind
        self.sequence = sequence
        self.parent = parent
        self.children = 0
        self.num_forks = 0
        self.last_used = 0

    @property
    def num_tokens(self) -> int:
        return self.key.mark.num_tokens


class PrefixCache:
    def __init__(self, fingerprint: str, sequences: Sequences) -> None:
        self._fingerprint = fingerprint
        self._sequences = sequences
        self._parked: dict[Key, Parked] = {}
        self._tick = 0
        self.counts: Counter[str] = Counter()

    def match(self, prompt: TokenizedPrompt, adapters: AdapterKey, below: int) -> Parked | None:
        """The longest parked prefix of `prompt` with fewer than `below` tokens. Using it keeps it young."""
        for mark in reversed((*prompt.marks, *prompt.drafts)):
            if mark.num_tokens < below:
                parked = self._parked.get(self.key(adapters, mark))
                if parked is not None:
                    self._touch(parked)
                    return parked
        return None

    def park(
        self, prompt: TokenizedPrompt, adapters: AdapterKey, num_tokens: int, source: int
    ) -> Parked | None:
        """Keeps what `source` holds, which is exactly the first `num_tokens` of `prompt`.

        History that this one continues is dropped, and so is a draft: nobody needs the shorter one. Returns
        None when there is no sequence id to be had; the turn then goes on without keeping anything.
        """
        marks = (*prompt.marks, *prompt.drafts)
        key = self.key(adapters, next(m for m in marks if m.num_tokens == num_tokens))
        if key in self._parked:
            self._touch(self._parked[key])
            return self._parked[key]
        if self._sequences.num_free == 0 and not self.evict_one():
            return None
        sequence = self._sequences.fork(source)
        if sequence is None:
            return None
        parked = Parked(key, _kind(prompt, num_tokens), sequence, self._parent(prompt, key))
        if parked.parent:
            parked.parent.children += 1
        self._parked[key] = parked
        self._touch(parked)
        self._drop_if_superseded(parked.parent)
        return parked

    def drop_draft(self, parked: Parked | None) -> None:
        """The turn it was made for is over. What is no draft, is in use or is continued stays."""
        known = parked is not None and self._parked.get(parked.key) is parked
        if parked and known and parked.kind is Kind.DRAFT and not parked.num_forks and not parked.children:
            self._remove(parked)

    def hold(self, parked: Parked) -> None:
        """A running turn was forked from it; it stays."""
        parked.num_forks += 1

    def release(self, parked: Parked) -> None:
        """That turn is over."""
        parked.num_forks -= 1
        self._drop_if_superseded(parked)

    def evict_one(self) -> bool:
        """Drops the least recently used prefix that nothing builds on. False when all are in use."""
        idle = [p for p in self._parked.values() if p.children == 0 and p.num_forks == 0]
        if not idle:
            return False
        self.counts["evictions"] += 1
        self._remove(min(idle, key=lambda p: (p.last_used, -p.kind)))
        return True

    def num_by_kind(self) -> dict[str, int]:
        kinds = Counter(p.kind for p in self._parked.values())
        return {kind.name.lower(): kinds[kind] for kind in Kind}

    def key(self, adapters: AdapterKey, mark: Mark) -> Key:
        return Key(self._fingerprint, adapters, mark)

    def holds(self, key: Key) -> bool:
        return key in self._parked

    def clear(self) -> None:
        """Drops all that is not in use."""
        while self.evict_one():
            pass

    def _parent(self, prompt: TokenizedPrompt, key: Key) -> Parked | None:
        both = reversed((*prompt.marks, *prompt.drafts))
        marks = (m for m in both if m.num_tokens < key.mark.num_tokens)
        return next((p for m in marks if (p := self._parked.get(self.key(key.adapters, m)))), None)

    def _touch(self, parked: Parked) -> None:
        self._tick += 1
        node: Parked | None = parked
        while node is not None:
            node.last_used = self._tick
            node = node.parent

    def _drop_if_superseded(self, old: Parked | None) -> None:
        """A history or a draft that was continued: what continues it holds all its cells. A draft does not
        outlive its turn, so the history that it continues stays."""
        if old and old.children == 1 and old.num_forks == 0:
            child = next(p for p in self._parked.values() if p.parent is old)
            if old.kind is Kind.DRAFT or (old.kind is Kind.HISTORY and child.kind is not Kind.DRAFT):
                self._remove(old)

    def _remove(self, parked: Parked) -> None:
        del self._parked[parked.key]
        self._sequences.drop(parked.sequence)
        for child in self._parked.values():
            if child.parent is parked:
                child.parent = parked.parent
                if parked.parent:
                    parked.parent.children += 1
        if parked.parent:
            parked.parent.children -= 1


def _kind(prompt: TokenizedPrompt, num_tokens: int) -> Kind:
    if num_tokens <= prompt.shared:
        return Kind.SHARED
    if num_tokens > prompt.history:
        return Kind.DRAFT
    return Kind.PERSONA if num_tokens <= prompt.persona else Kind.HISTORY
