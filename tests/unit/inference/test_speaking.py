"""The spoken half of a reply: its words put there one ahead of their sound, frames whole or none."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.inference.engine import CODES, SPECIALS, SPEECH

from sensorium.errors import BundleError
from sensorium.inference.fake import END, FakeBackend
from sensorium.inference.speaking import Frame, Speaking, find_tokens, split_words
from sensorium.request import SpeechFormat

BACKEND = FakeBackend(SPECIALS)
TOKENS = find_tokens(SPEECH, BACKEND)
A0, A3 = CODES[0], CODES[3]  # of group 0
B0, B2 = CODES[4], CODES[6]  # of group 1: codes 0 and 2


def ids(*pieces: str) -> list[int]:
    """A special token by its text, or the letters of a text."""
    return [i for p in pieces for i in ([BACKEND.special(p)] if p in SPECIALS else BACKEND.tokenize(p))]


def written(tokens: Sequence[int]) -> str:
    return b"".join(BACKEND.piece(token)[0] for token in tokens).decode()


def words(text: str) -> list[list[int]]:
    return split_words((token, BACKEND.piece(token)[0]) for token in BACKEND.tokenize(text))


def speak(text: str, draws: Sequence[str]) -> tuple[Speaking, str, list[Frame]]:
    """The reply `text` spoken with a mind that draws `draws`, one token each: what stands in the sequence,
    and the frames. It breaks off when nothing more is drawn."""
    speaking = Speaking(TOKENS, words(text), END)
    sequence, frames, left = [], [], [ids(d)[0] for d in draws]
    while not speaking.must_draw or left:
        if speaking.must_draw:
            token = left.pop(0)
            if (frame := speaking.drawn(token, BACKEND.piece(token)[1])) is not None:
                frames.append(frame)
            if speaking.over:
                break
        sequence.append(speaking.next_token())
    assert speaking.num_tokens == len(sequence) - 2
    return speaking, written(sequence), frames


def test_words_are_put_there_one_ahead_of_their_sound() -> None:
    draws = [A3, B0, A0, B2, "x", A0, B0, "y", A3, B2, "<|done|>"]
    speaking, sequence, frames = speak("i like tea", draws)
    assert sequence == (f"<|end|><|speak|>i like{A3}{B0}{A0}{B2} tea{A0}{B0}<|end|>{A3}{B2}")
    assert frames == [Frame(0, (3, 0)), Frame(0, (0, 2)), Frame(1, (0, 0)), Frame(2, (3, 2))]
    assert speaking.over and speaking.num_strays == 0 and speaking.num_codes == 8


def test_a_reply_of_one_word_sounds_behind_its_end() -> None:
    speaking, sequence, frames = speak("no", [A0, B0, "<|done|>"])
    assert (sequence, frames) == (f"<|end|><|speak|>no<|end|>{A0}{B0}", [Frame(0, (0, 0))])
    assert speaking.over


def test_a_word_without_codes_still_counts() -> None:
    _, sequence, frames = speak("in the box", [A0, B0, "x", "x", A3, B2])
    assert sequence == f"<|end|><|speak|>in the{A0}{B0} box<|end|>{A3}{B2}"
    assert [frame.word for frame in frames] == [0, 2]


@pytest.mark.parametrize(
    ("draws", "sequence", "num_strays"),
    [
        (["<|done|>"], " so<|end|>", 1),  # not before its time
        (["<|end|>"], " so<|end|>", 0),
        (["z"], " so<|end|>", 0),  # whatever word it is
        (["<|begin|>"], " so<|end|>", 1),
        (["<|speak|>"], " so<|end|>", 1),
    ],
)
def test_whatever_is_no_code_asks_for_the_next_word(draws: list[str], sequence: str, num_strays: int) -> None:
    speaking, found, _ = speak("i am so", [*draws, "x"])
    assert found == "<|end|><|speak|>i am" + sequence
    assert not speaking.over and speaking.num_strays == num_strays


def test_behind_the_end_nothing_is_left_but_its_sound() -> None:
    speaking, sequence, frames = speak("no", [A0, B0, "x", "<|begin|>", "<|end|>", A3, B0])
    assert sequence == f"<|end|><|speak|>no<|end|>{A0}{B0}<|end|><|end|><|end|>{A3}{B0}"
    assert frames == [Frame(0, (0, 0)), Frame(0, (3, 0))] and speaking.num_strays == 3


@pytest.mark.parametrize(
    ("draws", "codes", "num_strays"),
    [
        ((B0, A0, B0), [(0, 0)], 1),  # group 1 first
        ((A3, A0, B0), [(0, 0)], 1),  # group 0 twice
        ((A0, B0, B2), [(0, 0)], 1),  # group 1 twice
        ((A0, "x", B0), [], 2),  # a word in the middle of a frame
        ((A0, "<|end|>", B0), [], 2),
        (("x", A0, "<|done|>"), [], 1),  # half a frame is left
    ],
)
def test_what_is_no_part_of_a_frame_is_passed_over_and_counted(
    draws: tuple[str, ...], codes: list[tuple[int, ...]], num_strays: int
) -> None:
    speaking, _, frames = speak("i am", draws)
    assert [frame.codes for frame in frames] == codes
    assert speaking.num_strays == num_strays


def test_words_begin_with_a_space_but_for_the_first() -> None:
    assert [written(word) for word in words("hi there  you")] == ["hi", " there", " ", " you"]
    assert [written(word) for word in words(" a b")] == [" a", " b"]
    assert words("") == []


drawn = st.sampled_from([*CODES, "a", " ", "<|end|>", "<|speak|>", "<|begin|>", "<|done|>"])


@given(st.integers(1, 5), st.lists(drawn, max_size=40))
def test_whatever_is_drawn_the_words_are_the_replys_in_order_and_every_code_is_counted(
    num_words: int, draws: list[str]
) -> None:
    text = " ".join(f"word{i}" for i in range(num_words))
    speaking, sequence, frames = speak(text, draws)
    spoken = sequence.removeprefix("<|end|><|speak|>")
    for code in CODES:
        spoken = spoken.replace(code, "")
    assert f"{text}<|end|>".startswith(spoken.split("<|end|>")[0])
    assert "<|end|>" not in spoken or spoken.startswith(f"{text}<|end|>")
    assert all(len(f.codes) == 2 and all(0 <= code < 4 for code in f.codes) for f in frames)
    found = [frame.word for frame in frames]
    assert found == sorted(found) and all(0 <= word < num_words for word in found)
    num_in_frames = 2 * len(frames)
    assert num_in_frames <= speaking.num_codes <= num_in_frames + speaking.num_strays + 1


@pytest.mark.parametrize(
    "speech",
    [
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
