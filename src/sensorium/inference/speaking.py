"""The spoken half of a reply: which token stands next in the sequence, and which drawn ones are sound.

    w1 ... wN <|end|>  <|speak|> w1 w2 [codes of w1] w3 [codes of w2] ... <|end|> [codes of wN] <|done|>

The text stands first, so its words are the same whatever voice speaks them. Behind `open` they are put there
again and not drawn, one word ahead of their sound: the mind only says when it wants the next one, so it
cannot lose its place (docs/decisions/0006). Pure: knows no sequence, no job and no clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sensorium.errors import BundleError
from sensorium.inference.backend import Backend
from sensorium.request import SpeechFormat


class SpeechTokens(NamedTuple):
    """A `SpeechFormat` in ids. That of a code is first_code + group * codes_per_group + code."""

    open: int
    close: int
    first_code: int
    groups: int
    codes_per_group: int


class Frame(NamedTuple):
    """One code of each group; they sound in word number `word` of the reply, from 0."""

    word: int
    codes: tuple[int, ...]


def find_tokens(speech: SpeechFormat, backend: Backend) -> SpeechTokens:
    """The ids in this model. Raises BundleError when it lacks one, or a code could be written as text."""
    first = backend.special(speech.first_code)
    end = first + speech.groups * speech.codes_per_group
    opening, closing = backend.special(speech.open), backend.special(speech.close)
    if end > backend.info.vocab_size or not all(backend.piece(code)[1] for code in range(first, end)):
        raise BundleError(
            f"the model has no {speech.groups} x {speech.codes_per_group} special tokens "
            f"from {speech.first_code} on"
        )
    if opening == closing or first <= opening < end or first <= closing < end:
        raise BundleError(f"{speech.open}, {speech.close} and the codes of speech are not distinct")
    return SpeechTokens(opening, closing, first, speech.groups, speech.codes_per_group)


def split_words(pieces: Iterable[tuple[int, bytes]]) -> list[list[int]]:
    """Tokens of a text, each with its bytes, by word: one starts where the bytes begin with a space."""
    words: list[list[int]] = []
    for token, text in pieces:
        if text.startswith(b" ") or not words:
            words.append([])
        words[-1].append(token)
    return words


class Speaking:
    """Of one reply of these `words`, from the token `end` that ended its text.

    While `must_draw`, show it what was drawn; `over` ends it, else `next_token` is what stands next.
    """

    def __init__(self, tokens: SpeechTokens, words: Sequence[Sequence[int]], end: int) -> None:
        self._tokens = tokens
        self._words = deque(words)
        self._end = end
        self._end_stands = False
        self._next = deque([end, tokens.open])
        self._frame: list[int] = []
        self._num_texts = 0
        # Two tokens are not of the speech: `end`, which is the text's, and `open`.
        self.num_tokens = -len(self._next)
        self.num_codes = 0
        self.num_strays = 0
        self.over = False
        self._put_text()
        self._put_text()

    @property
    def must_draw(self) -> bool:
        return not self._next

    def next_token(self) -> int:
        self.num_tokens += 1
        return self._next.popleft()

    def drawn(self, token: int, special: bool) -> Frame | None:
        """The frame that this token makes whole. A code stands as it was drawn; in the place of any other
        token comes the next word, behind the last one `end`, and behind that `close` is the end of it."""
        tokens = self._tokens
        code = token - tokens.first_code
        if 0 <= code < tokens.groups * tokens.codes_per_group:
            self._next.append(token)
            return self._code(*divmod(code, tokens.codes_per_group))
        self._drop_frame()
        if token == tokens.close and self._end_stands:
            self.over = True
            return None
        self.num_strays += self._end_stands or (special and token != self._end)
        self._put_text()
        return None

    def _code(self, group: int, code: int) -> Frame | None:
        self.num_codes += 1
        if group == 0:
            self._drop_frame()
        if group != len(self._frame):
            self.num_strays += 1
            return None
        self._frame.append(code)
        if len(self._frame) < self._tokens.groups:
            return None
        frame = Frame(max(0, self._num_texts - 2), tuple(self._frame))
        self._frame.clear()
        return frame

    def _put_text(self) -> None:
        """The next word; `end` when none is left, and again when it stands already."""
        self._num_texts += not self._end_stands
        if self._words:
            self._next.extend(self._words.popleft())
        else:
            self._next.append(self._end)
            self._end_stands = True

    def _drop_frame(self) -> None:
        self.num_strays += len(self._frame)
        self._frame.clear()
