"""Starts worker processes, waits until they are ready, restarts those that die or hang, and ends them all.

Knows processes, sockets and logs; nothing of what a worker does. Every worker is in its own process group, so
that Ctrl-C reaches only the front, which then decides.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, closing, suppress
from itertools import count
from pathlib import Path
from typing import NamedTuple, Protocol

from sensorium.clock import Clock
from sensorium.errors import BadInput, SensoriumError, WorkerDied, WorkerFailed, from_wire
from sensorium.front.core_time import CoreTime, Spent
from sensorium.front.happenings import Tell, to_nobody
from sensorium.front.heartbeat import EVERY_S, Heartbeat
from sensorium.front.line import Channel, Line, Message
from sensorium.front.process import exited, open_log, started, tail
from sensorium.metrics import Counters
from sensorium.wire.events import WorkerDown, WorkerUp
from sensorium.wire.payloads import Payloads, Rings
from sensorium.wire.records import Computing, Failed, Ping, Pong, Ready, Record, Stop

READY_TIMEOUT_S = 120.0
STOP_S = 2.0
TERMINATE_S = 1.0
# Deaths within this time count together; after so many the worker is left alone.
DEATHS_WINDOW_S = 60.0
MAX_DEATHS = 6
# A worker may die twice before anybody waits: by itself, and of what it was asked.
_BACKOFF_S = (0.0, 0.0, 0.25, 1.0, 2.0, 5.0)


class Link(Protocol):
    """What a worker's messages are given to; see `links.py`."""

    line: Line
    incoming: object

    def receive(self, record: Record, payload: bytes) -> None: ...


class WorkerSpec(NamedTuple):
    """`name` is the module under `sensorium.workers` unless `command` says otherwise."""

    name: str
    arguments: tuple[str, ...]
    log_path: Path
    ready_timeout_s: float = READY_TIMEOUT_S
    command: tuple[str, ...] = ()

    def full_command(self, fd: int, rings: Rings) -> tuple[str, ...]:
        start = self.command or (sys.executable, "-m", f"sensorium.workers.{self.name}")
        return (*start, "--fd", str(fd), "--rings", rings.argument, *self.arguments)


class _Life(NamedTuple):
    """One process from start to end."""

    process: asyncio.subprocess.Process
    channel: Channel
    messages: AsyncIterator[Message]


class Worker:
    """One worker through all its lives: `start`, then `serve` in a task, in the end `stop`.

    `on_restart` is called when a new process has taken the place of a dead one; `tell` hears of both.
    `hopped` is told how many ms each record was on its way.
    """

    def __init__(
        self,
        spec: WorkerSpec,
        link: Link,
        clock: Clock,
        counters: Counters,
        on_restart: Callable[[], None] | None = None,
        tell: Tell = to_nobody,
        hopped: Callable[[float], object] = lambda ms: None,
    ) -> None:
        self._tell = tell
        self._hopped = hopped
        self._on_restart = on_restart
        self._spec = spec
        self._link = link
        self._clock = clock
        self._counters = counters
        self._life: _Life | None = None
        self._deaths_s: deque[float] = deque(maxlen=MAX_DEATHS)

    @property
    def pid(self) -> int | None:
        return self._life.process.pid if self._life is not None else None

    async def start(self) -> Ready:
        """Returns when the worker is ready.

        Raises what the worker reports (BundleError, ...), or WorkerFailed with the end of its log.
        """
        life = await self._spawn()
        try:
            ready = await self._ready(life)
        except BaseException:
            await self._end(life, politely=False)
            raise
        self._life = life
        self._link.line.up(life.channel, ready)
        return ready

    async def serve(self) -> None:
        """Delivers messages and restarts a worker that dies or hangs. Runs until cancelled, or until it gives
        up. Counts `worker_restarts_total`."""
        while self._life is not None:
            heart = Heartbeat(self._clock.now_s())
            async with asyncio.TaskGroup() as tasks:
                watching = tasks.create_task(self._watch(self._life, heart))
                await self._deliver(self._life, heart)
                watching.cancel()
            await self._bury(self._life, hung=heart.hung)
            if await self._restart():
                why = "hung" if heart.hung else "died"
                self._counters.add("worker_restarts_total", worker=self._link.line.worker, why=why)
                self._tell(WorkerUp(self._link.line.worker))

    async def stop(self) -> None:
        """Asks, then terminates, then kills. `serve` must have ended."""
        life, self._life = self._life, None
        if life is not None:
            self._link.line.down(
                WorkerDied(f"the {self._link.line.title} process was stopped"), for_good=True
            )
            await self._end(life, politely=True)

    async def _spawn(self) -> _Life:
        with ExitStack() as undo:
            ours, theirs = map(undo.enter_context, socket.socketpair())
            with closing(Rings.create(self._link.line.worker)) as rings, theirs:
                payloads = undo.enter_context(closing(Payloads.of_front(rings, self._count_full)))
                process = await self._started(theirs.fileno(), rings)
            try:
                channel = await Channel.open(ours, self._link.incoming, payloads, self._hopped)
            except BaseException:
                process.kill()
                await process.wait()
                raise
            undo.pop_all()  # the channel closes them
        return _Life(process, channel, channel.messages())

    async def _started(self, fd: int, rings: Rings) -> asyncio.subprocess.Process:
        """Raises WorkerFailed when the log or the process cannot be opened or started."""
        try:
            with await asyncio.to_thread(open_log, self._spec.log_path) as log:
                return await started(self._spec.full_command(fd, rings), (fd, *rings), log)
        except OSError as e:
            what = e.filename or f"the {self._link.line.title} process"
            raise WorkerFailed(f"{what} could not be opened or started: {e.strerror}") from e

    def _count_full(self, direction: str) -> None:
        self._counters.add("ring_full_total", worker=self._link.line.worker, direction=direction)

    async def _ready(self, life: _Life) -> Ready:
        title = self._link.line.title
        try:
            async with asyncio.timeout(self._spec.ready_timeout_s):
                async for record, _ in life.messages:
                    if isinstance(record, Ready):
                        return record
                    if isinstance(record, Failed):
                        raise from_wire(record.code, record.message, record.remedy)
                code = await life.process.wait()
        except TimeoutError:
            message = f"the {title} process was not ready after {self._spec.ready_timeout_s:.0f} s"
            raise WorkerFailed(message, remedy=await self._log_remedy()) from None
        raise WorkerFailed(
            f"the {title} process ended with code {code} before it was ready", remedy=await self._log_remedy()
        )

    async def _watch(self, life: _Life, heart: Heartbeat) -> None:
        """Kills the process when it hangs: `_deliver` then ends as if it had died."""
        cores = CoreTime(life.process.pid)
        for nonce in count(1):
            life.channel.send(Ping(nonce))
            await asyncio.sleep(EVERY_S)
            heart.beat(self._clock.now_s(), Spent() if heart.alive else cores.since_last())
            if heart.hung:
                with suppress(ProcessLookupError):
                    life.process.kill()
                return

    async def _deliver(self, life: _Life, heart: Heartbeat) -> None:
        try:
            async for record, payload in life.messages:
                if isinstance(record, Pong):
                    heart.answered(alive=record.alive)
                elif isinstance(record, Computing):
                    heart.computing(self._clock.now_s(), record.seconds)
                else:
                    self._link.receive(record, payload)
        except BadInput as e:
            # Nobody knows where its next message starts: its line is worth no more than a dead one's.
            self._link.line.down(
                WorkerFailed(f"the {self._link.line.title} process sent nonsense: {e.message}")
            )

    async def _bury(self, life: _Life, *, hung: bool) -> None:
        line = self._link.line
        self._deaths_s.append(self._clock.now_s())
        self._tell(WorkerDown(line.worker))
        how = "hung and was killed" if hung else "ended"
        line.down(WorkerDied(f"the {line.title} process {how}; it is being restarted", remedy="ask again"))
        await self._end(life, politely=False)
        self._life = None

    async def _restart(self) -> bool:
        """Raises nothing: False for a worker that cannot come back; it tells so to whoever asks next."""
        while True:
            now_s = self._clock.now_s()
            num_deaths = sum(now_s - at <= DEATHS_WINDOW_S for at in self._deaths_s)
            if num_deaths >= MAX_DEATHS:
                return self._give_up(
                    WorkerFailed(f"the {self._link.line.title} process dies again and again")
                )
            await asyncio.sleep(_BACKOFF_S[min(max(num_deaths - 1, 0), len(_BACKOFF_S) - 1)])
            try:
                await self.start()
            except BadInput as e:
                return self._give_up(e)
            except SensoriumError:
                self._deaths_s.append(self._clock.now_s())
            else:
                if self._on_restart is not None:
                    self._on_restart()
                return True

    def _give_up(self, error: SensoriumError) -> bool:
        remedy = error.remedy or f"see {self._spec.log_path}"
        self._link.line.down(type(error)(error.message, remedy=remedy), for_good=True)
        return False

    async def _end(self, life: _Life, *, politely: bool) -> None:
        """Stop, terminate, kill; afterwards the process is reaped and its socket closed."""
        process = life.process
        try:
            if politely:
                life.channel.send(Stop())
                await exited(process, STOP_S)
                if process.returncode is None:
                    process.terminate()
                    await exited(process, TERMINATE_S)
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
            await process.wait()
            await life.channel.close()

    async def _log_remedy(self) -> str:
        said = await asyncio.to_thread(tail, self._spec.log_path)
        return f"{said}; see {self._spec.log_path}" if said else f"see {self._spec.log_path}"
