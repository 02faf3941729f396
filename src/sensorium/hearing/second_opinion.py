"""A bridge that is asked what an utterance was when the ear cannot make it out: in a process of its own.

pocketsphinx holds the interpreter for 2.8 s when it loads and for 1.2 s for each second of sound (one core to
itself), so it never runs where somebody listens. Knows nothing of streams and turns, or which bridge it is.
"""

from __future__ import annotations

import logging
import os
import queue
import select
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensorium.audio import to_int16
from sensorium.errors import WorkerFailed
from sensorium.hearing.encoder import SAMPLE_RATE_HZ

# After so long the process is taken for hung. It computes only when nobody else wants the core.
LOADING_S, SECONDS_PER_SECOND = 15.0, 5.0
# Longer than any sentence that a grammar knows.
MAX_SOUND_S = 10.0
MAX_WAITING = 2
# In a row; then it is not asked any more.
MAX_FAILURES = 3
MAX_ANSWER_BYTES = 4096
_LENGTH = struct.Struct("<I")

_logger = logging.getLogger(__name__)


def command(grammar: Path, dictionary: Path) -> tuple[str, ...]:
    """Starts pocketsphinx with this grammar."""
    module = "sensorium.hearing.second_opinion_process"
    return (sys.executable, "-P", "-m", module, str(grammar), str(dictionary))


class _Asked(NamedTuple):
    sound: NDArray[np.float32]
    until_s: float
    tell: Callable[[str], None]


class SecondOpinion:
    """`command` starts the process when it is first needed, and again after it died or hung; it must speak
    the frames of `second_opinion_process.py`. `num_failures`: how often it did not answer.

    A thread of ours waits for it, asleep. An answer may take `loading_s` and `seconds_per_second` of sound,
    waiting included.
    """

    def __init__(
        self,
        command: Sequence[str],
        loading_s: float = LOADING_S,
        seconds_per_second: float = SECONDS_PER_SECOND,
    ) -> None:
        self._command = tuple(command)
        self._loading_s, self._seconds_per_second = loading_s, seconds_per_second
        self._asked: queue.Queue[_Asked] = queue.Queue(MAX_WAITING)
        self._thread: threading.Thread | None = None
        self._child: _Child | None = None
        self._starting = threading.Lock()
        self._closed = False
        self._failed_in_a_row = 0
        self.num_failures = 0

    def ask(self, sound: NDArray[np.float32], tell: Callable[[str], None]) -> bool:
        """A whole utterance, float32 (n,), 16 kHz. Returns at once; False: it is not asked, because others
        wait, the sound is too long or the process fails again and again.

        Else `tell` is called once, in another thread: with its words, or "" when it has none or failed.
        """
        if len(sound) > MAX_SOUND_S * SAMPLE_RATE_HZ or self._failed_in_a_row >= MAX_FAILURES:
            return False
        try:
            within_s = self._loading_s + self._seconds_per_second * len(sound) / SAMPLE_RATE_HZ
            self._asked.put_nowait(_Asked(sound, time.monotonic() + within_s, tell))
        except queue.Full:
            return False
        if self._thread is None:  # it lives as long as we do: the kernel ends the process with its thread
            self._thread = threading.Thread(target=self._serve, name="second-opinion", daemon=True)
            self._thread.start()
        return True

    def close(self) -> None:
        """Ends the process; what was asked is answered with ""."""
        with self._starting:
            self._closed = True
            if self._child is not None:
                self._child.kill()

    def _serve(self) -> None:
        while True:
            asked = self._asked.get()
            asked.tell(self._answer(asked))

    def _answer(self, asked: _Asked) -> str:
        if self._closed or self._failed_in_a_row >= MAX_FAILURES:
            return ""
        try:
            text = (self._child or self._start()).ask(to_int16(asked.sound).tobytes(), asked.until_s)
        except (OSError, WorkerFailed) as e:
            self._fail(str(e))
            return ""
        self._failed_in_a_row = 0
        return text

    def _start(self) -> _Child:
        with self._starting:
            if self._closed:
                raise WorkerFailed("it was closed")
            self._child = _Child(self._command)
            return self._child

    def _fail(self, why: str) -> None:
        with self._starting:
            child, self._child = self._child, None
            if child is not None:
                child.close()
        if self._closed:
            return
        self.num_failures += 1
        self._failed_in_a_row += 1
        over = "; it is not asked any more" if self._failed_in_a_row >= MAX_FAILURES else ""
        _logger.warning("the second opinion failed: %s%s", why, over)


class _Child:
    """One run of the process. `ask` raises WorkerFailed when it dies, hangs or says what is no answer."""

    def __init__(self, command: tuple[str, ...]) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        assert self._process.stdin is not None and self._process.stdout is not None
        self._in_fd, self._out_fd = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._in_fd, False)

    def ask(self, pcm: bytes, until_s: float) -> str:
        rest = memoryview(_LENGTH.pack(len(pcm)) + pcm)
        while rest:
            self._wait(until_s, writing=True)
            with suppress(BlockingIOError):
                rest = rest[os.write(self._in_fd, rest) :]
        (num_bytes,) = _LENGTH.unpack(self._read(_LENGTH.size, until_s))
        if num_bytes > MAX_ANSWER_BYTES:
            raise WorkerFailed(f"it said {num_bytes} bytes")
        try:
            return self._read(num_bytes, until_s).decode().strip()
        except UnicodeDecodeError as e:
            raise WorkerFailed("it said something unreadable") from e

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process.wait()

    def _read(self, num_bytes: int, until_s: float) -> bytes:
        data = bytearray()
        while len(data) < num_bytes:
            self._wait(until_s, writing=False)
            more = os.read(self._out_fd, num_bytes - len(data))
            if not more:
                raise WorkerFailed("its process died")
            data += more
        return bytes(data)

    def _wait(self, until_s: float, *, writing: bool) -> None:
        left_s = max(0.0, until_s - time.monotonic())
        readers, writers = ([], [self._in_fd]) if writing else ([self._out_fd], [])
        if not any(select.select(readers, writers, [], left_s)):
            raise WorkerFailed("it did not answer in time")
