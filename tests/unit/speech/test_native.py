"""The mouth of a native turn over the fake codec, and one contract for both codecs' streams."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.bundles.catalogue import find
from sensorium.clock import ManualClock
from sensorium.errors import BadInput
from sensorium.persona import Voice
from sensorium.speech.codec import FRAME_SAMPLES, CodecModel, Decoder
from sensorium.speech.fake import FakeDecoder
from sensorium.speech.mouth import LATER_CHUNK_MS, Pcm, Word, WordCodes
from sensorium.speech.native import MAX_FRAMES_PER_TURN, CodecStream, NativeMouth, NativeVoice
from sensorium.speech.playout import Lead, Playout

RNG = np.random.default_rng(3)
CODES = RNG.integers(0, 1000, (60, 2)).astype(np.int16)


@pytest.fixture(scope="module")
def model() -> CodecModel:
    return CodecModel.load(find("nano").file("codec"))


@pytest.fixture(params=["codec", "fake"])
def open_stream(request, model):
    return (lambda: Decoder(model)) if request.param == "codec" else FakeDecoder


def opened(clock: ManualClock | None = None) -> NativeMouth:
    """Without a clock no time passes: the listener has all that was given still before them."""
    return NativeMouth(FakeDecoder(), Playout(Lead(), clock or ManualClock(), 16_000))


def stream(codec: CodecStream, frames_at_once: int) -> list[np.ndarray]:
    parts = [codec.feed(CODES[i : i + frames_at_once]) for i in range(0, len(CODES), frames_at_once)]
    return [*parts, codec.flush()]


def say(mouth: NativeMouth, words: list[tuple[int, int]]) -> list[Pcm | Word]:
    """(word number, frames) one after another; the frames are those of CODES in order."""
    events, at = [], 0
    for word, num_frames in words:
        events += mouth.feed(WordCodes(word, CODES[at : at + num_frames]))
        at += num_frames
    return [*events, *mouth.flush()]


def sound(events: list[Pcm | Word]) -> np.ndarray:
    return np.concatenate([np.zeros(0, np.int16), *(e.samples for e in events if isinstance(e, Pcm))])


# -- streams of both codecs ------------------------------------------------------------------------------


def test_the_first_sound_comes_with_the_second_frame_and_none_is_lost(open_stream):
    sizes = [len(part) for part in stream(open_stream(), 1)]
    assert sizes[:3] == [0, FRAME_SAMPLES // 2, FRAME_SAMPLES]
    assert sum(sizes) == len(CODES) * FRAME_SAMPLES


def test_the_division_into_calls_does_not_matter(open_stream):
    one_by_one = np.concatenate(stream(open_stream(), 1))
    assert one_by_one.dtype == np.int16
    np.testing.assert_array_equal(np.concatenate(stream(open_stream(), 7)), one_by_one)


def test_after_flush_a_stream_is_as_new_and_an_empty_one_is_silent(open_stream):
    codec = open_stream()
    first = np.concatenate(stream(codec, 5))
    np.testing.assert_array_equal(np.concatenate(stream(codec, 5)), first)
    assert len(open_stream().flush()) == 0


@pytest.mark.parametrize("codes", [CODES[:, :1], CODES + 1000, CODES.astype(np.float32), CODES[0]])
def test_codes_of_another_kind_are_refused(open_stream, codes):
    with pytest.raises(BadInput):
        open_stream().feed(codes)


# -- the mouth -------------------------------------------------------------------------------------------


def test_what_is_said_is_what_the_codec_makes_of_all_codes(open_stream):
    mouth = NativeVoice(open_stream).open(Voice())
    events = say(mouth, [(0, 9), (1, 20), (2, 31)])
    np.testing.assert_array_equal(sound(events), np.concatenate(stream(open_stream(), 1)))
    assert mouth.num_samples == len(CODES) * FRAME_SAMPLES


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 8)), max_size=7))
def test_words_lie_where_their_codes_do_and_are_told_after_their_samples(steps):
    """given words with any number of frames, some left out, when said, then each is exact and told in time"""
    words, number = [], 0
    for skip, num_frames in steps:
        number += skip
        words.append((number, num_frames))
    events = say(opened(), words)

    expected, at = {}, 0
    for number, num_frames in words:
        if num_frames:
            start = expected.get(number, (at, at))[0]
            at += num_frames * FRAME_SAMPLES
            expected[number] = (start, at)
    told = [e for e in events if isinstance(e, Word)]
    assert {e.word: (e.start_sample, e.end_sample) for e in told} == expected
    assert [e.word for e in told] == sorted(expected)
    position = 0
    for event in events:
        if isinstance(event, Pcm):
            assert event.samples.dtype == np.int16 and len(event.samples) > 0
            position += len(event.samples)
        else:
            assert event.end_sample <= position
    assert position == at


def test_the_first_chunk_is_a_tenth_of_a_second_and_later_ones_grow_with_what_is_ahead():
    """given a mind that is twice as fast as its speech"""
    clock = ManualClock()
    mouth = opened(clock)
    sizes = []
    for i in range(60):
        sizes.append([len(e.samples) for e in mouth.feed(WordCodes(0, CODES[i : i + 1]))])
        clock.advance(0.02)
    # the codec is half a frame behind, and the first of it comes with the second frame
    assert sizes[:5] == [[], [], [], [FRAME_SAMPLES * 5 // 2], [FRAME_SAMPLES]]
    given = list(itertools.chain(*sizes))
    assert given[1:] == sorted(given[1:]) and 2 * FRAME_SAMPLES <= given[-1] <= 16 * LATER_CHUNK_MS


def test_many_codes_at_once_are_given_in_chunks():
    events = opened().feed(WordCodes(0, np.resize(CODES, (500, 2))))
    sizes = [len(e.samples) for e in events]
    assert sizes[0] == FRAME_SAMPLES * 5 // 2
    assert max(sizes) == 16 * LATER_CHUNK_MS


def test_a_word_is_told_before_the_turn_is_over():
    mouth = opened()
    events = [*mouth.feed(WordCodes(0, CODES[:10])), *mouth.feed(WordCodes(1, CODES[10:30]))]
    assert [e for e in events if isinstance(e, Word)] == [Word(0, 0, 10 * FRAME_SAMPLES)]


def test_nothing_said_is_nothing():
    mouth = opened()
    assert [*mouth.feed(WordCodes(0, CODES[:0])), *mouth.flush()] == []
    assert mouth.num_samples == 0


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (" hello", "codes, not words"),
        (WordCodes(1, CODES), "after those of word 2"),
        (WordCodes(-1, CODES), "after those of word 2"),
        (WordCodes(2, CODES + 1000), "from 0 to 999"),
        (WordCodes(2, CODES - 1000), "from 0 to 999"),
        (WordCodes(2, CODES[:, :1]), "come as"),
        (WordCodes(2, np.resize(CODES, (MAX_FRAMES_PER_TURN - 4, 2))), "60 s"),
    ],
)
def test_what_is_refused_is_not_spoken(said, message):
    """given a turn under way, when it is fed what it does not take, then what came before is still whole"""
    mouth = opened()
    before = [*mouth.feed(WordCodes(2, CODES[:5]))]
    with pytest.raises(BadInput, match=message):
        list(mouth.feed(said))
    events = [*before, *mouth.flush()]
    assert len(sound(events)) == 5 * FRAME_SAMPLES
    assert events[-1] == Word(2, 0, 5 * FRAME_SAMPLES)


def test_a_minute_in_all_is_the_most_of_a_turn():
    mouth = opened()
    for i in range(MAX_FRAMES_PER_TURN // 50):
        list(mouth.feed(WordCodes(i, CODES[:50])))
    with pytest.raises(BadInput, match="60 s"):
        list(mouth.feed(WordCodes(99, CODES[:1])))
    list(mouth.flush())
    assert mouth.num_samples == 60 * 16_000


def test_warming_up_says_what_the_voice_is(open_stream):
    assert NativeVoice(open_stream).warm_up() == {"engine": "codec", "sample_rate_hz": 16_000}


@pytest.mark.parametrize("frames_at_once", NativeVoice.ladder)
def test_however_many_frames_are_made_at_once_the_sound_is_whole_and_begins_as_early(
    model, frames_at_once: int
) -> None:
    """given a lower rung, when a turn is said, then only the number of calls differs"""
    calls: list[int] = []

    class Counted(Decoder):
        def feed(self, codes):
            calls.append(len(codes))
            return super().feed(codes)

    voice = NativeVoice(lambda: Counted(model))
    voice.frames_at_once = frames_at_once
    events = say(voice.open(Voice()), [(0, 9), (1, 20), (2, 31)])
    whole = np.concatenate(stream(Decoder(model), 1))
    assert calls[:2] == [1, 1] and max(calls[2:]) == frames_at_once and sum(calls) == len(CODES)
    assert np.abs(sound(events).astype(int) - whole).max() <= 1
    words = [event for event in events if isinstance(event, Word)]
    assert [word.end_sample for word in words] == [9 * FRAME_SAMPLES, 29 * FRAME_SAMPLES, 60 * FRAME_SAMPLES]


def test_the_rung_may_change_in_the_middle_of_a_turn() -> None:
    voice = NativeVoice(FakeDecoder)
    mouth, events = voice.open(Voice()), []
    for i, frames_at_once in enumerate([1, 5, 5, 1, 2, 5, 1, 1, 5, 5]):
        voice.frames_at_once = frames_at_once
        events += mouth.feed(WordCodes(i, CODES[4 * i : 4 * i + 4]))
    events += mouth.flush()
    whole = FakeDecoder()
    np.testing.assert_array_equal(sound(events), np.concatenate((whole.feed(CODES[:40]), whole.flush())))
