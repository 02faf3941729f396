"""The hearing worker's dispatch over a real socket pair, and the whole process with each engine."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sensorium.clock import SystemClock
from sensorium.hearing.fake import FakeNativeEar, FakeSpeechToText
from sensorium.metrics import Counters
from sensorium.wire.records import (
    CloseEar,
    EarClosed,
    Failed,
    FromHearing,
    Hear,
    Inspect,
    OpenEar,
    Ready,
    Reconsidered,
    Record,
    SpeechPaused,
    SpeechStarted,
    SpeechSuspected,
    Stats,
    Stop,
    ToHearing,
    Unclear,
    Words,
)
from sensorium.workers.hearing import MAX_STREAMS, HearingWorker
from sensorium.workers.shell import Shell

GOLDEN = np.load(Path(__file__).parents[1] / "hearing" / "ear_golden.npz")
SPEECH = np.concatenate([np.zeros(8_000, np.int16), GOLDEN["pcm"], np.zeros(12_000, np.int16)])
SAID = str(GOLDEN["text"])


@pytest.fixture
def front(run_worker):
    """Runs the worker's loop on a thread with the fake engine and the real VAD."""

    def make(shell: Shell) -> HearingWorker:
        return HearingWorker(shell, lambda: FakeSpeechToText((SAID,)), Counters(), SystemClock())

    return run_worker(FromHearing, ToHearing, make)


def hear(front, stream_id: int, samples: np.ndarray, step: int = 1_600) -> None:
    for at in range(0, len(samples), step):
        front.send(Hear(stream_id), payload=samples[at : at + step].astype("<i2").tobytes())


def records(messages) -> list[Record]:
    return [record for record, _ in messages]


def last_words(heard: list[Record], stream_id: int = 1) -> Words:
    return [r for r in heard if isinstance(r, Words) and r.stream_id == stream_id][-1]


def test_a_stream_from_open_to_closed(front):
    front.send(OpenEar(1, 16_000))
    hear(front, 1, SPEECH)
    front.send(CloseEar(1))
    heard = records(front.until(EarClosed))
    assert [type(record) for record in heard[:2]] == [SpeechSuspected, SpeechStarted]
    assert 8_000 <= heard[0].at_sample < 24_000
    words = last_words(heard)
    assert words.text == SAID
    assert words.until_sample <= len(SPEECH)
    name, start_s, end_s = words.stages[0]
    assert name in ("hearing.chunk", "hearing.flush")
    assert 0.0 <= end_s - start_s < 20.0
    assert any(isinstance(r, SpeechPaused) for r in heard)


def test_other_rates_count_in_16_khz_samples(front):
    """given the speech at 48 kHz, when heard, then positions are those of the 16 kHz stream"""
    front.send(OpenEar(1, 48_000))
    hear(front, 1, np.repeat(SPEECH, 3), step=4_800)
    front.send(CloseEar(1))
    heard = records(front.until(EarClosed))
    assert 8_000 <= heard[0].at_sample < 24_000
    assert last_words(heard).text == SAID


def test_streams_do_not_mix(front):
    front.send(OpenEar(1, 16_000), OpenEar(2, 16_000))
    for at in range(0, len(SPEECH), 1_600):
        hear(front, 1, SPEECH[at : at + 1_600])
        hear(front, 2, np.zeros(1_600, np.int16))
    front.send(CloseEar(2), CloseEar(1))
    heard = records(front.until(EarClosed)) + records(front.until(EarClosed))
    assert [r.stream_id for r in heard if isinstance(r, EarClosed)] == [2, 1]
    assert {r.stream_id for r in heard if isinstance(r, SpeechStarted | Words | SpeechPaused)} == {1}


@pytest.mark.parametrize("payload", [b"", b"\0", b"\0" * 32_002])
def test_sound_of_an_impossible_size_ends_only_its_stream(front, payload):
    front.send(OpenEar(1, 16_000), OpenEar(2, 16_000))
    front.send(Hear(1), payload=payload)
    (failed, _) = front.receive()
    assert isinstance(failed, Failed)
    assert (failed.turn_id, failed.code) == (1, "bad_input")
    hear(front, 2, SPEECH)
    front.send(CloseEar(1), CloseEar(2))
    assert last_words(records(front.until(EarClosed)), 2).text == SAID


@pytest.mark.parametrize("rate_hz", [-1, 0, 7_999, 96_001, 2**40])
def test_impossible_rates_are_refused(front, rate_hz):
    front.send(OpenEar(5, rate_hz))
    failed = front.receive()[0]
    assert isinstance(failed, Failed)
    assert (failed.turn_id, failed.code) == (5, "bad_input")


def test_a_stream_is_opened_once_and_there_are_not_endlessly_many(front):
    front.send(*(OpenEar(n, 16_000) for n in range(MAX_STREAMS)), OpenEar(3, 16_000), OpenEar(99, 16_000))
    first, second = front.receive()[0], front.receive()[0]
    assert isinstance(first, Failed)
    assert isinstance(second, Failed)
    assert (first.turn_id, second.turn_id) == (3, 99)
    assert "open already" in first.message


def test_late_sound_is_dropped_and_counted(front):
    front.send(Hear(7), CloseEar(7), payload=b"\0\0")
    front.send(Inspect(1))
    stats = front.receive()[0]
    assert isinstance(stats, Stats)
    assert stats.values["counters"] == {
        "late_records_total{kind=close_ear}": 1,
        "late_records_total{kind=hear}": 1,
    }


def test_stats_tell_of_bridge_calls_and_chunks(front):
    front.send(OpenEar(1, 16_000))
    hear(front, 1, SPEECH)
    front.send(Inspect(2))
    stats = records(front.until(Stats))[-1]
    assert isinstance(stats, Stats)
    assert stats.values["counters"]["bridge_calls_total{kind=stt}"] == 1
    assert stats.values["open_streams"] == 1
    assert stats.values["chunk_ms"]["count"] > 20


@pytest.mark.parametrize("engine", ["ear", "pocketsphinx", "fake"])
def test_the_whole_process(connect, engine):
    """given a worker process, when a sentence is heard, then its words come and `Stop` ends it with 0"""
    if engine == "pocketsphinx":
        pytest.importorskip("pocketsphinx", reason="the extra `stt` is not installed")
    front, theirs = connect(FromHearing)
    fd = theirs.fileno()
    command = [sys.executable, "-m", "sensorium.workers.hearing", "--fd", str(fd), "--engine", engine]
    with subprocess.Popen(command, pass_fds=[fd]) as child:
        theirs.close()
        ready = front.receive()[0]
        assert isinstance(ready, Ready)
        assert (ready.worker, ready.facts["engine"]) == ("hearing", engine)
        front.send(OpenEar(1, 16_000))
        hear(front, 1, SPEECH)
        front.send(CloseEar(1))
        words = last_words(records(front.until(EarClosed)))
        if engine == "ear":
            assert words.text == SAID
        assert words.text
        front.send(Stop())
        assert child.wait(timeout=20) == 0


def test_a_bundle_without_an_ear_is_reported(connect, tmp_path):
    (tmp_path / "bundle.toml").write_text(
        'name = "deaf"\nversion = "0"\nlicence = "x"\nsource = "x"\ncontext_tokens = 8\n[files]\n[prompt]\n'
    )
    front, theirs = connect(FromHearing)
    fd = theirs.fileno()
    command = [sys.executable, "-m", "sensorium.workers.hearing", "--fd", str(fd), "--bundle", str(tmp_path)]
    with subprocess.Popen(command, pass_fds=[fd], stderr=subprocess.PIPE, text=True) as child:
        theirs.close()
        failed = front.receive()[0]
        assert isinstance(failed, Failed)
        assert (failed.turn_id, failed.code) == (0, "bundle")
        assert child.wait(timeout=20) == 2
        assert child.stderr is not None
        assert child.stderr.read().count("\n") == 1


def late(front, stream_id: int, samples: np.ndarray, sent_s: float) -> None:
    for at in range(0, len(samples), 320):
        front.send(Hear(stream_id, sent_s), payload=samples[at : at + 320].astype("<i2").tobytes())


def test_sound_that_comes_too_late_is_heard_in_larger_pieces_and_whole(front):
    """given pieces of 20 ms that left a second ago, then the ladder goes down, and no word is lost"""
    front.send(OpenEar(1, 16_000))
    late(front, 1, SPEECH, time.monotonic() - 1.0)
    front.send(CloseEar(1))
    assert last_words(records(front.until(EarClosed))).text == SAID
    front.send(Inspect(1))
    values = front.until(Stats)[-1][0].values

    row = values["stages"]["hearing.chunk"]
    assert row["count"] == row["missed"] > 5 and row["p50"] > 900.0
    assert values["ladder"]["at"] == 2 and values["ladder"]["rung"] == "160 ms at once"
    assert [rung for _, rung, _ in values["changes"]] == ["80 ms at once", "160 ms at once"]
    assert values["counters"]["budget_missed_total{stage=hearing.chunk}"] == row["missed"]
    # larger pieces: fewer of them than came
    assert values["chunk_ms"]["count"] < len(SPEECH) / 320 / 2


def test_every_chunk_of_80_ms_is_measured_from_when_it_was_sent(front):
    front.send(OpenEar(1, 16_000))
    late(front, 1, np.zeros(16_000, np.int16), time.monotonic())
    front.send(Inspect(1))
    row = front.until(Stats)[-1][0].values["stages"]["hearing.chunk"]
    assert row["count"] == 16_000 // 1_280


def test_who_does_not_say_when_it_was_sent_is_not_measured(front):
    front.send(OpenEar(1, 16_000))
    late(front, 1, np.zeros(16_000, np.int16), 0.0)
    front.send(Inspect(1))
    assert front.until(Stats)[-1][0].values["stages"]["hearing.chunk"]["count"] == 0


class Thinking:
    """Stands in for the second opinion: answers when it is told to, and refuses when it is."""

    num_failures = 0

    def __init__(self) -> None:
        self.asked: list[tuple[np.ndarray, Callable[[str], None]]] = []
        self.refuses = False

    def ask(self, sound: np.ndarray, tell: Callable[[str], None]) -> bool:
        if not self.refuses:
            self.asked.append((sound, tell))
        return not self.refuses


class Unsure(FakeNativeEar):
    """Hears, and trusts nothing of it."""

    def finish(self):
        return super().finish()._replace(confidence=0.1)


@pytest.fixture
def thinking() -> Thinking:
    return Thinking()


@pytest.fixture
def unsure(run_worker, thinking):
    def make(shell: Shell) -> HearingWorker:
        return HearingWorker(shell, lambda: Unsure((SAID,) * 3), Counters(), SystemClock(), second=thinking)

    return run_worker(FromHearing, ToHearing, make)


def counters(front) -> dict[str, int]:
    front.send(Inspect(1))
    return front.until(Stats)[-1][0].values["counters"]


def test_while_a_second_opinion_is_awaited_every_stream_is_heard(unsure, thinking):
    # given a stream of which an utterance was unclear, and nobody has answered yet
    unsure.send(OpenEar(1, 16_000), OpenEar(2, 16_000))
    hear(unsure, 1, SPEECH)
    heard = records(unsure.until(Unclear))
    assert heard[-1] == Unclear(1, 1, last_words(heard).until_sample)
    assert last_words(heard).text == SAID and not last_words(heard).by_bridge
    # when sound comes to another and to the same
    hear(unsure, 2, SPEECH)
    heard = records(unsure.until(Unclear))
    hear(unsure, 1, SPEECH)
    again = records(unsure.until(Unclear))
    # then it is heard to its end
    assert last_words(heard, 2).text == SAID and heard[-1].stream_id == 2
    assert last_words(again, 1).text == SAID and (again[-1].stream_id, again[-1].utterance) == (1, 2)
    assert not any(isinstance(record, Reconsidered) for record in heard + again)
    # and the answers come when they come, with all of the utterance asked
    for (sound, tell), said in zip(thinking.asked, ("maya hello", "", "good evening"), strict=True):
        assert len(GOLDEN["pcm"]) * 0.8 < len(sound) < len(SPEECH)
        tell(said)
    answers = [unsure.until(Reconsidered)[-1][0] for _ in thinking.asked]
    assert answers == [
        Reconsidered(1, 1, "maya hello"),
        Reconsidered(2, 1, ""),
        Reconsidered(1, 2, "good evening"),
    ]
    found = counters(unsure)
    assert found["bridge_calls_total{kind=stt}"] == 3
    assert found["second_opinions_total{outcome=words}"] == 2
    assert found["second_opinions_total{outcome=nothing}"] == 1


def test_a_stream_is_closed_when_all_that_was_asked_is_answered(unsure, thinking):
    unsure.send(OpenEar(1, 16_000))
    hear(unsure, 1, SPEECH)
    unsure.send(CloseEar(1))
    unsure.until(Unclear)
    # when more comes for it all the same, then that is late
    hear(unsure, 1, SPEECH[:1_600])
    assert counters(unsure)["late_records_total{kind=hear}"] == 1
    thinking.asked[0][1]("maya hello")
    assert [type(record) for record, _ in unsure.until(EarClosed)] == [Reconsidered, EarClosed]


def test_who_cannot_be_asked_is_not_waited_for(unsure, thinking):
    thinking.refuses = True
    unsure.send(OpenEar(1, 16_000))
    hear(unsure, 1, SPEECH)
    unsure.send(CloseEar(1))
    heard = records(unsure.until(EarClosed))
    assert last_words(heard).text == SAID and not any(isinstance(r, Unclear) for r in heard)
    assert counters(unsure) == {"second_opinions_total{outcome=not_asked}": 1}


def test_an_answer_for_a_stream_that_broke_meanwhile_is_dropped(unsure, thinking):
    unsure.send(OpenEar(1, 16_000))
    hear(unsure, 1, SPEECH)
    unsure.until(Unclear)
    unsure.send(Hear(1), payload=b"\0")
    unsure.until(Failed)
    thinking.asked[0][1]("maya hello")
    unsure.send(Inspect(1))
    assert isinstance(unsure.receive()[0], Stats)
