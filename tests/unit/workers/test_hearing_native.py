"""The hearing worker with a native engine: rows beside the words; and that no bridge is near."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sensorium.bundles.catalogue import find
from sensorium.clock import SystemClock
from sensorium.hearing.fake import FakeNativeEar
from sensorium.metrics import Counters
from sensorium.wire.records import (
    CloseEar,
    EarClosed,
    Failed,
    FromHearing,
    Hear,
    Heard,
    Inspect,
    OpenEar,
    Ready,
    Stats,
    Stop,
    ToHearing,
    Words,
)
from sensorium.workers.hearing import HearingWorker
from sensorium.workers.shell import Shell

GOLDEN = np.load(Path(__file__).parents[1] / "hearing" / "ear_golden.npz")
SPEECH = np.concatenate([np.zeros(8_000, np.int16), GOLDEN["pcm"], np.zeros(12_000, np.int16)])
SAID = str(GOLDEN["text"])


@pytest.fixture
def native_bundle(tmp_path) -> Path:
    """nano's ear with a projection of random numbers, 16 wide."""
    shutil.copy(find("nano").file("ear"), tmp_path / "ear.onnx")
    rng = np.random.default_rng(6)
    weight, bias = rng.normal(0, 0.05, (16, 978)).astype(np.float32), np.zeros(16, np.float32)
    np.savez(tmp_path / "senses.npz", ear_weight=weight, ear_bias=bias)
    (tmp_path / "bundle.toml").write_text(
        'name = "hears"\nversion = "0"\nlicence = "x"\nsource = "x"\ncontext_tokens = 8\n[prompt]\n'
        '[files.ear]\npath = "ear.onnx"\n[files.senses]\npath = "senses.npz"\n'
    )
    return tmp_path


def hear(front, stream_id: int, samples: np.ndarray, step: int = 1_600) -> None:
    front.send(OpenEar(stream_id, 16_000))
    for at in range(0, len(samples), step):
        front.send(Hear(stream_id), payload=samples[at : at + step].astype("<i2").tobytes())
    front.send(CloseEar(stream_id))


def last_words(messages) -> Words:
    return [record for record, _ in messages if isinstance(record, Words)][-1]


def rows_of(messages, width: int) -> np.ndarray:
    """All rows of the one utterance; checks that none is missing, and that they come before their words."""
    rows = np.zeros((0, width), np.float32)
    for record, payload in messages:
        if isinstance(record, Heard):
            assert record.first_row == len(rows)
            rows = np.concatenate([rows, np.frombuffer(payload, "<f4").reshape(-1, width)])
        elif isinstance(record, Words):
            assert len(record.text.split()) == len(rows)
    return rows


def counters(front) -> dict[str, int]:
    front.send(Inspect(1))
    stats = front.until(Stats)[-1][0]
    assert isinstance(stats, Stats)
    return stats.values["counters"]


def test_rows_come_beside_the_words_and_no_bridge_is_counted(run_worker):
    def make(shell: Shell) -> HearingWorker:
        return HearingWorker(shell, lambda: FakeNativeEar((SAID,), width=3), Counters(), SystemClock())

    front = run_worker(FromHearing, ToHearing, make)
    hear(front, 1, SPEECH)
    messages = front.until(EarClosed)
    rows = rows_of(messages, 3)
    assert last_words(messages).text == SAID
    assert rows.tolist() == [[len(word)] * 3 for word in SAID.split()]
    assert counters(front) == {}


def test_a_native_process_hears_and_knows_no_bridge(native_process, native_bundle):
    """given a whole process with the native ear, when a sentence was heard, then no bridge was imported"""
    arguments = ("--engine", "native", "--bundle", str(native_bundle))
    front, child = native_process("hearing", FromHearing, *arguments)
    ready = front.receive()[0]
    assert isinstance(ready, Ready)
    assert (ready.facts["engine"], ready.facts["row_width"]) == ("native", 16)

    hear(front, 1, SPEECH)
    messages = front.until(EarClosed)

    words, rows = last_words(messages), rows_of(messages, 16)
    assert words.text == SAID
    assert words.confidence > 0.5
    assert len(rows) == len(SAID.split())
    assert np.isfinite(rows).all() and rows.std() > 0.01
    assert not any("bridge" in name for name in counters(front))
    front.send(Stop())
    assert child.communicate(timeout=20)[0].splitlines() == ["bridges:", "native: True"]
    assert child.returncode == 0


def test_a_bundle_whose_mind_reads_words_only_is_reported(connect, native_bundle):
    toml = native_bundle / "bundle.toml"
    toml.write_text(toml.read_text().partition("[files.senses]")[0])
    front, theirs = connect(FromHearing)
    fd = theirs.fileno()
    command = [sys.executable, "-m", "sensorium.workers.hearing", "--fd", str(fd), "--engine", "native"]
    command += ["--bundle", str(native_bundle)]
    with subprocess.Popen(command, pass_fds=[fd], stderr=subprocess.PIPE) as child:
        theirs.close()
        failed = front.receive()[0]
        assert isinstance(failed, Failed)
        assert (failed.turn_id, failed.code) == (0, "bundle")
        assert "no senses" in failed.message and 'hearing = "ear"' in failed.remedy
        assert len(child.communicate(timeout=20)[1].splitlines()) == 1
    assert child.returncode == 2
