from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.errors import BadInput, NotFound, WorkerFailed
from sensorium.metrics import Counters
from sensorium.persona import Voice
from sensorium.speech.fake import FakeTextToSpeech
from sensorium.speech.mouth import FIRST_CHUNK_MS, LATER_CHUNK_MS, Pcm, Phrase, WordCodes
from sensorium.speech.synthesizer import COMMA_PAUSE_MS, SENTENCE_PAUSE_MS, Synthesizer


class Script(FakeTextToSpeech):
    """Says the same chunks for every phrase and remembers the texts."""

    sample_rate_hz = 1000  # one sample is one millisecond

    def __init__(self, *chunks: list[int]) -> None:
        super().__init__()
        self.chunks = chunks
        self.texts: list[str] = []
        self.num_closed = 0

    def synthesize(self, text, voice):
        self.texts.append(text)
        try:
            for chunk in self.chunks:
                yield np.array(chunk, np.int16)
        finally:
            self.num_closed += 1


def mouth(bridge: FakeTextToSpeech, counters: Counters | None = None) -> Synthesizer:
    return Synthesizer(bridge, Voice(), counters or Counters())


def sounds(events: list[Pcm | Phrase]) -> np.ndarray:
    return np.concatenate([np.zeros(0, np.int16), *(e.samples for e in events if isinstance(e, Pcm))])


@settings(max_examples=30, deadline=None)
@given(st.text(alphabet="ab .,\n1", max_size=120), st.lists(st.integers(0, 120), max_size=6))
def test_positions_are_exact_and_no_word_is_lost(text, cuts):
    borders = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    synthesizer = mouth(FakeTextToSpeech())
    events = [e for a, b in itertools.pairwise(borders) for e in synthesizer.feed(text[a:b])]
    events += synthesizer.flush()

    position, phrase_start = 0, 0
    for event in events:
        if isinstance(event, Pcm):
            assert event.samples.dtype == np.int16 and len(event.samples) > 0
            position += len(event.samples)
        else:
            assert (event.start_sample, event.end_sample) == (phrase_start, position)
            phrase_start = position
    assert position == synthesizer.num_samples == len(sounds(events))
    assert "".join(e.text for e in events if isinstance(e, Phrase)) == text


def test_the_first_chunk_is_small_and_leaves_before_the_engine_has_made_the_second():
    bridge = Script([900] * 60, [900] * 500)
    events = mouth(bridge).feed("One. Two")
    first = next(events)
    assert isinstance(first, Pcm) and len(first.samples) == FIRST_CHUNK_MS
    assert bridge.num_closed == 0
    sizes = [len(e.samples) for e in events if isinstance(e, Pcm)]
    assert sizes == [LATER_CHUNK_MS, LATER_CHUNK_MS, 560 - FIRST_CHUNK_MS - 2 * LATER_CHUNK_MS]


def test_leading_silence_goes_and_a_little_is_kept():
    events = [*mouth(Script([0] * 60, [0] * 40 + [900] * 10, [0] * 5)).feed("One. Two")]
    assert sounds(events).tolist() == [0, 0, 0] + [900] * 10 + [0] * 5
    assert events[-1] == Phrase("One.", 0, 18)


@pytest.mark.parametrize(
    ("text", "pause_ms"),
    [
        ("One. Two", SENTENCE_PAUSE_MS),
        ('"One." Two', SENTENCE_PAUSE_MS),
        ("One\nTwo", SENTENCE_PAUSE_MS),
        ("Only one, two", COMMA_PAUSE_MS),
        ("one " * 12 + "two", 0),
    ],
)
def test_between_phrases_is_the_pause_that_the_first_one_asks_for(text, pause_ms):
    synthesizer = mouth(Script([900] * 10))
    events = [*synthesizer.feed(text), *synthesizer.flush()]
    assert sounds(events).tolist() == [900] * 10 + [0] * pause_ms + [900] * 10


def test_a_phrase_cut_by_length_is_spoken_as_unfinished_and_reported_as_it_is():
    bridge = Script([900] * 10)
    synthesizer = mouth(bridge)
    events = [*synthesizer.feed("one " * 12 + "two"), *synthesizer.flush()]
    said = [e.text for e in events if isinstance(e, Phrase)]
    assert bridge.texts == [said[0] + ",", said[1]]


def test_what_cannot_be_spoken_is_reported_without_sound_or_a_call():
    bridge, counters = Script([900]), Counters()
    synthesizer = mouth(bridge, counters)
    assert [*synthesizer.feed(" ."), *synthesizer.flush()] == [Phrase(" .", 0, 0)]
    assert bridge.texts == [] and counters.snapshot() == {}


def test_every_phrase_is_one_counted_call_of_the_bridge():
    counters = Counters()
    synthesizer = mouth(FakeTextToSpeech(), counters)
    assert [*synthesizer.feed("One. Two. Three"), *synthesizer.flush()]
    assert counters.get("bridge_calls_total", kind="tts") == 3


def test_closing_the_events_closes_the_engine_too():
    bridge = Script([900] * 500)
    events = mouth(bridge).feed("One. Two. Three")
    next(events)
    events.close()
    assert bridge.num_closed == 1 and len(bridge.texts) == 1


def test_an_unknown_voice_is_refused_before_the_first_word():
    with pytest.raises(NotFound):
        Synthesizer(FakeTextToSpeech(), Voice(espeak="klingon"), Counters())


def test_codes_are_refused():
    with pytest.raises(BadInput, match="words, not codes"):
        list(mouth(FakeTextToSpeech()).feed(WordCodes(0, np.zeros((1, 2), np.int16))))


def test_an_error_of_the_engine_reaches_the_caller_after_what_was_made():
    class Dying(Script):
        def synthesize(self, text, voice):
            yield np.full(60, 900, np.int16)
            raise WorkerFailed("it died")

    events = mouth(Dying()).feed("One. Two")
    assert isinstance(next(events), Pcm)
    with pytest.raises(WorkerFailed):
        list(events)
