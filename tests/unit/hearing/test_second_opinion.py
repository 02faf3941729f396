"""Given utterances that the ear cannot make out, when a process is asked, then nobody waits for it, and
whether it answers, dies, hangs or babbles, the one who asked is told once."""

from __future__ import annotations

import io
import os
import queue
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sensorium.hearing.encoder import SAMPLE_RATE_HZ
from sensorium.hearing.engine import Hypothesis
from sensorium.hearing.fake import FakeNativeEar, FakeSpeechToText, LoudnessVad
from sensorium.hearing.listener import Listener, SpeechPaused, Unclear, Words
from sensorium.hearing.second_opinion import MAX_FAILURES, MAX_SOUND_S, MAX_WAITING, SecondOpinion
from sensorium.hearing.second_opinion_process import converse
from sensorium.metrics import Counters

SPEECH = np.full(16_000, 0.1, np.float32)
QUIET = np.zeros(16_000, np.float32)

_READ = "b = sys.stdin.buffer; pcm = b.read(struct.unpack('<I', b.read(4))[0]); "


def saying(text: str, length: str = "len(text)") -> tuple[str, ...]:
    """A process that answers everything so."""
    answer = f"text = {text}; os.write(1, struct.pack('<I', {length}) + text)"
    return (sys.executable, "-c", f"import os, struct, sys\nwhile True:\n    {_READ}{answer}")


def once(then: str) -> tuple[str, ...]:
    return (sys.executable, "-c", f"import os, struct, sys; {_READ}{then}")


COUNTING = saying("str(len(pcm)).encode()")


class Unsure(FakeNativeEar):
    """Trusts its words by so much."""

    def __init__(self, confidence: float) -> None:
        super().__init__(("good evening world",) * 2)
        self._confidence = confidence

    def finish(self) -> Hypothesis:
        return super().finish()._replace(confidence=self._confidence)


@pytest.mark.parametrize(("confidence", "unclear"), [(0.9, False), (0.5, False), (0.1, True)])
def test_an_utterance_ends_unclear_when_the_ear_is_not_sure(confidence: float, unclear: bool) -> None:
    listener = Listener(Unsure(confidence), LoudnessVad(), Counters(), clear_from=0.5)
    # when
    events = [*listener.feed(SPEECH), *listener.feed(QUIET), *listener.flush()]
    # then the ear's own words stand, and all of its sound is there, behind them and before the pause
    words = [event for event in events if isinstance(event, Words)][-1]
    assert words.text == "good evening world" and not words.by_bridge
    found = [event for event in events if isinstance(event, Unclear)]
    assert len(found) == unclear
    if unclear:
        assert len(SPEECH) <= len(found[0].sound) < len(SPEECH) + len(QUIET)
        assert found[0].until_sample == words.until_sample
        kinds = [type(event) for event in events]
        at = kinds.index(Unclear)
        assert Words not in kinds[at:] and kinds[at + 1] is SpeechPaused


def test_each_utterance_has_its_own_sound_and_without_a_bound_none_is_kept() -> None:
    listener = Listener(Unsure(0.1), LoudnessVad(), Counters(), clear_from=0.5)
    sounds = [e.sound for _ in range(2) for e in [*listener.feed(SPEECH), *listener.feed(QUIET)]
              if isinstance(e, Unclear)]  # fmt: skip
    assert len(sounds) == 2 and max(map(len, sounds)) < len(SPEECH) + len(QUIET)
    listener = Listener(Unsure(0.1), LoudnessVad(), Counters())
    assert not any(isinstance(e, Unclear) for e in [*listener.feed(SPEECH), *listener.feed(QUIET)])


@pytest.fixture
def answers() -> queue.Queue[str]:
    return queue.Queue()


@pytest.fixture
def ask(answers: queue.Queue[str]) -> Iterator[object]:
    opened: list[SecondOpinion] = []

    def asking(command: tuple[str, ...], loading_s: float = 60.0) -> SecondOpinion:
        opened.append(SecondOpinion(command, loading_s, seconds_per_second=loading_s))
        return opened[-1]

    yield asking
    for second in opened:
        second.close()


def test_one_process_hears_all_of_each_utterance(ask, answers: queue.Queue[str]) -> None:
    second = ask(COUNTING)
    for num_samples in (1, 16_000, 150_000):
        assert second.ask(np.zeros(num_samples, np.float32), answers.put)
        assert answers.get(timeout=60) == str(2 * num_samples)
    assert second.num_failures == 0


BABBLE = {
    "dies at once": (sys.executable, "-c", "pass"),
    "cannot be started": ("/nowhere/at/all",),
    "says too much": saying("b'x'", "1 << 30"),
    "says what is no text": saying("b'\\xff\\xfe'"),
    "dies in the middle": once("os.write(1, struct.pack('<I', 9) + b'may')"),
}


@pytest.mark.parametrize("command", BABBLE.values(), ids=BABBLE)
def test_whatever_it_does_there_is_an_answer_and_in_the_end_it_is_left_alone(
    ask, answers: queue.Queue[str], command: tuple[str, ...]
) -> None:
    second = ask(command)
    for _ in range(MAX_FAILURES):
        assert second.ask(SPEECH, answers.put)
        assert answers.get(timeout=60) == ""
    assert second.num_failures == MAX_FAILURES
    assert not second.ask(SPEECH, answers.put)


def test_one_that_dies_is_replaced(ask, answers: queue.Queue[str], tmp_path: Path) -> None:
    """given a process that dies the first time, then the next question has an answer"""
    mark = tmp_path / "was-here"
    dying = (
        f"import os\nif not os.path.exists({str(mark)!r}):\n    open({str(mark)!r}, 'w')\n    os._exit(1)\n"
    )
    second = ask((sys.executable, "-c", dying + COUNTING[2]))
    for expected in ("", "32000"):
        assert second.ask(SPEECH, answers.put)
        assert answers.get(timeout=60) == expected
    assert second.num_failures == 1


def test_one_that_hangs_is_given_up(ask, answers: queue.Queue[str]) -> None:
    """given a process that reads nothing and says nothing, and a bound that is over at once"""
    second = ask((sys.executable, "-c", "import signal; signal.pause()"), loading_s=0.0)
    assert second.ask(np.zeros(150_000, np.float32), answers.put)  # more than a pipe holds
    assert answers.get(timeout=60) == "" and second.num_failures == 1


def test_while_it_thinks_nobody_waits_and_only_so_many_queue(
    ask, answers: queue.Queue[str], tmp_path: Path
) -> None:
    # given a process that answers when it is told
    told, reached = tmp_path / "told", tmp_path / "reached"
    os.mkfifo(told)
    os.mkfifo(reached)
    wait = f"open({str(reached)!r}, 'w').close(); text = open({str(told)!r}, 'rb').read(); "
    answer = "os.write(1, struct.pack('<I', len(text)) + text)"
    second = ask(once(wait + answer))
    assert second.ask(SPEECH, answers.put)
    reached.read_bytes()
    # when more is asked meanwhile
    asked = [second.ask(SPEECH, answers.put) for _ in range(MAX_WAITING + 1)]
    # then that returns at once
    assert asked == [True] * MAX_WAITING + [False] and answers.empty()
    told.write_bytes(b" maya hello\n")
    assert answers.get(timeout=60) == "maya hello"
    # and who still waits when it is closed is told
    second.close()
    assert [answers.get(timeout=60) for _ in range(MAX_WAITING)] == [""] * MAX_WAITING


def test_what_is_longer_than_a_sentence_is_not_asked(ask, answers: queue.Queue[str]) -> None:
    second = ask(COUNTING)
    assert not second.ask(np.zeros(round(MAX_SOUND_S * SAMPLE_RATE_HZ) + 1, np.float32), answers.put)


def test_the_process_answers_each_utterance_until_its_input_ends() -> None:
    frame = (6_400).to_bytes(4, "little") + bytes(6_400)
    said = io.BytesIO()
    engine = FakeSpeechToText(("hello maya", "what time is it"))
    converse(engine, io.BytesIO(frame + frame + b"\x01"), said)  # type: ignore[arg-type]
    assert said.getvalue() == b"\x0a\0\0\0hello maya\x0f\0\0\0what time is it"
