"""Utterances: where they begin, pause and end. With fakes; at the end once with the real ear and VAD."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.audio import from_int16
from sensorium.dialogue.endpointing import Endpointing
from sensorium.errors import BadInput
from sensorium.hearing.engine import Hypothesis
from sensorium.hearing.fake import FakeNativeEar, FakeSpeechToText, LoudnessVad
from sensorium.hearing.listener import (
    Event,
    Limits,
    Listener,
    Rows,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    SpeechSuspected,
    Words,
    p_end,
)
from sensorium.hearing.vad import Vad
from sensorium.metrics import Counters

WINDOW = 512


def sound(*parts: tuple[str, int]) -> np.ndarray:
    """("loud" or "quiet", windows) one after another."""
    return np.concatenate([np.full(n * WINDOW, 0.2 * (kind == "loud"), np.float32) for kind, n in parts])


def listener(*texts: str, counters: Counters | None = None, limits: Limits | None = None) -> Listener:
    return Listener(FakeSpeechToText(texts), LoudnessVad(), counters or Counters(), limits)


def kinds(events: list[Event]) -> list[str]:
    """Names of the events, repeats of one kind in a row only once."""
    names = [type(event).__name__ for event in events]
    return [name for i, name in enumerate(names) if i == 0 or names[i - 1] != name]


def test_silence_is_nothing():
    ear = listener("hello")
    assert ear.feed(sound(("quiet", 200))) == []
    assert ear.flush() == []


def test_one_utterance_from_start_to_end():
    ear = listener("hello maya")
    events = ear.feed(sound(("quiet", 20), ("loud", 20), ("quiet", 20)))
    assert kinds(events)[:2] == ["SpeechSuspected", "SpeechStarted"]
    assert events[:2] == [SpeechSuspected(20 * WINDOW), SpeechStarted(20 * WINDOW)]
    words = [e for e in events if isinstance(e, Words)]
    assert words[-1].text == "hello maya"
    assert words[-1].until_sample <= 40 * WINDOW
    pauses = [e for e in events if isinstance(e, SpeechPaused)]
    assert {p.at_sample for p in pauses} == {40 * WINDOW}
    assert [p.silence_ms for p in pauses] == list(range(96, 641, 32))
    assert [p.p_end for p in pauses] == sorted(p.p_end for p in pauses)
    assert ear.flush() == []


def test_pauses_stop_repeating_in_the_end():
    events = listener("hello").feed(sound(("loud", 10), ("quiet", 300)))
    assert max(e.silence_ms for e in events if isinstance(e, SpeechPaused)) < 2_400


def test_a_short_pause_is_resumed_in_the_same_utterance():
    counters = Counters()
    ear = listener("my dog is called rex", counters=counters)
    events = ear.feed(sound(("loud", 20), ("quiet", 8), ("loud", 20), ("quiet", 30)))
    assert [e for e in events if isinstance(e, SpeechResumed)] == [SpeechResumed(28 * WINDOW)]
    assert sum(isinstance(e, SpeechStarted) for e in events) == 1
    assert counters.get("bridge_calls_total", kind="stt") == 1


def test_after_a_long_pause_a_new_utterance_has_only_new_words():
    counters = Counters()
    ear = listener("hello maya", "goodbye leo", counters=counters)
    events = ear.feed(sound(("loud", 20), ("quiet", 20), ("loud", 20), ("quiet", 20)))
    starts = [i for i, e in enumerate(events) if isinstance(e, SpeechStarted)]
    assert len(starts) == 2
    assert not any(isinstance(e, SpeechResumed) for e in events)
    first = [e.text for e in events[: starts[1]] if isinstance(e, Words)]
    second = [e.text for e in events[starts[1] :] if isinstance(e, Words)]
    assert first[-1] == "hello maya"
    assert second[-1] == "goodbye leo"
    assert all("hello" not in text for text in second)
    assert counters.get("bridge_calls_total", kind="stt") == 2


def test_an_utterance_ends_before_any_endpointing_ends_the_turn():
    """given the standard endpointing, when silence grows, then the utterance is over before the turn is"""
    standard = Endpointing()
    assert Limits().utterance_end_ms <= standard.sure_ms
    by_silence_ms = next(ms for ms in range(2_000) if ms >= standard.wait_ms(p_end(ms)))
    assert 350 <= by_silence_ms <= 420


def test_a_click_is_no_speech():
    events = listener("hello").feed(sound(("quiet", 5), ("loud", 1), ("quiet", 80)))
    assert kinds(events) == ["SpeechSuspected"]


def test_the_end_of_the_stream_completes_the_words():
    ear = listener("hello maya what time is it")
    events = ear.feed(sound(("loud", 12)))
    assert [e.text for e in events if isinstance(e, Words)][-1] != "hello maya what time is it"
    assert [e.text for e in ear.flush() if isinstance(e, Words)] == ["hello maya what time is it"]


def test_endless_speech_is_cut_into_utterances():
    ear = listener("one", "two", "three", limits=Limits(longest_utterance=50))
    events = ear.feed(sound(("loud", 130)))
    starts = [e.at_sample for e in events if isinstance(e, SpeechStarted)]
    assert len(starts) == 3
    assert starts == sorted(starts)


class _Spy(FakeSpeechToText):
    """Remembers what it was fed."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[np.ndarray] = []

    def feed(self, pcm):
        self.pieces.append(pcm)
        return super().feed(pcm)


def test_the_words_are_made_from_a_third_of_a_second_before_the_onset():
    spy = _Spy()
    ramp = np.arange(60 * WINDOW, dtype=np.float32) / 1e7
    ramp[40 * WINDOW :] += 0.2
    Listener(spy, LoudnessVad(), Counters()).feed(ramp)
    heard = np.concatenate(spy.pieces)
    np.testing.assert_array_equal(heard, ramp[30 * WINDOW :])


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(1, 40 * WINDOW), max_size=8))
def test_how_the_sound_is_cut_does_not_change_the_events(cuts):
    whole = sound(("quiet", 3), ("loud", 12), ("quiet", 6), ("loud", 6), ("quiet", 18))
    ear, other = listener("hello maya what"), listener("hello maya what")
    pieces = np.split(whole, sorted(c for c in cuts if c < len(whole)))
    in_pieces = [e for piece in pieces for e in ear.feed(piece)]
    assert in_pieces + ear.flush() == other.feed(whole) + other.flush()


@pytest.mark.parametrize("pcm", [np.zeros(512), np.zeros((1, 512), np.float32)])
def test_other_forms_of_sound_are_refused(pcm):
    with pytest.raises(BadInput):
        listener().feed(pcm)


def utterances(events: list[Event]) -> list[list[Event]]:
    """The events of each utterance, from its SpeechStarted on."""
    found: list[list[Event]] = []
    for event in events:
        if isinstance(event, SpeechStarted):
            found.append([])
        if not isinstance(event, SpeechSuspected):
            found[-1].append(event)
    return found


def test_each_word_has_one_row_and_those_of_an_utterance_count_from_0():
    """given two utterances, when heard natively, then each has rows of its own, before the words with them"""
    counters = Counters()
    ear = Listener(FakeNativeEar(("hello maya", "goodbye my leo")), LoudnessVad(), counters)
    whole = sound(("loud", 20), ("quiet", 20), ("loud", 25), ("quiet", 20))
    heard = utterances([e for at in range(0, len(whole), 700) for e in ear.feed(whole[at : at + 700])])
    letters = []
    for events in heard:
        num_rows = 0
        for event in events:
            if isinstance(event, Rows):
                assert event.first_row == num_rows
                num_rows += len(event.rows)
            elif isinstance(event, Words):
                assert len(event.text.split()) == num_rows
        letters.append([row[0] for e in events if isinstance(e, Rows) for row in e.rows])
    assert letters == [[5, 4], [7, 2, 3]]
    assert counters.snapshot() == {}


def test_the_end_of_the_stream_completes_the_rows_and_then_the_words():
    ear = Listener(FakeNativeEar(("hello maya what now",)), LoudnessVad(), Counters())
    before = [e for e in ear.feed(sound(("loud", 13))) if isinstance(e, Rows)]
    last, words = ear.flush()
    assert isinstance(last, Rows)
    assert words == Words("hello maya what now", 13 * WINDOW, 1.0, False)
    assert last.first_row == sum(len(e.rows) for e in before) == 2
    assert last.rows[:, 0].tolist() == [4, 3]


class _Doubtful(FakeSpeechToText):
    """The same word, of which it grows surer."""

    def __init__(self) -> None:
        super().__init__()
        self._answers = iter([Hypothesis("", 0.3), Hypothesis("hello", 0.4), Hypothesis("hello", 0.4)])

    def feed(self, pcm):
        return next(self._answers, Hypothesis("hello", 0.9))


def test_words_come_again_when_only_their_confidence_changed():
    events = Listener(_Doubtful(), LoudnessVad(), Counters()).feed(sound(("loud", 8)))
    words = [e for e in events if isinstance(e, Words)]
    assert [(e.text, e.confidence) for e in words] == [("hello", 0.4), ("hello", 0.9)]


@pytest.mark.parametrize("name", ["ear", "native"])
def test_real_speech_through_the_real_vad_and_ear(name, open_engine):
    """given a spoken sentence between silences, heard in 20 ms pieces, then its words and a pause come"""
    golden = np.load(Path(__file__).with_name("ear_golden.npz"))
    counters = Counters()
    ear = Listener(open_engine(name), Vad(), counters)
    quiet = np.random.default_rng(1).normal(0, 1e-3, 12_000).astype(np.float32)
    pcm = np.concatenate([quiet, from_int16(golden["pcm"]), quiet])
    events = [e for at in range(0, len(pcm), 320) for e in ear.feed(pcm[at : at + 320])] + ear.flush()
    words = [e for e in events if isinstance(e, Words)][-1]
    assert words.text == str(golden["text"])
    assert words.confidence > 0.5
    assert sum(isinstance(e, SpeechStarted) for e in events) == 1
    assert [type(e) for e in events[:2]] == [SpeechSuspected, SpeechStarted]
    assert 12_000 <= events[0].at_sample < 12_000 + 16_000
    assert isinstance(events[-1], SpeechPaused)
    num_rows = sum(len(e.rows) for e in events if isinstance(e, Rows))
    expected = (1, 0) if name == "ear" else (0, len(words.text.split()))
    assert (counters.get("bridge_calls_total", kind="stt"), num_rows) == expected
