"""pocketsphinx in a process of its own, behind everybody else in the queue for a core. Run by `python -m`.

Arguments: the grammar and the dictionary. stdin: `u32 LE length`, then an utterance, mono s16le PCM, 16 kHz.
stdout: `u32 LE length`, then its words in UTF-8, none when it has none; one answer to each. The end of stdin
ends the process.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np

from sensorium.audio import from_int16
from sensorium.errors import SensoriumError
from sensorium.hearing.bridge import Pocketsphinx

_LENGTH = struct.Struct("<I")
_PR_SET_PDEATHSIG = 1


def converse(engine: Pocketsphinx, asked: BinaryIO, answers: BinaryIO) -> None:
    while len(header := asked.read(_LENGTH.size)) == _LENGTH.size:
        pcm = asked.read(_LENGTH.unpack(header)[0])
        engine.feed(from_int16(np.frombuffer(pcm, "<i2")))
        text = engine.finish().text.encode()
        engine.reset()
        answers.write(_LENGTH.pack(len(text)) + text)
        answers.flush()


def step_behind() -> None:
    """Only what nobody else wants, where the system has such a place; our parent may be in real time."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, 19)
    with suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def main() -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":  # also in the middle of a sentence
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    step_behind()
    # What a C library prints must not end up between two answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        engine = Pocketsphinx(*(Path(argument) for argument in sys.argv[1:3]))
    except SensoriumError as e:
        print(e.one_line(), file=sys.stderr, flush=True)
        return e.exit_code
    with suppress(BrokenPipeError):
        converse(engine, sys.stdin.buffer, answers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
