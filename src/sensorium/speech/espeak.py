"""The espeak-ng engine as seen from our side of two pipes.

Never loads espeak-ng: `espeak_process.py` does, in a process of its own, and documents the frames.
"""

from __future__ import annotations

import json
import os
import select
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import numpy as np

from sensorium.errors import BadInput, MissingExtra, SensoriumError, WorkerFailed
from sensorium.persona import Voice
from sensorium.speech.bridge import Chunks, check_text, check_voice_name

COMMAND = (sys.executable, "-P", "-m", "sensorium.speech.espeak_process")

_ANSWER_TIMEOUT_S = 10.0
_MAX_FRAME_BYTES = 1 << 20
_FRAME = struct.Struct("<cI")


class EspeakBridge:
    """`TextToSpeech` through a child process, which is started now and again after it died.

    A phrase of which nothing was heard yet is then tried once more; one that was half spoken fails.
    `on_restart` is called each time. Raises MissingExtra when espeak-ng is not installed, WorkerFailed when
    the process does not start.
    """

    def __init__(
        self, command: Sequence[str] = COMMAND, on_restart: Callable[[], None] = lambda: None
    ) -> None:
        self._command = tuple(command)
        self._on_restart = on_restart
        self._child = _Child(self._command)

    @property
    def engine(self) -> str:
        return str(self._child.facts["engine"])

    @property
    def sample_rate_hz(self) -> int:
        return int(self._child.facts["sample_rate_hz"])

    @property
    def child_pid(self) -> int:
        return self._child.pid

    def list_voices(self) -> list[str]:
        return list(self._child.facts["voices"])

    def check(self, voice: Voice) -> None:
        check_voice_name(voice.espeak, self._child.facts["voices"], self._child.facts["variants"])

    def synthesize(self, text: str, voice: Voice) -> Chunks:
        check_text(text)
        self.check(voice)
        request = {"text": text, "voice": voice.espeak, "pitch": voice.pitch, "rate_wpm": voice.rate_wpm}
        heard = False
        try:
            with closing(self._child.say(request)) as chunks:
                for samples in chunks:
                    heard = True
                    yield samples
        except WorkerFailed:
            self._restart()
            if heard:
                raise
            with closing(self._child.say(request)) as chunks:
                yield from chunks

    def close(self) -> None:
        self._child.close()

    def _restart(self) -> None:
        self._child.close()
        self._on_restart()
        self._child = _Child(self._command)


class _Child:
    """One run of the espeak process: starts it, speaks its frames, notices its death."""

    def __init__(self, command: tuple[str, ...]) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        assert self._process.stdin is not None and self._process.stdout is not None
        self._in_fd, self._out_fd = self._process.stdin.fileno(), self._process.stdout.fileno()
        self.pid = self._process.pid
        self._busy = False
        try:
            kind, body = self._read()
            self.facts = _json_object(body)
            if kind != b"R":
                raise _error(self.facts)
        except SensoriumError:
            self.close()
            raise

    def say(self, request: dict[str, Any]) -> Chunks:
        self._cancel()  # a generator that nobody closed
        self._write(b"S", json.dumps(request).encode())
        self._busy = True
        try:
            while (answer := self._read())[0] == b"P":
                yield np.frombuffer(answer[1], dtype="<i2")
        except GeneratorExit:
            self._cancel()
            raise
        self._busy = False
        if answer[0] != b"D":
            raise _error(_json_object(answer[1]))

    def close(self) -> None:
        """Ends the process, whatever it does."""
        self._in_fd = self._out_fd = -1  # their numbers may soon mean another file
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process.wait()

    def _cancel(self) -> None:
        if not self._busy:
            return
        self._busy = False
        try:
            self._write(b"C", b"")
            while self._read()[0] == b"P":
                pass
        except WorkerFailed:
            self.close()  # nobody waits for this phrase; the next one starts the process anew

    def _write(self, kind: bytes, body: bytes) -> None:
        rest = memoryview(_FRAME.pack(kind, len(body)) + body)
        try:
            while rest:
                rest = rest[os.write(self._in_fd, rest) :]
        except OSError as e:
            raise WorkerFailed("the espeak process died") from e

    def _read(self) -> tuple[bytes, bytes]:
        kind, num_bytes = _FRAME.unpack(self._read_exactly(_FRAME.size))
        if num_bytes > _MAX_FRAME_BYTES:
            raise WorkerFailed(f"the espeak process sent a frame of {num_bytes} bytes")
        return kind, self._read_exactly(num_bytes)

    def _read_exactly(self, num_bytes: int) -> bytes:
        data = bytearray()
        while len(data) < num_bytes:
            if not select.select([self._out_fd], [], [], _ANSWER_TIMEOUT_S)[0]:
                raise WorkerFailed(f"the espeak process said nothing for {_ANSWER_TIMEOUT_S:g} s")
            more = os.read(self._out_fd, num_bytes - len(data))
            if not more:
                raise WorkerFailed("the espeak process died")
            data += more
        return bytes(data)


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise WorkerFailed("the espeak process sent something unreadable")
    return found


def _error(facts: dict[str, Any]) -> SensoriumError:
    message = str(facts.get("message", "the espeak process lost its place"))
    match facts.get("code"):
        case "missing_extra":
            return MissingExtra(message, remedy='pip install "sensorium[espeak]"')
        case "bad_input":
            return BadInput(message)
    return WorkerFailed(message)
