"""The other process of `bench hop`: notes when a payload is in its hands, and says so.

`shell` is what the workers of the house are made of. `socket` and `eventfd` are two ways to be woken for a
payload in a ring, with no thread and no mailbox; with `eventfd` the record lies in the ring too.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import time

from sensorium.wire import framing
from sensorium.wire.payloads import Payloads, Rings
from sensorium.wire.records import Look, Seen, ToVision
from sensorium.wire.ring import RingReader
from sensorium.workers import shell

TIME = struct.Struct("<d")
# What it sends back, of larger payloads nothing: no worker sends so much to the front.
MAX_BACK_BYTES = 1 << 15


def serve(front: shell.Shell) -> None:
    """Answers each `Look` with when it was taken, when the answer was begun, and its payload."""
    front.ready("hop", 0.0, {})
    for record, payload in front.messages():
        arrived_s = time.monotonic()
        if isinstance(record, Look):
            back = payload if len(payload) <= MAX_BACK_BYTES else b""
            stage = ("hop", arrived_s, time.monotonic())
            front.send(Seen(record.look_id, 0, (), (stage,)), back)


def wait_on_socket(end: socket.socket, rings: Rings) -> None:
    decoder, payloads = framing.Decoder(ToVision), Payloads.of_worker(rings)
    while data := end.recv(1 << 16):
        for _, payload in decoder.feed(data):
            payloads.fetch(payload)
            end.sendall(TIME.pack(time.monotonic()))


def wait_on_eventfd(end: socket.socket, rings: Rings, filled_fd: int) -> None:
    decoder, reader, number = framing.Decoder(ToVision), RingReader(rings.to_worker, rings.room), 0
    while True:
        for _ in range(os.eventfd_read(filled_fd)):
            number += 1
            with reader.get(number) as view:
                decoder.feed(view)
            reader.release(number)
            end.sendall(TIME.pack(time.monotonic()))


def main() -> int:
    parser = shell.argument_parser("hop")
    parser.add_argument("--way", choices=("shell", "socket", "eventfd"), required=True)
    parser.add_argument("--filled", type=int, default=-1, help="eventfd of the way `eventfd`")
    args = parser.parse_args()
    if args.way == "shell":
        return shell.run(args.fd, ToVision, serve, args.rings)
    end, rings = socket.socket(fileno=args.fd), Rings.parse(args.rings)
    if args.way == "socket":
        wait_on_socket(end, rings)
    else:
        wait_on_eventfd(end, rings, args.filled)
    return 0


if __name__ == "__main__":
    sys.exit(main())
