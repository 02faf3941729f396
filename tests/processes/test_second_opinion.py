"""Given the whole hearing worker, and speech that nano's ear cannot make out, when pocketsphinx is asked,
then it thinks elsewhere, behind everybody else, and streams are heard meanwhile, whatever becomes of it.

Who thinks is stopped and let go by signals: nothing here depends on how fast the machine is.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
from tests.unit.workers.conftest import Front

from sensorium.wire.records import (
    CloseEar,
    EarClosed,
    FromHearing,
    Hear,
    OpenEar,
    Ready,
    Reconsidered,
    Record,
    SpeechPaused,
    Stop,
    Unclear,
    Words,
)

pytest.importorskip("pocketsphinx", reason="it is who is asked")

GOLDEN = np.load(Path(__file__).parents[1] / "unit" / "hearing" / "ear_golden.npz")
CLEAR = np.concatenate([np.zeros(8_000, np.int16), GOLDEN["pcm"], np.zeros(12_000, np.int16)])
BACKWARDS = CLEAR[::-1]
SAID = str(GOLDEN["text"])


# The whole worker; but on a busy machine, too, nobody is taken for hung.
PATIENT = """
import sys
from sensorium.hearing.second_opinion import SecondOpinion
from sensorium.workers import hearing
SecondOpinion.__init__.__defaults__ = (3600.0, 3600.0)
sys.exit(hearing.main())
"""


class Worker:
    def __init__(self, front: Front, process: subprocess.Popen[bytes]) -> None:
        self.front = front
        self.process = process

    def hear(self, stream_id: int, samples: np.ndarray) -> None:
        for at in range(0, len(samples), 1_280):
            pcm = samples[at : at + 1_280].astype("<i2").tobytes()
            self.front.send(Hear(stream_id), payload=pcm)

    def until(self, kind: type[Record], stream_id: int) -> list[Record]:
        """All records up to the first of this kind for this stream."""
        found: list[Record] = []
        while not (found and isinstance(found[-1], kind) and found[-1].stream_id == stream_id):  # type: ignore[attr-defined]
            found.append(self.front.receive()[0])
        return found

    def thinkers(self) -> list[psutil.Process]:
        """Those that are what they will be: one that is only forked still holds its parent."""
        found = psutil.Process(self.process.pid).children()
        return [t for t in found if any("second_opinion" in part for part in t.cmdline())]


@pytest.fixture
def worker() -> Iterator[Worker]:
    ours, theirs = socket.socketpair()
    fd = theirs.fileno()
    command = [sys.executable, "-c", PATIENT, "--fd", str(fd), "--engine", "auto"]
    with subprocess.Popen(command, pass_fds=[fd]) as process, ours:
        theirs.close()
        front = Front(ours, FromHearing)
        ours.settimeout(300)
        ready = front.receive()[0]
        assert isinstance(ready, Ready) and ready.facts["second_opinion"] == "pocketsphinx"
        yield Worker(front, process)
        process.kill()


def unclear(worker: Worker) -> psutil.Process:
    """Stream 1 has said what nobody understands; who thinks about it, stopped while it loads."""
    assert worker.thinkers() == []
    worker.front.send(OpenEar(1, 16_000))
    worker.hear(1, BACKWARDS)
    worker.until(Unclear, 1)
    while not (found := worker.thinkers()):
        pass
    while sys.platform == "linux" and os.sched_getscheduler(found[0].pid) != os.SCHED_IDLE:
        pass
    found[0].send_signal(signal.SIGSTOP)
    assert found[0].nice() == 19
    return found[0]


def test_chunks_of_another_stream_are_answered_while_the_opinion_is_awaited(worker: Worker) -> None:
    thinker = unclear(worker)
    # when
    worker.front.send(CloseEar(1), OpenEar(2, 16_000))
    worker.hear(2, CLEAR)
    worker.front.send(CloseEar(2))
    # then the second stream is heard to its end, and of the first nothing came
    heard = worker.until(EarClosed, 2)
    assert [r.text for r in heard if isinstance(r, Words) and r.stream_id == 2][-1] == SAID
    assert any(isinstance(r, SpeechPaused) and r.stream_id == 2 for r in heard)
    assert not any(isinstance(r, Reconsidered | EarClosed) and r.stream_id == 1 for r in heard)
    # and when the thinker may go on, its answer comes, then the end
    with suppress(PermissionError):  # for this test it may have a core
        os.sched_setscheduler(thinker.pid, os.SCHED_OTHER, os.sched_param(0))
        thinker.nice(0)
    thinker.send_signal(signal.SIGCONT)
    rest = worker.until(EarClosed, 1)
    assert [type(record) for record in rest] == [Reconsidered, EarClosed]
    # and it ends with its worker
    worker.front.send(Stop())
    assert worker.process.wait(timeout=60) == 0
    thinker.wait(timeout=60)


def test_when_the_thinker_is_killed_the_ears_own_words_stand_and_the_next_one_is_another(
    worker: Worker,
) -> None:
    thinker = unclear(worker)
    # when
    thinker.kill()
    # then
    assert worker.until(Reconsidered, 1)[-1] == Reconsidered(1, 1, "")
    # and hearing lives: what is unclear next is put to a new one
    worker.hear(1, BACKWARDS)
    worker.until(Unclear, 1)
    while not (found := [t for t in worker.thinkers() if t.pid != thinker.pid]):
        pass
    found[0].kill()
    assert worker.until(Reconsidered, 1)[-1] == Reconsidered(1, 2, "")
    worker.front.send(CloseEar(1))
    worker.until(EarClosed, 1)
