"""Prompts as tokens with the places where a prefix may be kept, and tokens as text.

Each part is tokenized alone, so no token ever straddles two parts and what comes later cannot change the
tokens of what came before. Embedding rows take the place of tokens; they are not here. Knows nothing of KV
memory.
"""

from __future__ import annotations

import codecs
import hashlib
from array import array
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from sensorium.errors import BadInput
from sensorium.request import Part, Prompt, Scope, Tier

MAX_REMEMBERED_PARTS = 8192
MAX_ROWS = 1 << 16
MAX_OPENING_PARTS = 8
MAX_WORDS_TOKENS = 1024
# Stands in `ids` where a row stands; no token has it.
ROW = -1


class Vocabulary(Protocol):
    """What a backend offers here."""

    def tokenize(self, text: str) -> list[int]: ...

    def special(self, text: str) -> int: ...


class Mark(NamedTuple):
    """The end of one block: so many tokens, and the digest of all tokens up to here."""

    num_tokens: int
    digest: bytes


class RowRun(NamedTuple):
    """Embedding rows one after the other: `num_rows` from position `start` of the prompt on."""

    start: int
    num_rows: int

    @property
    def end(self) -> int:
        return self.start + self.num_rows


class TokenizedPrompt(NamedTuple):
    """`ids` of the whole prompt and a mark at the end of every stable block, shortest first.

    `shared`, `persona` and `history` are the tier ends in tokens: shared invariant, persona invariant, and
    all that is stable. Equal ends mean that a tier is empty. `block_tokens` counts each block of the prompt.
    Where embedding rows stand (`row_runs`, behind all that is stable) the id is `ROW`. `drafts` are marks
    behind all that is stable, at the end of every part: as far as a draft of the prompt may have come.
    """

    ids: Sequence[int]
    marks: tuple[Mark, ...]
    shared: int
    persona: int
    history: int
    block_tokens: tuple[int, ...] = ()
    row_runs: tuple[RowRun, ...] = ()
    drafts: tuple[Mark, ...] = ()

    @property
    def tier_ends(self) -> tuple[int, ...]:
        return tuple(sorted({self.shared, self.persona, self.history} - {0}))

    @property
    def num_rows(self) -> int:
        return sum(run.num_rows for run in self.row_runs)

    @property
    def kind_ends(self) -> tuple[int, ...]:
        """Where tokens turn into rows, or rows into tokens."""
        return tuple(end for run in self.row_runs for end in (run.start, run.end))

    def row_at(self, position: int) -> int | None:
        """Which of the prompt's rows stands at `position`, from 0; None where a token does."""
        num_before = 0
        for run in self.row_runs:
            if run.start <= position < run.end:
                return num_before + position - run.start
            num_before += run.num_rows
        return None


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
        """Raises BundleError when a special part is not in the vocabulary, BadInput for rows in a stable tier
        and for rows that cannot be."""
        ids = array("i")
        digest = hashlib.blake2b(digest_size=16)
        marks: list[Mark] = []
        block_tokens: list[int] = []
        runs: list[RowRun] = []
        drafts: list[Mark] = []
        shared = persona = 0
        for block in prompt.blocks:
            start = len(ids)
            for part in block.parts:
                part_start = len(ids)
                if part.rows:
                    _add_rows(runs, len(ids), _num_rows(part, block.tier))
                    ids.extend([ROW] * part.rows)
                    digest.update(part.text.encode())
                else:
                    ids.extend(self._part(part))
                digest.update(ids[part_start:].tobytes())
                if block.tier is Tier.VOLATILE:
                    drafts.append(Mark(len(ids), digest.digest()))
            block_tokens.append(len(ids) - start)
            if block.tier is Tier.VOLATILE:
                continue
            marks.append(Mark(len(ids), digest.digest()))
            if block.tier is Tier.INVARIANT:
                persona = len(ids)
                shared = len(ids) if block.scope is Scope.SHARED else shared
        history = marks[-1].num_tokens if marks else 0
        return TokenizedPrompt(
            ids, tuple(marks), shared, persona, history, tuple(block_tokens), tuple(runs), tuple(drafts)
        )

    def opening(self, parts: Sequence[Part]) -> tuple[int, ...]:
        """Special tokens, and of each plain part its first token. Raises BundleError as `prompt` does,
        BadInput when no token is there, for rows, and for more than MAX_OPENING_PARTS."""
        if len(parts) > MAX_OPENING_PARTS or any(part.rows for part in parts):
            raise BadInput("an opening is some special tokens and a name")
        ids = tuple(token for part in parts for token in self._part(part)[:1])
        if not ids:
            raise BadInput("an opening without a token")
        return ids

    def words(self, text: str) -> tuple[int, ...]:
        """What a reply is to be. Raises BadInput for nothing, and for more than MAX_WORDS_TOKENS."""
        ids = tuple(self._tokens(Part(text)))
        if not 0 < len(ids) <= MAX_WORDS_TOKENS:
            raise BadInput(f"a reply of {len(ids)} given tokens", remedy=f"1 to {MAX_WORDS_TOKENS}")
        return ids

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


def _add_rows(runs: list[RowRun], start: int, num_rows: int) -> None:
    """Rows of one part follow those of the last one in the same run."""
    if runs and runs[-1].end == start:
        runs[-1] = RowRun(runs[-1].start, runs[-1].num_rows + num_rows)
    else:
        runs.append(RowRun(start, num_rows))


def _num_rows(part: Part, tier: Tier) -> int:
    if part.special or not 0 < part.rows <= MAX_ROWS:
        raise BadInput(f"a part of a prompt with {part.rows} embedding rows", remedy=f"1 to {MAX_ROWS}")
    if tier is not Tier.VOLATILE:
        raise BadInput(
            f"embedding rows in the {tier.name} tier", remedy="what was heard is kept there in words"
        )
    return part.rows


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
