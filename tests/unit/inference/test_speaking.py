"""The spoken half of a reply: its words put there one ahead of their sound, frames whole or none."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.unit.inference.engine import CODES, PHONEMES, SPECIALS, SPEECH

from sensorium.errors import BundleError
from sensorium.inference.fake import END, FakeBackend
from sensorium.inference.speaking import (
    Frame,
    Speaking,
    SpeechTokens,
    Word,
    find_tokens,
    split_words,
)
from sensorium.request import SpeechFormat

BACKEND = FakeBackend(SPECIALS)
TOKENS = find_tokens(SPEECH, BACKEND)
P = PHONEMES
SPELLED = find_tokens(
    msgspec.structs.replace(SPEECH, first_phoneme=P[0], phonemes=("t", "@", "i:")), BACKEND, {"tea": (0, 2)}
)
A0, A3 = CODES[0], CODES[3]  # of group 0
B0, B2 = CODES[4], CODES[6]  # of group 1: codes 0 and 2


def ids(*pieces: str) -> list[int]:
    """A special token by its text, or the letters of a text."""
    return [i for p in pieces for i in ([BACKEND.special(p)] if p in SPECIALS else BACKEND.tokenize(p))]


def written(tokens: Sequence[int]) -> str:
    return b"".join(BACKEND.piece(token)[0] for token in tokens).decode()


def words(text: str, tokens: SpeechTokens | None = None) -> list[Word]:
    pieces = ((token, BACKEND.piece(token)[0]) for token in BACKEND.tokenize(text))
    return split_words(tokens or TOKENS, pieces)


def sure_of(token: int) -> NDArray[np.float32]:
    logits = np.zeros(BACKEND.info.vocab_size, np.float32)
    logits[token] = 20.0
    return logits


def speak(
    text: str, wanted: Sequence[str], tokens: SpeechTokens | None = None
) -> tuple[Speaking, str, list[Frame]]:
    """The reply `text` spoken with a mind that is sure of `wanted`, one token each: what stands in the
    sequence, and the frames. It breaks off when there is nothing more."""
    return speak_of(text, [sure_of(ids(w)[0]) for w in wanted], tokens)


def speak_of(
    text: str, logits: Sequence[NDArray[np.float32]], tokens: SpeechTokens | None = None
) -> tuple[Speaking, str, list[Frame]]:
    speaking = Speaking(tokens or TOKENS, words(text, tokens), END)
    sequence, frames, left = [], [], list(logits)
    while not speaking.must_read or left:
        if speaking.must_read:
            if (frame := speaking.read(left.pop(0))) is not None:
                frames.append(frame)
            if speaking.over:
                break
        if not speaking.must_read:
            sequence.append(speaking.next_token())
    assert speaking.num_tokens == len(sequence) - 2
    return speaking, written(sequence), frames


def test_words_are_put_there_one_ahead_of_their_sound() -> None:
    draws = [A3, B0, A0, B2, "x", A0, B0, "y", A3, B2, "<|done|>"]
    speaking, sequence, frames = speak("i like tea", draws)
    assert sequence == (f"<|end|><|speak|>i like{A3}{B0}{A0}{B2} tea{A0}{B0}<|end|>{A3}{B2}")
    assert frames == [Frame(0, (3, 0)), Frame(0, (0, 2)), Frame(1, (0, 0)), Frame(2, (3, 2))]
    assert speaking.over


def test_a_reply_of_one_word_sounds_behind_its_end() -> None:
    speaking, sequence, frames = speak("no", [A0, B0, "<|done|>"])
    assert (sequence, frames) == (f"<|end|><|speak|>no<|end|>{A0}{B0}", [Frame(0, (0, 0))])
    assert speaking.over


def test_a_word_without_codes_still_counts() -> None:
    _, sequence, frames = speak("in the box", [A0, B0, "x", "x", A3, B2])
    assert sequence == f"<|end|><|speak|>in the{A0}{B0} box<|end|>{A3}{B2}"
    assert [frame.word for frame in frames] == [0, 2]


@pytest.mark.parametrize("wanted", ["<|done|>", "<|end|>", "z", "<|begin|>", "<|speak|>"])
def test_whatever_is_no_code_asks_for_the_next_word(wanted: str) -> None:
    speaking, sequence, _ = speak("i am so", [wanted, "x"])
    assert sequence == "<|end|><|speak|>i am so<|end|>" and not speaking.over


@pytest.mark.parametrize("wanted", ["x", "<|begin|>", "<|end|>"])
def test_behind_the_end_only_sound_and_its_end_are_left(wanted: str) -> None:
    """given a model that wants what cannot be, then its share of sound and of the end decides"""
    logits = sure_of(ids(wanted)[0])
    logits[ids(A3)[0]] = 5.0
    speaking, sequence, frames = speak_of("no", [*map(sure_of, ids(A0, B0)), logits])
    assert sequence == f"<|end|><|speak|>no<|end|>{A0}{B0}{A3}" and frames == [Frame(0, (0, 0))]
    assert not speaking.over


@pytest.mark.parametrize(
    "wanted", [(A0, A3), (A0, "x"), (A0, "<|end|>")], ids=lambda wanted: "-".join(wanted)
)
def test_frames_are_whole_whatever_the_model_would_rather_have(wanted: tuple[str, ...]) -> None:
    _, _, frames = speak("i am", wanted)
    assert len(frames) == 1 and all(0 <= code < 4 for code in frames[0].codes)


def undecided(goes_on: float) -> NDArray[np.float32]:
    """Sound, of whichever four codes, has this probability; one letter has what is left."""
    logits = np.full(BACKEND.info.vocab_size, -50.0, np.float32)
    logits[[ids(code)[0] for code in CODES]] = math.log(goes_on / 4)
    logits[ids("x")[0]] = math.log(1 - goes_on)
    return logits


def test_sound_goes_on_while_all_codes_together_are_likelier_than_text() -> None:
    """given a letter that is likelier than each code and less likely than their sum"""
    _, sequence, frames = speak_of("i am", [undecided(0.7)] * 2)
    assert sequence.startswith("<|end|><|speak|>i am<|code_") and len(frames) == 1


def test_a_word_lasts_as_long_as_it_is_more_likely_than_not() -> None:
    """given a word that may be over before every frame with 0.2 (0.8, 0.64, 0.512, 0.41 that it is not)"""
    _, sequence, frames = speak_of("i am", [undecided(0.8)] * 7)
    assert [frame.word for frame in frames] == [0, 0, 0] and sequence.endswith("<|end|>")


def test_words_begin_with_a_space_but_for_the_first() -> None:
    assert [written(word.text) for word in words("hi there  you")] == ["hi", " there", " ", " you"]
    assert [written(word.text) for word in words(" a b")] == [" a", " b"]
    assert words("") == []


wanted = st.sampled_from([*CODES, "a", " ", "<|end|>", "<|speak|>", "<|begin|>", "<|done|>"])


@given(st.integers(1, 5), st.lists(wanted, max_size=40))
def test_whatever_is_wanted_the_words_are_the_replys_in_order_and_every_code_is_in_a_frame(
    num_words: int, wanted: list[str]
) -> None:
    text = " ".join(f"word{i}" for i in range(num_words))
    _, sequence, frames = speak(text, wanted)
    said = sequence.removeprefix("<|end|><|speak|>")
    num_codes = sum(said.count(code) for code in CODES)
    for code in CODES:
        said = said.replace(code, "")
    assert f"{text}<|end|>".startswith(said)
    assert all(len(f.codes) == 2 and all(0 <= code < 4 for code in f.codes) for f in frames)
    found = [frame.word for frame in frames]
    assert found == sorted(found) and all(0 <= word < num_words for word in found)
    assert num_codes - 2 * len(frames) in (0, 1)


def test_known_words_are_pronounced_as_it_stands_written_and_others_as_the_mind_says() -> None:
    """given "tea", whose phonemes are known, and "i", whose are not"""
    wanted = [P[1], A3, B0, "x", A0, B0, P[0], A0, B2, "x"]
    # when the mind is sure of another second phoneme of "tea"
    speaking, sequence, frames = speak("i tea", wanted, SPELLED)
    # then
    assert sequence == f"<|end|><|speak|>i tea{P[1]}{A3}{B0}<|end|>{P[0]}{A0}{B0}{P[2]}{A0}{B2}"
    assert [frame.word for frame in frames] == [0, 1, 1] and speaking.over


def test_the_mind_adds_no_phoneme_to_a_known_word() -> None:
    _, sequence, _ = speak("tea so", [P[1], P[1], P[1]], SPELLED)
    assert sequence == f"<|end|><|speak|>tea so{P[0]}{P[2]}<|end|>{P[1]}"


@pytest.mark.parametrize(
    "speech",
    [
        {"speakers": 2, "first_speaker": "<|nobody|>"},
        {"speakers": 300, "first_speaker": P[1]},
        {"speakers": 1, "first_speaker": "<|speak|>"},
        {"speakers": 2, "first_speaker": CODES[1]},
        {"phonemes": ("a",), "first_phoneme": "<|nobody|>"},
        {"phonemes": ("a",)},
        {"phonemes": ("a", "a"), "first_phoneme": P[0]},
        {"phonemes": tuple(map(str, range(300))), "first_phoneme": P[1]},  # behind the end
        {"phonemes": ("a",), "first_phoneme": "<|speak|>"},
        {"phonemes": ("a",), "first_phoneme": CODES[1]},
        {"open": "<|nobody|>"},
        {"first_code": "<|nobody|>"},
        {"codes_per_group": 100},  # letters would be codes
        {"groups": 15, "codes_per_group": 32767},  # behind the end of the vocabulary
        {"close": "<|speak|>"},
        {"open": CODES[3]},
        {"close": CODES[7]},
    ],
)
def test_a_format_that_the_model_cannot_write_is_refused(speech: dict[str, object]) -> None:
    fields = {"open": "<|speak|>", "close": "<|done|>", "first_code": CODES[0]}
    with pytest.raises(BundleError):
        find_tokens(
            SpeechFormat(**{**fields, "groups": 2, "codes_per_group": 4, **speech}),  # type: ignore[arg-type]
            BACKEND,
        )
