"""The bridge at the native ear's side: asked at the end, only when the ear is not sure, once made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from sensorium.hearing.engine import Hypothesis
from sensorium.hearing.fake import FakeNativeEar, FakeSpeechToText, LoudnessVad
from sensorium.hearing.listener import Listener, Rows, Words
from sensorium.hearing.second_opinion import SecondOpinion
from sensorium.metrics import Counters

SPEECH = np.full(16_000, 0.1, np.float32)
QUIET = np.zeros(16_000, np.float32)


class Unsure(FakeNativeEar):
    """Trusts its words by so much."""

    def __init__(self, confidence: float) -> None:
        super().__init__(("good evening world",))
        self._confidence = confidence

    def finish(self) -> Hypothesis:
        return super().finish()._replace(confidence=self._confidence)


class Bridges:
    """Counts the bridges made, and what they were given."""

    def __init__(self, said: str) -> None:
        self.made: list[FakeSpeechToText] = []
        self.num_samples = 0
        self._said = said
        self.announced: list[float] = []
        self.announces = False

    @contextmanager
    def computing(self, seconds: float) -> Iterator[None]:
        self.announced.append(seconds)
        self.announces = True
        yield
        self.announces = False

    def open(self) -> FakeSpeechToText:
        bridges = self

        class Counting(FakeSpeechToText):
            def feed(self, pcm: np.ndarray) -> Hypothesis:
                assert bridges.announces
                bridges.num_samples += len(pcm)
                return super().feed(pcm)

        assert self.announces
        self.made.append(Counting((self._said, self._said)))
        return self.made[-1]


def listen(engine: SecondOpinion, counters: Counters) -> list[object]:
    listener = Listener(engine, LoudnessVad(), counters)
    return [*listener.feed(SPEECH), *listener.feed(QUIET), *listener.flush()]


@pytest.mark.parametrize(("confidence", "asked"), [(0.9, False), (0.5, False), (0.1, True)])
def test_the_bridge_is_asked_when_the_ear_is_not_sure(confidence: float, asked: bool) -> None:
    # given
    bridges, counters = Bridges("maya what do you like"), Counters()
    engine = SecondOpinion(Unsure(confidence), bridges.open, 0.5, bridges.computing)
    # when
    events = listen(engine, counters)
    # then
    words = [event for event in events if isinstance(event, Words)][-1]
    assert words.text == ("maya what do you like" if asked else "good evening world")
    assert words.by_bridge is asked and len(bridges.made) == asked
    assert any("bridge_calls_total" in key for key in counters.snapshot()) is asked
    # and it heard all of the utterance
    heard = sum(1 for event in events if isinstance(event, Rows))
    assert heard >= 1 and (bridges.num_samples >= len(SPEECH)) is asked


def test_a_bridge_that_hears_nothing_changes_nothing() -> None:
    bridges = Bridges("")
    engine = SecondOpinion(Unsure(0.1), bridges.open, 0.5, bridges.computing)
    words = [event for event in listen(engine, Counters()) if isinstance(event, Words)][-1]
    assert (words.text, words.confidence, words.by_bridge) == ("good evening world", 0.1, False)


def test_one_bridge_serves_all_utterances_of_a_stream() -> None:
    bridges = Bridges("maya what do you like")
    engine = SecondOpinion(Unsure(0.1), bridges.open, 0.5, bridges.computing)
    for _ in range(2):
        engine.feed(SPEECH)
        assert engine.finish().by_bridge
        engine.reset()
    assert len(bridges.announced) == 2 and min(bridges.announced) > 1.0 and not bridges.announces
    assert len(bridges.made) == 1 and bridges.num_samples == 2 * len(SPEECH)
