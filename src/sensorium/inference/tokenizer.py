"""Prompts as tokens with the places where a prefix may be kept, and tokens as text.

Each part is tokenized alone, so no token ever straddles two parts and what comes later cannot change the
tokens of what came before. Knows nothing of KV memory.
"""

from __future__ import annotations

import codecs
import hashlib
from array import array
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from sensorium.request import Part, Prompt, Scope, Tier

MAX_REMEMBERED_PARTS = 8192


class Vocabulary(Protocol):
    """What a backend offers here."""

    def tokenize(self, text: str) -> list[int]: ...

    def special(self, text: str) -> int: ...


class Mark(NamedTuple):
    """The end of one block: so many tokens, and the digest of all tokens up to here."""

    num_tokens: int
    digest: bytes


class TokenizedPrompt(NamedTuple):
    """`ids` of the whole prompt and a mark at the end of every stable block, shortest first.

    `shared`, `persona` and `history` are the tier ends in tokens: shared invariant, persona invariant, and
    all that is stable. Equal ends mean that a tier is empty. `block_tokens` counts each block of the prompt.
    """

    ids: Sequence[int]
    marks: tuple[Mark, ...]
    shared: int
    persona: int
    history: int
    block_tokens: tuple[int, ...] = ()

    @property
    def tier_ends(self) -> tuple[int, ...]:
        return tuple(sorted({self.shared, self.persona, self.history} - {0}))


class Tokenizer:
    """Remembers the tokens of parts: most of a prompt is the same on every turn.

    `word_space`: one space before every word of a plain part, for vocabularies of whole words (text form
    "spoken"); other white space means nothing.
    """

    def __init__(self, vocabulary: Vocabulary, *, word_space: bool = False) -> None:
        self._vocabulary = vocabulary
        self._word_space = word_space
        self._parts: OrderedDict[Part, array[int]] = OrderedDict()

    def prompt(self, prompt: Prompt) -> TokenizedPrompt:
        """Raises BundleError when a special part is not in the vocabulary."""
        ids = array("i")
        digest = hashlib.blake2b(digest_size=16)
        marks: list[Mark] = []
        block_tokens: list[int] = []
        shared = persona = 0
        for block in prompt.blocks:
            start = len(ids)
            for part in block.parts:
                ids.extend(self._part(part))
            block_tokens.append(len(ids) - start)
            if block.tier is Tier.VOLATILE:
                continue
            digest.update(ids[start:].tobytes())
            marks.append(Mark(len(ids), digest.digest()))
            if block.tier is Tier.INVARIANT:
                persona = len(ids)
                shared = len(ids) if block.scope is Scope.SHARED else shared
        history = marks[-1].num_tokens if marks else 0
        return TokenizedPrompt(ids, tuple(marks), shared, persona, history, tuple(block_tokens))

    def _part(self, part: Part) -> array[int]:
        known = self._parts.get(part)
        if known is None:
            known = array("i", self._tokens(part))
            self._parts[part] = known
            if len(self._parts) > MAX_REMEMBERED_PARTS:
                self._parts.popitem(last=False)
        else:
            self._parts.move_to_end(part)
        return known

    def _tokens(self, part: Part) -> list[int]:
        if part.special:
            return [self._vocabulary.special(part.text)]
        text = "".join(f" {word}" for word in part.text.split()) if self._word_space else part.text
        return self._vocabulary.tokenize(text)


class TextJoiner:
    """Bytes of pieces in, complete characters out; a character split over tokens waits for its rest."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, piece: bytes) -> str:
        return self._decoder.decode(piece)

    def flush(self) -> str:
        """What is left at the end of a reply; a cut character becomes U+FFFD."""
        rest = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return rest
