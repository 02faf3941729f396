"""`bench hop`: how long a record and its payload take from one process into the hands of another.

From the front's `Channel` on uvloop to a worker's `Shell` and back, each payload in the socket and in a ring;
and, with nothing around it, a payload in a ring with its record in the socket, or with its record in the ring
too and an eventfd that wakes. All take turns, so that a busy machine is unfair to all of them alike.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from typing import Any

import uvloop

from sensorium.bench.figures import Figure, summary
from sensorium.bench.hop_worker import MAX_BACK_BYTES, TIME
from sensorium.bench.provenance import commit, machine, version
from sensorium.errors import WorkerDied
from sensorium.front.line import Channel
from sensorium.wire import framing
from sensorium.wire.payloads import INLINE_BELOW, Payloads, Rings
from sensorium.wire.records import FromVision, Look, Ready, Seen
from sensorium.wire.ring import RingWriter

SIZES = (640, 2_048, 32_768, 307_200)
ROUNDS, WARM_UP_ROUNDS = 300, 20
BUDGET_US = 1000.0
# About what lies between two pieces of sound, in small: long enough for the other process to fall asleep.
PAUSE_S = 0.001
_SHAPED_LIKE = "vision"

# How far it is: (done, of, what is being done).
Progress = Callable[[int, int, str], None]
# Sends a payload; microseconds by direction.
Hop = Callable[[bytes], Awaitable[dict[str, float]]]
# Microseconds by (way, size, direction).
Found = defaultdict[tuple[str, int, str], list[float]]


def run(progress: Progress, rounds: int = ROUNDS) -> dict[str, Any]:
    """Measures everything; the object of `--json`. Raises WorkerDied when the other process ends."""
    found: Found = defaultdict(list)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_measure(found, rounds, progress))
    return {
        **{figure.key: summary(figure) for figure in _figures(found)},
        "commit": commit(),
        "machine": machine(),
        "settings": {
            "rounds": rounds,
            "pause_ms": PAUSE_S * 1000.0,
            "inline_below_bytes": INLINE_BELOW,
            "uvloop": version("uvloop"),
        },
    }


def _figures(found: Found) -> Iterator[Figure]:
    for (way, size, direction), values in sorted(found.items(), key=lambda item: (item[0][2], item[0][1])):
        title = f"{size:,} bytes {direction}, {way} (us)"
        key = f"{way}_{size}_{direction}_us".replace(" ", "_")
        yield Figure(key, title, BUDGET_US, values)


async def _measure(found: Found, rounds: int, progress: Progress) -> None:
    async with AsyncExitStack() as stack:
        hops = [
            ("in the socket", await stack.enter_async_context(_far_shell(with_rings=False))),
            ("in a ring", await stack.enter_async_context(_far_shell(with_rings=True))),
            ("woken by socket", stack.enter_context(_far_loop("socket"))),
            ("woken by eventfd", stack.enter_context(_far_loop("eventfd"))),
        ]
        for number in range(-WARM_UP_ROUNDS, rounds):
            progress(max(0, number), rounds, "hops")
            hops.append(hops.pop(0))  # who comes first finds the caches as another left them
            for size in SIZES:
                payload = os.urandom(size)
                for way, hop in hops:
                    await asyncio.sleep(PAUSE_S)
                    for direction, taken_us in (await hop(payload)).items():
                        if number >= 0:
                            found[way, size, direction].append(taken_us)


@asynccontextmanager
async def _far_shell(*, with_rings: bool) -> AsyncIterator[Hop]:
    """A worker as the house has them; gives what sends it a payload and tells how long that took."""
    with _process("shell", with_rings=with_rings) as (ours, rings, _):
        payloads = Payloads() if rings is None else Payloads.of_front(rings)
        channel = await Channel.open(ours, FromVision, payloads)
        try:
            messages = channel.messages()

            async def take(kind: Any) -> Any:
                async for record, _ in messages:
                    if isinstance(record, kind):
                        return record
                raise WorkerDied("the process that is measured with ended")

            async def hop(payload: bytes) -> dict[str, float]:
                sent_s = time.monotonic()
                channel.send(Look(1), payload)
                record = await take(Seen)
                received_s = time.monotonic()
                _, arrived_s, answered_s = record.stages[0]
                taken_us = {"to a worker": (arrived_s - sent_s) * 1e6}
                if len(payload) <= MAX_BACK_BYTES:
                    taken_us["to the front"] = (received_s - answered_s) * 1e6
                return taken_us

            await take(Ready)
            yield hop
        finally:
            await channel.close()


@contextmanager
def _far_loop(way: str) -> Iterator[Hop]:
    """A process that does nothing but wait; gives what puts a payload into its ring and wakes it."""
    with _process(way, with_rings=True) as (ours, rings, filled_fd):
        assert rings is not None
        ring = RingWriter(rings.to_worker, rings.room)
        with closing(Payloads(ring)) as payloads:

            async def wake(payload: bytes) -> dict[str, float]:
                sent_s = time.monotonic()
                if way == "socket":
                    ours.sendall(payloads.encode(Look(1), payload))
                else:
                    ring.put(framing.encode(Look(1), payload))
                    os.eventfd_write(filled_fd, 1)
                answer = ours.recv(TIME.size)
                if len(answer) != TIME.size:
                    raise WorkerDied("the process that is measured with ended")
                return {"bare": (TIME.unpack(answer)[0] - sent_s) * 1e6}

            yield wake


@contextmanager
def _process(way: str, *, with_rings: bool) -> Iterator[tuple[socket.socket, Rings | None, int]]:
    """Our end of its socket, its rings and its eventfd; killed at the end."""
    ours, theirs = socket.socketpair()
    rings = Rings.create(_SHAPED_LIKE) if with_rings else None
    filled_fd = os.eventfd(0)
    inherited = [theirs.fileno(), filled_fd, *(rings or ())]
    command = [sys.executable, "-m", "sensorium.bench.hop_worker", "--way", way]
    command += ["--fd", str(theirs.fileno()), "--filled", str(filled_fd)]
    command += ["--rings", rings.argument] if rings is not None else []
    process = subprocess.Popen(command, pass_fds=inherited, stdin=subprocess.DEVNULL)
    try:
        theirs.close()
        yield ours, rings, filled_fd
    finally:
        process.kill()
        process.wait()
        ours.close()
        os.close(filled_fd)
        if rings is not None:
            rings.close()
