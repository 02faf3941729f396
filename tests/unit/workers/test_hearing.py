"""The hearing worker's dispatch over a real socket pair, and the whole process with each engine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sensorium.clock import SystemClock
from sensorium.hearing.fake import FakeSpeechToText
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
    Record,
    SpeechPaused,
    SpeechStarted,
    SpeechSuspected,
    Stats,
    Stop,
    ToHearing,
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
