"""What is asked of a mind: a prompt in tiers, how to sample, how to speak, what it cost.

Lives at the base because prompting makes it, the wire carries it and inference reads it. Knows nothing of
tokens, templates or sockets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import IntEnum
from typing import Annotated

import msgspec


class Tier(IntEnum):
    """How often a piece of the prompt changes. Prompts are composed in this order."""

    INVARIANT = 0
    SEMI_STABLE = 1
    VOLATILE = 2


class Scope(IntEnum):
    """Whom a piece belongs to. Shared pieces come first, so that personas share their tokens."""

    SHARED = 0
    PERSONA = 1


class Part(msgspec.Struct, frozen=True, array_like=True):
    """The unit of tokenization: one special token by its exact text, a run of plain text, or embedding rows.

    Plain text never becomes a special token, whatever it contains. Each part is tokenized alone. With `rows`
    above 0 the part is that many rows of what was heard or seen, and `text` is the SHA-256 (hex) of their
    float32 little-endian bytes; the rows themselves travel beside the prompt. They stand in VOLATILE only.
    """

    text: str
    special: bool = False
    rows: int = 0

    def to_bytes(self) -> bytes:
        kind = b"R" if self.rows else b"S" if self.special else b"T"
        return b"\x00" + kind + self.text.encode()


class Block(msgspec.Struct, frozen=True, array_like=True):
    """What one source contributed. A conversation is one block per entry."""

    tier: Tier
    scope: Scope
    source: str
    parts: tuple[Part, ...]

    def to_bytes(self) -> bytes:
        """The block as the model would see it written out, rows by their hash; what hashes are made of."""
        return b"".join(part.to_bytes() for part in self.parts)


class Prompt(msgspec.Struct, frozen=True, array_like=True):
    """Blocks in their final order: INVARIANT shared, INVARIANT persona, SEMI_STABLE, VOLATILE."""

    persona_id: str
    blocks: tuple[Block, ...]

    def tier_bytes(self, tier: Tier) -> bytes:
        return b"".join(b.to_bytes() for b in self.blocks if b.tier is tier)

    def invariant_sha256(self) -> str:
        return hashlib.sha256(self.tier_bytes(Tier.INVARIANT)).hexdigest()

    def stable(self) -> Prompt:
        """Without VOLATILE: what is worth keeping in memory after the turn."""
        return Prompt(self.persona_id, tuple(b for b in self.blocks if b.tier is not Tier.VOLATILE))


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """How the next token is drawn, in llama.cpp's terms. `temperature` 0 is greedy.

    `grammar` is GBNF with the root rule "root". `seed` makes the same prompt give the same reply.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repeat_penalty: float = 1.0
    repeat_last_n: int = 64
    seed: int = 0
    grammar: str = ""


class SpeechFormat(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a mind writes speech: special tokens by their exact text, and how codes are numbered.

    Behind `open` come frames of `groups` codes, and `close` ends them. The ids of the codes follow one
    another from `first_code` on: that of a code is first + group * codes_per_group + code. A mind that spells
    what it says in `phonemes`, named here in the order of their ids, has them from `first_phoneme` on. One
    that has several voices of its own has a token for each behind `open`, `speakers` from `first_speaker` on.
    """

    open: Annotated[str, msgspec.Meta(min_length=1)]
    close: Annotated[str, msgspec.Meta(min_length=1)]
    first_code: Annotated[str, msgspec.Meta(min_length=1)]
    groups: Annotated[int, msgspec.Meta(ge=1, le=16)]
    codes_per_group: Annotated[int, msgspec.Meta(ge=1, le=32767)]
    first_phoneme: str = ""
    phonemes: Annotated[tuple[str, ...], msgspec.Meta(max_length=1024)] = ()
    first_speaker: str = ""
    speakers: Annotated[int, msgspec.Meta(ge=0, le=1024)] = 0


class AdapterUse(msgspec.Struct, frozen=True, array_like=True):
    """One adapter at one strength; a set of these is part of every prefix key."""

    adapter_id: str
    scale: float = 1.0


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Prompt tokens of one turn, counted by the engine.

    prompt = cached + processed. `settled_tokens` were processed in the background since this persona's
    previous turn; they are inside `cached_tokens`. An embedding row counts as a token. `reply_tokens` are the
    text's, `speech_tokens` those behind it. `adapted_tokens` of prompt, reply and speech were processed with
    an adapter on; 0 of a remote server, which does not tell.
    """

    prompt_tokens: int
    cached_tokens: int
    processed_tokens: int
    settled_tokens: int = 0
    reply_tokens: int = 0
    speech_tokens: int = 0
    adapted_tokens: int = 0


def adapter_key(adapters: Iterable[AdapterUse]) -> tuple[tuple[str, float], ...]:
    """Order-free identity of an adapter set; a scale of 0 is the same as no adapter."""
    return tuple(sorted((a.adapter_id, a.scale) for a in adapters if a.scale != 0.0))
