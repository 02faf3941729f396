"""A reply that is spoken: words and codes interleaved, the text one word ahead of its sound.

    <|speak|> w1 w2 [codes of w1] w3 [codes of w2] ... wN [codes of wN-1] <|end|> [codes of wN] <|done|>

`<|end|>` closes the text, as it does where nothing is spoken; `<|done|>` closes the sound. The first sound
needs two words, and what was heard up to any moment is known in words. Codes come as the codec makes them,
two a frame of 40 ms.
Source: NANO.md section 4 (interleaved 16 % word error, text first 41 %, at equal training).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensorium.speech.codec import FRAME_SAMPLES
from training.espeak import WordMark
from training.mind.vocabulary import CODES_PER_GROUP, END, FIRST_CODE, NUM_GROUPS, SPECIAL_ID, encode

SPEAK, DONE = SPECIAL_ID["<|speak|>"], SPECIAL_ID["<|done|>"]


class SpokenWord(NamedTuple):
    """A word and its codes, int64 (frames, 2). A word that espeak runs into the one before may have none."""

    text: str
    codes: NDArray[np.int64]


def split_by_word(
    words: Sequence[str], marks: Sequence[WordMark], codes: NDArray[np.int64]
) -> list[SpokenWord]:
    """`codes` (frames, 2) of "`words`, joined by spaces", dealt to the words whose sound they are.

    A word without a mark has no codes: the word before it has them. What comes before the first mark belongs
    to the first word, and what follows the last to the last that has a mark.
    """
    starts = {mark.character: round(mark.sample / FRAME_SAMPLES) for mark in marks}
    firsts: list[int | None] = []
    at = 0
    for word in words:
        firsts.append(starts.get(at))
        at += len(word) + 1
    spoken: list[SpokenWord] = []
    end = len(codes)
    for word, first in zip(reversed(words), reversed(firsts), strict=True):
        begin = end if first is None else min(first, end)
        spoken.append(SpokenWord(word, codes[begin:end]))
        end = begin
    spoken.reverse()
    if spoken:
        spoken[0] = SpokenWord(spoken[0].text, codes[: end + len(spoken[0].codes)])
    return spoken


def interleave(spoken: Sequence[SpokenWord], voice: int | None = None) -> list[int]:
    """Ids of a spoken reply, from `<|speak|>` to `<|done|>`; a `voice` other than the base has its tag."""
    texts = [*(encode(word.text) for word in spoken), [END]]
    ids = [SPEAK, *([] if voice is None else [voice]), *texts[0]]
    for text, word in zip(texts[1:], spoken, strict=True):
        ids += text
        ids += code_ids(word.codes)
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
    text = [i for i in ids if i < FIRST_CODE and i not in (SPEAK, END, DONE)]
    flat = [(i - FIRST_CODE) % CODES_PER_GROUP for i in ids if i >= FIRST_CODE]
    frames = np.array(flat[: len(flat) // NUM_GROUPS * NUM_GROUPS], np.int64).reshape(-1, NUM_GROUPS)
    return text, frames
