"""An evening of exactly counted prompts: who is asked in which order, and every token that they read.

Pure and seeded, so that every variant of a bench reads the same arrays. Words are random_gguf's, one token
each. The room hears everything: each turn's question and answer become history of every persona.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from sensorium.bench import random_gguf
from sensorium.inference.tokenizer import TokenizedPrompt, Tokenizer
from sensorium.request import Block, Part, Prompt, Scope, Tier

NUM_WORDS = 256
_BYTE_TOKENS = 256


class Load(NamedTuple):
    """What is asked. `prompt_tokens` is the size of each persona's first prompt, of which `shared_tokens` are
    the same for all; every persona is asked `turns` times. A turn adds two entries of `entry_tokens` to the
    history and has `volatile_tokens` that no other turn reads."""

    personas: int = 6
    prompt_tokens: int = 14_000
    shared_tokens: int = 10_000
    turns: int = 5
    seed: int = 1
    past_entries: int = 40
    entry_tokens: int = 12
    volatile_tokens: int = 100

    @property
    def longest_prompt(self) -> int:
        return self.prompt_tokens + 2 * self.entry_tokens * self.personas * self.turns

    @property
    def persona_ids(self) -> list[str]:
        return [f"persona{i}" for i in range(self.personas)]


class Turn(NamedTuple):
    """`is_first`: this persona was not asked before. `settles` are the stable prompts, after this turn, of
    every persona that has been asked."""

    number: int
    persona_id: str
    is_first: bool
    prompt: Prompt
    settles: tuple[Prompt, ...]


def evening(load: Load) -> Iterator[Turn]:
    """Everybody once in a shuffled order, then all other turns shuffled: some wait long, some not at all."""
    rng = random.Random(load.seed)
    words = random_gguf.words(NUM_WORDS)

    def speak(num_tokens: int) -> list[str]:
        return rng.choices(words, k=num_tokens)

    shared = speak(load.shared_tokens)
    history = [speak(load.entry_tokens) for _ in range(load.past_entries)]
    identities: dict[str, list[str]] = {}
    for number, persona_id in enumerate(_order(load, rng)):
        is_first = persona_id not in identities
        if is_first:
            past = sum(map(len, history))
            own = load.prompt_tokens - load.shared_tokens - past - load.volatile_tokens
            identities[persona_id] = speak(own)
        prompt = prompt_of(persona_id, shared, identities[persona_id], history, speak(load.volatile_tokens))
        history += [speak(load.entry_tokens), speak(load.entry_tokens)]
        settles = tuple(prompt_of(p, shared, own, history) for p, own in identities.items())
        yield Turn(number, persona_id, is_first, prompt, settles)


def _order(load: Load, rng: random.Random) -> list[str]:
    first, rest = list(load.persona_ids), load.persona_ids * (load.turns - 1)
    rng.shuffle(first)
    rng.shuffle(rest)
    return first + rest


def prompt_of(
    persona_id: str,
    shared: Sequence[str],
    identity: Sequence[str],
    history: Sequence[Sequence[str]],
    volatile: Sequence[str] = (),
) -> Prompt:
    """Blocks in the house's order; what is empty is left out."""
    blocks = (
        _block(Tier.INVARIANT, Scope.SHARED, shared),
        _block(Tier.INVARIANT, Scope.PERSONA, identity),
        *(_block(Tier.SEMI_STABLE, Scope.SHARED, entry) for entry in history),
        _block(Tier.VOLATILE, Scope.PERSONA, volatile),
    )
    return Prompt(persona_id, tuple(b for b in blocks if b.parts))


def tokenized(prompt: Prompt) -> TokenizedPrompt:
    """As the engine would, by the real tokenizer of the house over random_gguf's vocabulary."""
    return _tokenizer().prompt(prompt)


class WordVocabulary:
    """random_gguf's layout: special tokens, 256 bytes, then one token for each word."""

    def __init__(self) -> None:
        first = len(random_gguf.special_tokens()) + _BYTE_TOKENS
        self._ids = {word: first + i for i, word in enumerate(random_gguf.words(NUM_WORDS))}

    def tokenize(self, text: str) -> list[int]:
        return [self._ids[word] for word in text.split()]

    def special(self, text: str) -> int:
        return random_gguf.special_tokens().index(text)


@lru_cache(maxsize=1)
def _tokenizer() -> Tokenizer:
    return Tokenizer(WordVocabulary())


def _block(tier: Tier, scope: Scope, words: Sequence[str]) -> Block:
    return Block(tier, scope, "bench", (Part(" " + " ".join(words)),) if words else ())
