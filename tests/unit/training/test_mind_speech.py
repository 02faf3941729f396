"""Interleaved speech: dealt to words by their marks, one word ahead, and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from training.espeak import PhonemeMark, WordMark
from training.mind.speech import (
    DONE,
    SPEAK,
    Sound,
    SpokenWord,
    code_ids,
    heard,
    interleave,
    split_by_word,
)
from training.mind.vocabulary import END, FIRST_CODE, PHONEME_ID, SIZE, encode

FRAME = 640


def said(text: str, codes: np.ndarray, phoneme: str = "a") -> SpokenWord:
    return SpokenWord(text, (Sound(PHONEME_ID[phoneme], codes),))


def frames(num: int, first: int = 0) -> np.ndarray:
    return np.arange(first, first + 2 * num, dtype=np.int64).reshape(num, 2) % 1_000


def test_codes_go_to_the_word_that_sounds() -> None:
    # given three words that begin in frames 1, 4 and 6 of 9
    marks = [WordMark(1 * FRAME, 0), WordMark(4 * FRAME, 2), WordMark(6 * FRAME, 7)]
    # when
    spoken = split_by_word(["i", "like", "tea"], marks, [], frames(9), {})
    # then the silence before the first word is the first word's
    assert [len(word.codes) for word in spoken] == [4, 2, 3]
    assert np.concatenate([word.codes for word in spoken]).tolist() == frames(9).tolist()


def test_a_word_without_a_mark_is_given_the_sounds_that_it_is_known_by() -> None:
    """given "do not", which espeak-ng speaks as one, and the pause of the stop"""
    marks = [WordMark(0, 0), WordMark(5 * FRAME, 7)]
    names = ["d", "u:", "n", "0", "t", "g", "oU", "_:"]
    phonemes = [PhonemeMark(i * FRAME, name) for i, name in enumerate(names)]
    known = {"not": (1, 2, 3), ".": (0,), "do": (4,)}
    # when
    spoken = split_by_word(["do", "not", "go", "."], marks, phonemes, frames(9), known)
    # then
    assert [len(word.sounds) for word in spoken] == [2, 3, 2, 1]
    assert [len(word.codes) for word in spoken] == [2, 3, 2, 2]


@pytest.mark.parametrize(
    "known", [{}, {"the": (1, 2, 3)}, {"the": (0,)}], ids=["unknown", "longer", "a pause"]
)
def test_a_word_without_a_mark_has_no_codes_when_nothing_can_be_given_and_none_are_lost(
    known: dict[str, tuple[int, ...]],
) -> None:
    marks = [WordMark(0, 0), WordMark(5 * FRAME, 7)]
    phonemes = [PhonemeMark(0, "I"), PhonemeMark(2 * FRAME, "n"), PhonemeMark(5 * FRAME, "b")]
    spoken = split_by_word(["in", "the", "box"], marks, phonemes, frames(8), known)
    assert [len(word.codes) for word in spoken] == [5, 0, 3]


def test_marks_behind_the_sound_lose_nothing() -> None:
    spoken = split_by_word(["a", "b"], [WordMark(0, 0), WordMark(99 * FRAME, 2)], [], frames(3), {})
    assert [len(word.codes) for word in spoken] == [3, 0]


def test_codes_go_to_the_phoneme_in_which_they_begin() -> None:
    # given "hi you", with stress, a pause in two parts, a name that is none, and a phoneme under a frame
    marks = [WordMark(FRAME, 0), WordMark(6 * FRAME, 3)]
    names = [(1, "h"), (2, "'aI"), (4.9, "_:"), (5.1, "_"), (6, "j"), (7, "t"), (7.2, "u:"), (8, "bogus")]
    phonemes = [PhonemeMark(round(at * FRAME), name) for at, name in names]
    # when
    hi, you = split_by_word(["hi", "you"], marks, phonemes, frames(10), {})
    # then
    found = [[(sound.phoneme, len(sound.codes)) for sound in word.sounds] for word in (hi, you)]
    assert found == [
        [(PHONEME_ID["h"], 2), (PHONEME_ID["aI"], 3), (PHONEME_ID["_"], 1)],
        [(PHONEME_ID["j"], 1), (PHONEME_ID["t"], 0), (PHONEME_ID["u:"], 3)],
    ]
    assert np.concatenate([hi.codes, you.codes]).tolist() == frames(10).tolist()


def test_text_is_one_word_ahead_of_its_sound() -> None:
    spoken = [
        said("i", frames(1, 10), "aI"),
        said("like", frames(1, 20), "l"),
        said("tea", frames(1, 30), "t"),
    ]
    i, like, tea = (encode(word)[0] for word in ("i", "like", "tea"))
    c = FIRST_CODE
    ai, el, te = (PHONEME_ID[name] for name in ("aI", "l", "t"))
    assert interleave(spoken) == [
        SPEAK, i, like, ai, c + 10, c + 1011, tea, el, c + 20, c + 1021, END, te, c + 30, c + 1031, DONE,
    ]  # fmt: skip


@given(
    st.lists(
        st.tuples(st.sampled_from(["i", "like", "tea", "zzyx"]), st.integers(0, 5)), min_size=1, max_size=8
    )
)
def test_what_is_interleaved_can_be_read_back(words: list[tuple[str, int]]) -> None:
    spoken = [said(text, frames(num, 7 * num)) for text, num in words]
    ids = interleave(spoken)
    text, codes = heard(ids)
    assert text == encode(" ".join(word for word, _ in words))
    assert codes.tolist() == np.concatenate([word.codes for word in spoken]).tolist()
    assert max(ids) < SIZE and ids.count(DONE) == 1


def test_half_a_frame_is_left_out() -> None:
    assert heard([SPEAK, FIRST_CODE + 1, FIRST_CODE + 1_002, FIRST_CODE + 3])[1].tolist() == [[1, 2]]


@pytest.mark.parametrize("codes", [frames(3)[:, :1], np.array([[0, 1_000]]), np.array([[-1, 0]])])
def test_codes_that_are_none_are_refused(codes: np.ndarray) -> None:
    with pytest.raises(ValueError, match="code"):
        code_ids(codes)
