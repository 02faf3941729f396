"""The spoken half of a reply: which token stands next in the sequence, and which drawn ones are sound.

    w1 ... wN <|end|>  <|speak|> w1 w2 [codes of w1] w3 [codes of w2] ... <|end|> [codes of wN] <|done|>

Where the format has phonemes each stands before its codes; it does not sound. Those of a word whose
pronunciation is known are put there, too; of any other word the mind says which comes next.

The text stands first, so its words are the same whatever voice speaks them. Behind `open` they are put there
again and not drawn, one word ahead of their sound: the mind only says when it wants the next one, so it
cannot lose its place (docs/decisions/0006). Nothing is drawn by chance: of sound the likeliest is the best
(NANO.md section 4). Pure: knows no sequence, no job and no clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BundleError
from sensorium.inference.backend import Backend
from sensorium.request import SpeechFormat


class SpeechTokens(NamedTuple):
    """A `SpeechFormat` in ids. That of a code is first_code + group * codes_per_group + code; phonemes are
    `phonemes` ids from `first_phoneme` on, none where there are none, `speakers` likewise. `pronunciations`:
    of known words."""

    open: int
    close: int
    first_code: int
    groups: int
    codes_per_group: int
    first_phoneme: int = 0
    phonemes: int = 0
    pronunciations: Mapping[str, tuple[int, ...]] = MappingProxyType({})
    speakers: tuple[int, ...] = ()

    @property
    def end_of_codes(self) -> int:
        return self.first_code + self.groups * self.codes_per_group

    @property
    def end_of_phonemes(self) -> int:
        return self.first_phoneme + self.phonemes


class Word(NamedTuple):
    """Ids of its text and of its phonemes; no phonemes where the mind is to say them."""

    text: tuple[int, ...]
    phonemes: tuple[int, ...] = ()


class Frame(NamedTuple):
    """One code of each group; they sound in word number `word` of the reply, from 0."""

    word: int
    codes: tuple[int, ...]


def find_tokens(
    speech: SpeechFormat, backend: Backend, pronunciations: Mapping[str, tuple[int, ...]] | None = None
) -> SpeechTokens:
    """The ids in this model. `pronunciations`: numbers of phonemes by word, each below their count. Raises
    BundleError when the model lacks an id, or a code could be written as text."""
    first = backend.special(speech.first_code)
    end = first + speech.groups * speech.codes_per_group
    opening, closing = backend.special(speech.open), backend.special(speech.close)
    if end > backend.info.vocab_size or not all(backend.piece(code)[1] for code in range(first, end)):
        raise BundleError(
            f"the model has no {speech.groups} x {speech.codes_per_group} special tokens "
            f"from {speech.first_code} on"
        )
    found = SpeechTokens(opening, closing, first, speech.groups, speech.codes_per_group)
    if speech.phonemes:
        found = found._replace(
            first_phoneme=backend.special(speech.first_phoneme),
            phonemes=len(speech.phonemes),
            pronunciations=pronunciations or {},
        )
    phonemes = range(found.first_phoneme, found.end_of_phonemes)
    if phonemes.stop > backend.info.vocab_size or not all(backend.piece(i)[1] for i in phonemes):
        raise BundleError(f"the model has no {len(phonemes)} special tokens from {speech.first_phoneme} on")
    if speech.speakers:
        first_speaker = backend.special(speech.first_speaker)
        found = found._replace(speakers=tuple(range(first_speaker, first_speaker + speech.speakers)))
    if found.speakers[-1:] >= (backend.info.vocab_size,) or not all(
        backend.piece(i)[1] for i in found.speakers
    ):
        raise BundleError(f"the model has no {speech.speakers} special tokens from {speech.first_speaker} on")
    taken = [opening, closing, *range(first, end), *phonemes, *found.speakers]
    if len({*taken}) < len(taken) or len({*speech.phonemes}) < len(speech.phonemes):
        raise BundleError(
            f"{speech.open}, {speech.close}, phonemes, speakers and codes of speech are not distinct"
        )
    return found


def split_words(tokens: SpeechTokens, pieces: Iterable[tuple[int, bytes]]) -> list[Word]:
    """Tokens of a text, each with its bytes, by word: one starts where the bytes begin with a space."""
    words: list[tuple[list[int], list[bytes]]] = []
    for token, text in pieces:
        if text.startswith(b" ") or not words:
            words.append(([], []))
        words[-1][0].append(token)
        words[-1][1].append(text)
    return [
        Word(tuple(ids), pronounce(tokens, b"".join(texts).decode("utf-8", "replace").strip()))
        for ids, texts in words
    ]


def pronounce(tokens: SpeechTokens, word: str) -> tuple[int, ...]:
    """Ids of the phonemes of a known word."""
    return tuple(tokens.first_phoneme + number for number in tokens.pronunciations.get(word, ()))


class Speaking:
    """Of one reply of these `words`, from the token `end` that ended its text. What invokes its voice may be
    more than `open`; all of `invocation` is put there.

    While `must_read`, show it the model's logits; `over` ends it, else `next_token` is what stands next.
    """

    def __init__(
        self, tokens: SpeechTokens, words: Sequence[Word], end: int, invocation: tuple[int, ...] = ()
    ) -> None:
        self._tokens = tokens
        self._words = words
        self._end = end
        self._num_texts = 0
        opening = invocation if invocation[:1] == (tokens.open,) else (tokens.open,)
        self._next = deque([end, *opening])
        self._frame: list[int] = []
        self._goes_on = 1.0
        # Of the word that sounds: whether its phonemes are known, and those that are still to come.
        self._is_known = False
        self._phonemes: deque[int] = deque()
        # What is not of the speech: `end`, which is the text's, and what opens it.
        self.num_tokens = -len(self._next)
        self.over = False
        self._put_text()
        self._put_text()

    @property
    def must_read(self) -> bool:
        return not self._next

    def next_token(self) -> int:
        self.num_tokens += 1
        return self._next.popleft()

    def read(self, logits: NDArray[np.float32]) -> Frame | None:
        """The frame that becomes whole. `logits` (vocab_size,) say what stands next: the likeliest code of
        the group that is due, or, when what sounds is more likely over than not, the next phoneme or the next
        word; behind the last word `end`, and in place of that the end of it all.

        Whether a sound is over is asked before every frame and the answers are taken together: its length is
        the median of those that the model deems possible. (The likeliest token would be the next word long
        before that, because its probability is one and that of sound is spread over many codes.)
        """
        tokens, group = self._tokens, len(self._frame)
        first = tokens.first_code + group * tokens.codes_per_group
        codes = logits[first : first + tokens.codes_per_group]
        if group == 0:
            sound, phoneme, text = self._shares(codes, logits)
            self._goes_on *= sound
            if self._goes_on < 0.5:
                self._goes_on = 1.0
                if self._phonemes:
                    self._next.append(self._phonemes.popleft())
                elif phoneme > text and not self._is_known:
                    first = tokens.first_phoneme
                    self._next.append(first + int(logits[first : tokens.end_of_phonemes].argmax()))
                else:
                    self._put_text()
                return None
        code = int(codes.argmax())
        self._next.append(first + code)
        self._frame.append(code)
        if len(self._frame) < tokens.groups:
            return None
        frame = Frame(self._sounding, tuple(self._frame))
        self._frame.clear()
        return frame

    def _shares(self, codes: NDArray[np.float32], logits: NDArray[np.float32]) -> tuple[float, float, float]:
        """Probabilities that sound comes, a phoneme, or what ends a word: `close`, before `end` any text."""
        tokens = self._tokens
        phonemes = logits[tokens.first_phoneme : tokens.end_of_phonemes]
        texts = logits[tokens.close : tokens.close + 1]
        if self._num_texts <= len(self._words):
            texts = logits.copy()
            texts[tokens.first_code : tokens.end_of_codes] = -np.inf
            texts[tokens.first_phoneme : tokens.end_of_phonemes] = -np.inf
        highest = max(codes.max(), texts.max(), phonemes.max(initial=-np.inf))
        sums = [float(np.exp(x - highest).sum()) for x in (codes, phonemes, texts)]
        sound, phoneme, text = (x / sum(sums) for x in sums)
        return sound, phoneme, text

    @property
    def _sounding(self) -> int:
        """The number of the word that sounds: the text is one ahead."""
        return self._num_texts - 2

    def _put_text(self) -> None:
        """The next word, or `end` when none is left, and how the word before it begins to sound."""
        self.over = self._num_texts > len(self._words)
        if self.over:
            return
        following = self._words[self._num_texts :][:1]
        self._next.extend(following[0].text if following else [self._end])
        self._num_texts += 1
        if self._sounding >= 0:
            self._phonemes.extend(self._words[self._sounding].phonemes)
            self._is_known = bool(self._phonemes)
        if self._phonemes:
            self._next.append(self._phonemes.popleft())
