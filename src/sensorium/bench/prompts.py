"""Prompts of an exact number of tokens: who is asked in which turn, and with which token ids.

Pure and seeded, so that every variant of a bench reads the same arrays. A plain part here is a list of token
ids in decimal; the real tokenizer of the house finds the tier ends.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

from sensorium.inference.tokenizer import TokenizedPrompt, Tokenizer
from sensorium.request import Block, Part, Prompt, Scope, Tier


class NumberVocabulary:
    """Texts are token ids in decimal: "17 4" is the tokens 17 and 4."""

    def tokenize(self, text: str) -> list[int]:
        return [int(number) for number in text.split()]

    def special(self, text: str) -> int:
        return int(text)


class Load(NamedTuple):
    """What the bench asks for. `prompt_tokens` is the size of a first prompt: shared, own and volatile."""

    personas: int = 6
    prompt_tokens: int = 14_000
    shared_tokens: int = 10_000
    turns: int = 5
    seed: int = 1
    history_tokens: int = 60
    volatile_tokens: int = 100
    first_token: int = 280
    vocab_size: int = 520


class Turn(NamedTuple):
    """`round` 0 is a persona's first. `settles` are the stable prompts of the whole room after this turn."""

    round: int
    persona_id: str
    prompt: TokenizedPrompt


def tokenized(persona_id: str, shared: Sequence[int], identity: Sequence[int], *rest: Sequence[int]) -> TokenizedPrompt:
    """A prompt of INVARIANT shared and persona, then history entries, then VOLATILE (the last of `rest`)."""
    *history, volatile = rest
    blocks = [
        _block(Tier.INVARIANT, Scope.SHARED, shared),
        _block(Tier.INVARIANT, Scope.PERSONA, identity),
        *(_block(Tier.SEMI_STABLE, Scope.SHARED, entry) for entry in history),
        _block(Tier.VOLATILE, Scope.PERSONA, volatile),
    ]
    return Tokenizer(NumberVocabulary()).prompt(Prompt(persona_id, tuple(b for b in blocks if b.parts)))


def _block(tier: Tier, scope: Scope, tokens: Sequence[int]) -> Block:
    parts = (Part(" ".join(map(str, tokens))),) if tokens else ()
    return Block(tier, scope, "bench", parts)
