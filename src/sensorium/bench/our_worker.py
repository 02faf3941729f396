"""The real llm worker of the house in its own process, spoken to over its socket without an event loop.

Benches use it so that what is measured is what a room gets: wire, scheduler, prefix cache and llama.cpp.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from sensorium.errors import WorkerDied, from_wire
from sensorium.request import Prompt, Sampling, Usage
from sensorium.wire import framing
from sensorium.wire.records import (
    Began,
    Failed,
    Finished,
    FromLlm,
    Generate,
    Inspect,
    Ready,
    Record,
    Said,
    Settle,
    Settled,
    Stats,
)

READ_BYTES = 1 << 18
ANSWER_TIMEOUT_S = 300.0


class WorkerSettings(NamedTuple):
    """The worker's own options, under their names; `bundle` is a folder."""

    bundle: Path
    kv_cells: int
    max_sequences: int
    threads: int
    batch_tokens: int = 512

    def arguments(self) -> list[str]:
        return [
            *("--bundle", str(self.bundle)),
            *("--kv-cells", str(self.kv_cells)),
            *("--max-sequences", str(self.max_sequences)),
            *("--threads", str(self.threads)),
            *("--batch-tokens", str(self.batch_tokens)),
        ]


class Reply(NamedTuple):
    """`first_token_ms` from before the request was written until the first piece was read."""

    text: str
    usage: Usage
    first_token_ms: float


class OurWorker:
    """Ready on entry, killed on exit. Raises what the worker reports, WorkerDied when it is gone."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._decoder = framing.Decoder(FromLlm)
        self._waiting: list[Record] = []
        self._last_turn_id = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._socket, self._far_end = socket.socketpair()
        self._socket.settimeout(ANSWER_TIMEOUT_S)

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def __enter__(self) -> OurWorker:
        fd = self._far_end.fileno()
        command = [sys.executable, "-m", "sensorium.workers.llm", "--fd", str(fd)]
        self._process = subprocess.Popen(
            command + self._settings.arguments(), pass_fds=[fd], stdin=subprocess.DEVNULL
        )
        self._far_end.close()
        try:
            self._take(Ready)
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._kill()

    def ask(self, prompt: Prompt, max_tokens: int) -> Reply:
        """One greedy turn."""
        self._last_turn_id += 1
        started_s = time.monotonic()
        self._send(Generate(self._last_turn_id, prompt, sampling=Sampling(), max_tokens=max_tokens))
        usage = self._take(Began).usage
        text, first_s = "", 0.0
        while isinstance(record := self._take(Said | Finished), Said):
            first_s = first_s or time.monotonic()
            text += record.text
        return Reply(text, usage, ((first_s or time.monotonic()) - started_s) * 1000.0)

    def settle(self, prompts: Sequence[Prompt]) -> tuple[int, float]:
        """All at once, as after a turn in a room; tokens processed, and milliseconds until the last."""
        started_s = time.monotonic()
        for prompt in prompts:
            self._send(Settle(prompt))
        num_tokens = sum(self._take(Settled).processed_tokens for _ in prompts)
        return num_tokens, (time.monotonic() - started_s) * 1000.0

    def stats(self) -> dict[str, Any]:
        self._send(Inspect(1))
        values: dict[str, Any] = self._take(Stats).values
        return values

    def _send(self, record: Record) -> None:
        try:
            self._socket.sendall(framing.encode(record))
        except OSError as e:
            raise WorkerDied(f"the llm worker went away: {e}") from e

    def _take(self, kind: Any) -> Any:
        """The next record of this kind; others, but for failures, are not for us."""
        while True:
            while self._waiting:
                record = self._waiting.pop(0)
                if isinstance(record, Failed):
                    raise from_wire(record.code, record.message, record.remedy)
                if isinstance(record, kind):
                    return record
            try:
                data = self._socket.recv(READ_BYTES)
            except OSError as e:
                raise WorkerDied(f"the llm worker does not answer: {e}") from e
            if not data:
                raise WorkerDied("the llm worker ended", remedy="its last words are on stderr")
            self._waiting += [record for record, _ in self._decoder.feed(data)]

    def _kill(self) -> None:
        self._socket.close()
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
