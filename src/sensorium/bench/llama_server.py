"""A real llama-server in a child process, from the xllamacpp wheel, to measure and to test against.

It listens on loopback, on a port of its own choice, and ends with its parent, whatever ends the parent.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
from importlib.util import find_spec
from types import TracebackType
from typing import Any

import msgspec

from sensorium.errors import MissingExtra, WorkerFailed

START_TIMEOUT_S = 60.0
_PR_SET_PDEATHSIG = 1


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """llama-server's options under their own names. `context_cells` is the sum over all slots.

    `unified` puts all slots into one KV memory, as our own backend does. `ram_cache_mib` is for prompts that
    lost their slot; -1 leaves the server's default. `adapters` are LoRA files, in the order of their ids.
    """

    model: str
    slots: int
    context_cells: int
    threads: int = 2
    batch_tokens: int = 2048
    micro_batch_tokens: int = 512
    unified: bool = False
    ram_cache_mib: int = -1
    adapters: tuple[str, ...] = ()


class LlamaServer:
    """Starts on entry, when the server is ready to answer; killed on exit. `url` is where it listens.

    Raises MissingExtra without the wheel, WorkerFailed when the server does not come up.
    """

    def __init__(self, settings: ServerSettings) -> None:
        if find_spec("xllamacpp") is None:
            raise MissingExtra(
                "no llama-server to compare with", remedy="pip install xllamacpp==2026.10.11549"
            )
        self.settings = settings
        self.url = ""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def __enter__(self) -> LlamaServer:
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "sensorium.bench.llama_server",
                msgspec.json.encode(self.settings).decode(),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is the parent's to handle; it closes this block.
            # As inference/llama.py does for ours: on busy cores OpenMP's default would decide the comparison.
            env={"GOMP_SPINCOUNT": "300", **os.environ},
        )
        try:
            self.url = self._wait_for_url(self._process)
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._kill()

    def _wait_for_url(self, process: subprocess.Popen[bytes]) -> str:
        assert process.stdout is not None
        # Whoever waits for a line cannot also watch the clock.
        watchdog = threading.Timer(START_TIMEOUT_S, process.kill)
        watchdog.start()
        try:
            line = process.stdout.readline()
        finally:
            watchdog.cancel()
        if not line:
            raise WorkerFailed(
                f"llama-server did not start on {self.settings.model}",
                remedy=f"exit code {process.wait()}; try with fewer slots or a smaller context",
            )
        return str(json.loads(line)["url"])

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def parameters(settings: ServerSettings) -> Any:
    """xllamacpp's CommonParams for these settings."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = settings.model
    params.n_parallel = settings.slots
    params.n_ctx = settings.context_cells
    params.kv_unified = settings.unified
    params.n_batch = settings.batch_tokens
    params.n_ubatch = settings.micro_batch_tokens
    params.cpuparams.n_threads = settings.threads
    params.cpuparams_batch.n_threads = settings.threads
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.verbosity = 0
    params.ui = False
    if settings.ram_cache_mib >= 0:
        params.cache_ram_mib = settings.ram_cache_mib
    if settings.adapters:
        params.lora_adapters = [_adapter(path) for path in settings.adapters]
    return params


def _adapter(path: str) -> Any:
    import xllamacpp

    adapter = xllamacpp.CommonAdapterLoraInfo()
    adapter.path = path
    adapter.scale = 1.0
    return adapter


def _serve(settings: ServerSettings) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    import xllamacpp

    # The library logs to stdout too; the one line for the parent goes to the real one.
    out = os.dup(1)
    os.dup2(2, 1)
    server = xllamacpp.Server(parameters(settings))
    os.write(out, json.dumps({"url": server.listening_address}).encode() + b"\n")
    sys.stdin.buffer.read()  # Until the parent goes.
    # The server has threads that do not end by themselves.
    os._exit(0)


if __name__ == "__main__":
    _serve(msgspec.json.decode(sys.argv[1], type=ServerSettings))
