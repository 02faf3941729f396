"""Which adapters compute which token of one job: an activated one (aLoRA) acts from its invocation on.

Before that, every token is computed as if it were not there, so its KV memory is the base model's and is
shared by all. The stable tiers are always before it, whatever tokens they hold. Knows no backend.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sensorium.inference.prefix_cache import AdapterKey
from sensorium.inference.tokenizer import TokenizedPrompt
from sensorium.request import AdapterUse


class AdapterSet(NamedTuple):
    """Adapters that compute one token together, and their identity in keys."""

    uses: tuple[AdapterUse, ...] = ()
    key: AdapterKey = ()


class Activation:
    """`before` computes all tokens up to position `start`, `after` those from there on; `invocation` may be
    empty.

    `start` is the first token of the last invocation in the prompt's VOLATILE part (as llama-server looks for
    it), or, when there is none, the drawn token that completes the invocation; None until then.
    """

    def __init__(
        self, before: AdapterSet, after: AdapterSet, invocation: tuple[int, ...], prompt: TokenizedPrompt
    ) -> None:
        self.before = before
        self.after = after
        self.invocation = invocation
        self.start = _last_start(invocation, prompt.ids, prompt.history)
        self._recent = tuple(prompt.ids[prompt.history :])[-len(invocation) :] if invocation else ()

    def at(self, position: int) -> AdapterSet:
        """What computes the token at `position`."""
        return self.before if self.start is None or position < self.start else self.after

    def drawn(self, token: int, position: int) -> None:
        """`token` of the reply will be computed at `position`."""
        if self.invocation and self.start is None:
            self._recent = (*self._recent, token)[-len(self.invocation) :]
            if self._recent == self.invocation:
                self.start = position


def _last_start(invocation: tuple[int, ...], ids: Sequence[int], begin: int) -> int | None:
    size = len(invocation)
    if not size:
        return None
    starts = range(len(ids) - size, begin - 1, -1)
    return next((i for i in starts if tuple(ids[i : i + size]) == invocation), None)
