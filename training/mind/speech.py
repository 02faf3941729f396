"""A reply that is spoken: words, their sounds and codes interleaved, the text one word ahead of its sound.

    <|speak|> w1 w2 [sounds of w1] w3 [sounds of w2] ... wN [sounds of wN-1] <|end|> [sounds of wN] <|done|>

A sound is a phoneme and the codes that begin within it, as the codec makes them, two a frame of 40 ms; of a
phoneme that is over sooner there are none. `<|end|>` closes the text, as it does where nothing is spoken;
`<|done|>` closes the sound. So the mind says which phoneme comes, then how it sounds in this voice, and what
it learns of one word holds for all. What was heard up to any moment is known in words.
Source: NANO.md section 4 for words (interleaved 16 % word error, text first 41 %, at equal training).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensorium.bundles import pronunciations
from sensorium.bundles.catalogue import find
from sensorium.bundles.pronunciations import Pronunciations
from sensorium.speech.codec import FRAME_SAMPLES
from training.espeak import PhonemeMark, WordMark
from training.mind.vocabulary import (
    CODES_PER_GROUP,
    END,
    FIRST_CODE,
    FIRST_PHONEME,
    NUM_GROUPS,
    PHONEME_ID,
    PHONEMES,
    SPECIAL_ID,
    encode,
)
from training.phonemes import PAUSE, bare_phoneme

SPEAK, DONE = SPECIAL_ID["<|speak|>"], SPECIAL_ID["<|done|>"]
_PAUSE = PHONEME_ID[PAUSE]

Codes = NDArray[np.int64]


class Sound(NamedTuple):
    """A phoneme's id and its codes, int64 (frames, 2)."""

    phoneme: int
    codes: Codes


class SpokenWord(NamedTuple):
    """A word and its sounds."""

    text: str
    sounds: tuple[Sound, ...]

    @property
    def codes(self) -> Codes:
        return np.concatenate([np.zeros((0, NUM_GROUPS), np.int64), *(sound.codes for sound in self.sounds)])


class _Span(NamedTuple):
    """From a sample on, frames [first, end)."""

    sample: int
    first: int
    end: int


@cache
def shipped_pronunciations() -> Pronunciations:
    """Those of the bundle, as `training.mind.pronunciations` wrote them."""
    return pronunciations.read(find("nano").file("pronunciations"), PHONEMES)


def split_by_word(
    words: Sequence[str],
    marks: Sequence[WordMark],
    phonemes: Sequence[PhonemeMark],
    codes: Codes,
    pronounced: Pronunciations,
) -> list[SpokenWord]:
    """`codes` (frames, 2) of "`words`, joined by spaces", dealt to the words and phonemes that they sound.

    What comes before the first mark belongs to the first word. A word without a mark is given its share of
    the sounds of the word before it, as it is `pronounced`; none when they are too few.
    """
    starts = starts_of(words, marks)
    starts[:1] = [0]
    spans: list[_Span | None] = []
    end = len(codes)
    for start in reversed(starts):
        first = end if start is None else min(_frame(start), end)
        spans.append(None if start is None else _Span(start, first, end))
        end = first
    spans.reverse()
    names = bare(phonemes)
    spoken = []
    for i, (word, span) in enumerate(zip(words, spans, strict=True)):
        later = next((s.sample for s in spans[i + 1 :] if s is not None), 1 << 60)
        mine = [mark for mark in names if span is not None and span.sample <= mark.sample < later]
        spoken.append(SpokenWord(word, _sounds(mine, span, codes) if span is not None else ()))
    return _shared(spoken, pronounced)


def starts_of(words: Sequence[str], marks: Sequence[WordMark]) -> list[int | None]:
    """The sample at which each word begins, None where it has no mark."""
    samples = {mark.character: mark.sample for mark in marks}
    characters = accumulate((len(word) + 1 for word in words), initial=0)
    return [samples.get(at) for at, _ in zip(characters, words, strict=False)]


def _shared(spoken: list[SpokenWord], pronounced: Pronunciations) -> list[SpokenWord]:
    for i in range(len(spoken) - 1, 0, -1):
        wanted = pronounced.get(spoken[i].text)
        if spoken[i].sounds or not wanted:
            continue
        before = next(j for j in range(i - 1, -1, -1) if spoken[j].sounds or not j)
        sounds = spoken[before].sounds
        kept, given = sounds[: -len(wanted)], sounds[-len(wanted) :]
        if kept and [s.phoneme == _PAUSE for s in given] == [FIRST_PHONEME + n == _PAUSE for n in wanted]:
            spoken[before] = spoken[before]._replace(sounds=kept)
            spoken[i] = spoken[i]._replace(sounds=given)
    return spoken


def _frame(sample: int) -> int:
    return round(sample / FRAME_SAMPLES)


def bare(marks: Sequence[PhonemeMark]) -> list[PhonemeMark]:
    """Without stress and what has no id; one pause in place of several."""
    found: list[PhonemeMark] = []
    for sample, name in marks:
        plain = bare_phoneme(name)
        if plain in PHONEME_ID and not (plain == PAUSE and found and found[-1].name == PAUSE):
            found.append(PhonemeMark(sample, plain))
    return found


def _sounds(marks: Sequence[PhonemeMark], span: _Span, codes: Codes) -> tuple[Sound, ...]:
    """What comes before the first mark is its sound, too; without any it is a pause."""
    marks = marks or [PhonemeMark(span.sample, PAUSE)]
    firsts = [min(max(_frame(mark.sample), span.first), span.end) for mark in marks]
    firsts[0] = span.first
    ends = [*firsts[1:], span.end]
    return tuple(
        Sound(PHONEME_ID[mark.name], codes[first:end])
        for mark, first, end in zip(marks, firsts, ends, strict=True)
    )


def interleave(spoken: Sequence[SpokenWord], voice: int | None = None) -> list[int]:
    """Ids of a spoken reply, from `<|speak|>` to `<|done|>`; a `voice` other than the base has its tag."""
    texts = [*(encode(word.text) for word in spoken), [END]]
    ids = [SPEAK, *([] if voice is None else [voice]), *texts[0]]
    for text, word in zip(texts[1:], spoken, strict=True):
        ids += text
        for sound in word.sounds:
            ids += [sound.phoneme, *code_ids(sound.codes)]
    return [*ids, DONE]


def code_ids(codes: NDArray[np.int64]) -> list[int]:
    """(frames, 2) of 0 to 999 -> ids, frame by frame. Raises ValueError for other codes."""
    if codes.ndim != 2 or codes.shape[1] != NUM_GROUPS:
        raise ValueError(f"codes of shape {codes.shape} where (frames, {NUM_GROUPS}) is expected")
    if codes.size and (codes.min() < 0 or codes.max() >= CODES_PER_GROUP):
        raise ValueError(f"a code outside 0 to {CODES_PER_GROUP - 1}")
    flat: list[int] = (codes + FIRST_CODE + CODES_PER_GROUP * np.arange(NUM_GROUPS)).reshape(-1).tolist()
    return flat


def heard(ids: Sequence[int]) -> tuple[list[int], NDArray[np.int64]]:
    """The inverse of `interleave` (in the base voice): the text's ids without END, and all codes (frames, 2);
    a last frame of which only one code is there is left out."""
    text = [i for i in ids if i < FIRST_PHONEME and i not in (SPEAK, END, DONE)]
    flat = [(i - FIRST_CODE) % CODES_PER_GROUP for i in ids if i >= FIRST_CODE]
    frames = np.array(flat[: len(flat) // NUM_GROUPS * NUM_GROUPS], np.int64).reshape(-1, NUM_GROUPS)
    return text, frames
