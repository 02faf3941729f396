"""What every worker process shares: one socket to the front, a mailbox, readiness, and how it ends.

Decides nothing about models or turns. One reader thread fills the mailbox and answers `Ping`, also for the
thread that computes: whether it comes back to the mailbox. The worker never outlives the front.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import queue
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from sensorium import garbage
from sensorium.clock import SystemClock
from sensorium.errors import BadInput, SensoriumError
from sensorium.refusals import RefusalLog
from sensorium.wire import framing
from sensorium.wire.payloads import Payloads, Rings
from sensorium.wire.records import Computing, Failed, Inspect, Ping, Pong, Ready, Record, Stats, Stop
from sensorium.wire.ring import Buffer

Message = tuple[Record, bytes]
_Received = tuple[Record, bytes | framing.Slot]

# A worker that got nothing to do for so long is idle: time to tidy up.
IDLE_S = 1.0
EXIT_BUG = 70  # EX_SOFTWARE of sysexits.h
# A larger buffer is taken from the system and given back at each read, which costs tens of microseconds.
_READ_BYTES = 64 * 1024
_PR_SET_PDEATHSIG = 1
_CHILDREN_EVERY = 10


class Shell:
    """The worker's end of the socket `fd`; `in_type` is the union it receives, e.g. `ToLlm`. `rings`: the
    shared memory beside it; without, all payloads travel in the socket.

    A payload stays in its slot until the worker takes the message: so the front knows how much waits.
    `send` may be called from any thread; `messages`, `take` and `take_waiting` from one.
    """

    def __init__(self, fd: int, in_type: object, rings: Rings | None = None) -> None:
        try:
            self._socket = socket.socket(fileno=fd)
        except OSError as e:
            raise BadInput(f"--fd {fd} is not a socket: {e.strerror}") from e
        self._socket.setblocking(True)
        self._payloads = Payloads() if rings is None else Payloads.of_worker(rings)
        self._decoder = framing.Decoder(in_type)
        # None: no more will come. An error: what came could not be read.
        self._mailbox: queue.SimpleQueue[_Received | BadInput | None] = queue.SimpleQueue()
        self._send_lock = threading.Lock()
        self._refusals = RefusalLog(SystemClock(), _log)
        self._ended = False
        self._num_answers = 0
        self._children: list[Any] = []
        self._pauses = garbage.Pauses()
        # Of the thread that takes: is it waiting for work, has it looked for some since the last ping?
        self._waits = False
        self._looked = True
        threading.Thread(target=self._read, name="shell-reader", daemon=True).start()

    @property
    def ended(self) -> bool:
        """True once `Stop` or the end of the stream was reached in the mailbox: finish and return."""
        return self._ended

    def ready(self, worker: str, warm_s: float, facts: Mapping[str, Any]) -> None:
        """Tells the front, after warm-up, what was found at start."""
        self._looked = True
        self.send(Ready(worker, round(warm_s, 4), {"pid": os.getpid(), **facts}))

    def send(self, record: Record, payload: Buffer = b"") -> None:
        """Sends one record; blocks while the front does not read. When the front is gone it is dropped."""
        # What no work is behind would flatter the time that a record takes.
        sent_ns = 0 if isinstance(record, Pong) else time.monotonic_ns()
        with self._send_lock:  # slots and frames have one order
            frame = self._payloads.encode(record, payload, sent_ns)
            try:
                self._socket.sendall(frame)
            except (BrokenPipeError, ConnectionResetError):
                self._mailbox.put(None)

    def working(self) -> None:
        """A sign of life between two bounded steps of one long computation."""
        self._looked = True

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Around a worker's loop: what was loaded stays, garbage is collected while the worker is idle."""
        with self._pauses.measuring(), garbage.put_off():
            yield

    @contextmanager
    def computing(self, seconds: float) -> Iterator[None]:
        """Inside, a library may hold the interpreter for up to so long: nobody takes the worker for hung."""
        self.send(Computing(seconds))
        try:
            yield
        finally:
            self.send(Computing(0.0))

    def answer(self, inspect: Inspect, values: Mapping[str, Any]) -> None:
        """Answers with `values` and what every worker knows of itself."""
        import psutil  # late: a worker that is waited for needs no figures yet

        process = psutil.Process()
        # To look through all processes of the machine takes milliseconds, and we are asked once a second.
        if self._num_answers % _CHILDREN_EVERY == 0:
            self._children = process.children(recursive=True)
        self._num_answers += 1
        shared = {
            "pid": process.pid,
            "rss_bytes": process.memory_info().rss,
            "children_rss_bytes": sum(map(_rss_bytes, self._children)),
            "open_files": process.num_fds(),
        }
        self.send(Stats(inspect.nonce, {**shared, **self._pauses.summary(), **values}))

    @contextmanager
    def failing(self, turn_id: int) -> Iterator[None]:
        """Inside, an error that a person may read ends this turn or stream only: it becomes `Failed`."""
        try:
            yield
        except SensoriumError as e:
            self.fail(turn_id, e)

    def fail(self, turn_id: int, error: SensoriumError) -> None:
        """Reports an error of one turn or stream, with a line in the log; 0 means the whole worker."""
        if turn_id:
            self._refusals.note(error.code, error.one_line())
        self.send(Failed(turn_id, error.code, error.message, error.remedy))

    def messages(self) -> Iterator[Message]:
        """Waits for records until `Stop` comes or the front is gone. `Ping` and `Stop` are not among them.

        Raises BadInput when what comes is not a record for this worker.
        """
        while (message := self.take()) is not None:
            yield message

    def take(self, timeout_s: float | None = None) -> Message | None:
        """The next record; None when none came in `timeout_s` or there will be no more (see `ended`)."""
        if self._ended:
            return None
        self._waits = True
        try:
            received = self._next(timeout_s)
        except queue.Empty:
            return None
        finally:
            self._looked = True
            self._waits = False
        if received is None:
            self._ended = True
            return None
        try:
            if isinstance(received, BadInput):
                raise received
            record, payload = received
            return record, self._payloads.fetch(payload)
        except BadInput:
            self._ended = True
            raise

    def _next(self, timeout_s: float | None) -> _Received | BadInput | None:
        if timeout_s is None:
            with suppress(queue.Empty):
                return self._mailbox.get(timeout=IDLE_S)
            garbage.collect_if_due()
        return self._mailbox.get(timeout=timeout_s)

    def post(self, record: Record) -> None:
        """From any thread of the worker's own: `record` is taken as if it came behind what came so far."""
        self._mailbox.put((record, b""))

    def take_waiting(self) -> list[Message]:
        """What lies in the mailbox now; never waits. For loops that compute between looks."""
        waiting: list[Message] = []
        while (message := self.take(timeout_s=0.0)) is not None:
            waiting.append(message)
        return waiting

    def close(self) -> None:
        """Ends the stream; the reader thread goes with it."""
        with suppress(OSError):  # the other end may be faster
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        with self._send_lock:
            self._payloads.close()

    def _read(self) -> None:
        try:
            while data := self._socket.recv(_READ_BYTES):
                for record, payload in self._decoder.feed(data):
                    self._deliver(record, payload)
            self._mailbox.put(None)
        except BadInput as e:
            self._mailbox.put(e)
        except OSError:
            self._mailbox.put(None)

    def _deliver(self, record: Record, payload: bytes | framing.Slot) -> None:
        if isinstance(record, Ping):
            alive = self._looked or self._waits
            self._looked = False
            self.send(Pong(record.nonce, alive))
        elif isinstance(record, Stop):
            self._mailbox.put(None)
        else:
            self._mailbox.put((record, payload))


def argument_parser(worker: str) -> argparse.ArgumentParser:
    """A parser that knows `--fd` and `--rings`; the worker adds its own arguments."""
    parser = argparse.ArgumentParser(prog=f"sensorium.workers.{worker}")
    parser.add_argument("--fd", type=int, required=True, help="socket to the front, inherited")
    parser.add_argument("--rings", default="", help="shared memory beside the socket, inherited")
    parser.add_argument(
        "--stress", type=float, default=1.0, help="for benches: every call of the model takes N times as long"
    )
    parser.add_argument("--stress-s", type=float, default=0.0, help="how long from the start; 0: always")
    return parser


def run(fd: int, in_type: object, serve: Callable[[Shell], None], rings: str = "") -> int:
    """The whole life of a worker process around `serve`; returns the exit code. `fd` and `rings` are what the
    parser found.

    A SensoriumError that leaves `serve` is reported as `Failed(turn_id=0)`; anything else is a bug: one line
    on stderr and exit code 70.
    """
    _follow_the_front()
    try:
        inherited = Rings.parse(rings) if rings else None
        shell = Shell(fd, in_type, inherited)
        if inherited is not None:
            inherited.close()
    except BadInput as e:
        print(e.one_line(), file=sys.stderr, flush=True)
        return e.exit_code
    try:
        serve(shell)
    except SensoriumError as e:
        shell.fail(0, e)
        print(e.one_line(), file=sys.stderr, flush=True)
        return e.exit_code
    except Exception as e:
        print(_one_line(e), file=sys.stderr, flush=True)
        return EXIT_BUG
    finally:
        shell.close()
    return 0


def _follow_the_front() -> None:
    # Ctrl-C reaches the whole process group, but only the front decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        # A worker deep in a computation would notice the closed socket late. The kernel means the thread that
        # started us, so the front starts workers from one that lives as long as itself.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _rss_bytes(process: Any) -> int:
    """Of a psutil.Process; 0 when it is gone."""
    import psutil

    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _one_line(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    text = " ".join(str(error).split())
    return f"bug: {type(error).__name__}: {text} at {frame.filename}:{frame.lineno} in {frame.name}"
