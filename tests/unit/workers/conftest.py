"""The front's end of a worker's socket, as blocking as a test likes it."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sensorium.wire import framing
from sensorium.wire.records import Ping, Pong, Record
from sensorium.workers.shell import Shell

_RUN_AND_TELL = """
import sys
from sensorium.workers import {worker}
sys.argv = [{worker!r}, *{arguments!r}]
code = {worker}.main()
parts = ("bridge", "espeak", "phrases", "synthesizer", "fake", "pocketsphinx")
print("bridges:", *(name for name in sorted(sys.modules) if any(part in name for part in parts)))
print("native:", "sensorium.{worker}.native" in sys.modules)
sys.exit(code)
"""


class Front:
    def __init__(self, end: socket.socket, out_type: object) -> None:
        self.socket = end
        end.settimeout(20)
        self._decoder = framing.Decoder(out_type)
        self._waiting: list[tuple[Record, bytes]] = []

    def send(self, *records: Record, payload: bytes = b"") -> None:
        """Every record with the same payload, in one write."""
        self.socket.sendall(b"".join(framing.encode(record, payload) for record in records))

    def receive(self) -> tuple[Record, bytes]:
        while not self._waiting:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError("the worker closed its end")
            self._waiting = self._decoder.feed(data)
        return self._waiting.pop(0)

    def until(self, kind: type[Record], turn_id: int | None = None) -> list[tuple[Record, bytes]]:
        """All messages up to and with the first of this kind (and turn)."""
        messages = []
        while True:
            messages.append(self.receive())
            record = messages[-1][0]
            if isinstance(record, kind) and turn_id in (None, getattr(record, "turn_id", None)):
                return messages

    def sync(self) -> None:
        """Returns when everything sent so far lies in the worker's mailbox; what came back waits."""
        self.send(Ping(99))
        came = []
        while (message := self.receive())[0] != Pong(99, alive=True) and message[0] != Pong(99, alive=False):
            came.append(message)
        self._waiting[:0] = came


@pytest.fixture
def connect() -> Iterator[Callable[[object], tuple[Front, socket.socket]]]:
    """`connect(FromSpeech)` gives a front and the socket that is meant for a worker."""
    ends: list[socket.socket] = []

    def pair(out_type: object) -> tuple[Front, socket.socket]:
        ours, theirs = socket.socketpair()
        ends.extend((ours, theirs))
        return Front(ours, out_type), theirs

    yield pair
    for end in ends:
        end.close()


@pytest.fixture
def run_worker(connect) -> Iterator[Callable[..., Front]]:
    """`run_worker(FromSpeech, ToSpeech, make)` runs `make(shell).serve()` on a thread; its front's end."""
    running: list[tuple[Front, Shell, threading.Thread]] = []

    def run(out_type: object, in_type: object, make: Callable[[Shell], Any]) -> Front:
        front, theirs = connect(out_type)
        shell = Shell(theirs.detach(), in_type)
        thread = threading.Thread(target=make(shell).serve)
        thread.start()
        running.append((front, shell, thread))
        return front

    yield run
    for front, shell, thread in running:
        front.socket.close()
        thread.join(timeout=20)
        assert not thread.is_alive()
        shell.close()


@pytest.fixture
def native_process(connect) -> Iterator[Callable[..., tuple[Front, subprocess.Popen[str]]]]:
    """`native_process("speech", FromSpeech, "--engine", "codec")` starts a whole worker process. When it ends
    it prints "bridges:" with what it imported of them, and "native:" with whether it was native at all."""
    children: list[subprocess.Popen[str]] = []

    def start(worker: str, out_type: object, *arguments: str) -> tuple[Front, subprocess.Popen[str]]:
        front, theirs = connect(out_type)
        fd = theirs.fileno()
        code = _RUN_AND_TELL.format(worker=worker, arguments=["--fd", str(fd), *arguments])
        child = subprocess.Popen(
            [sys.executable, "-c", code], pass_fds=[fd], stdout=subprocess.PIPE, text=True
        )
        children.append(child)
        theirs.close()
        return front, child

    yield start
    for child in children:
        child.kill()
        child.communicate(timeout=20)
