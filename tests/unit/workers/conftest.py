"""The front's end of a worker's socket, as blocking as a test likes it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from sensorium.wire import framing
from sensorium.wire.records import Ping, Pong, Record


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
        """Returns when everything sent so far lies in the worker's mailbox and nothing else came back."""
        self.send(Ping(99))
        assert self.receive() == (Pong(99), b"")


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
