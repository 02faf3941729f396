"""Running the house from a command: the event loop, progress on stderr, one line per turn for people."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from sensorium.audio import Sound, read_wav, to_int16, write_wav
from sensorium.errors import from_wire
from sensorium.front.report import TurnReport

T = TypeVar("T")

SILENT = "(silent)"


def run_async(main: Coroutine[Any, Any, T]) -> T:
    """Runs on uvloop where there is one. Ctrl-C cancels `main`, which stops its workers, then is raised."""
    factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    with suppress(ImportError):
        factory = import_module("uvloop").new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


@contextmanager
def progress(what: str, *, quiet: bool) -> Iterator[None]:
    """Says on stderr what is under way, and how long it took when it is done."""
    if quiet:
        yield
        return
    sys.stderr.write(f"{what} ... ")
    sys.stderr.flush()
    started_s = time.monotonic()
    done = "failed"
    try:
        yield
        done = f"{time.monotonic() - started_s:.1f} s"
    finally:
        sys.stderr.write(f"{done}\n")


def read_pcm(path: Path) -> tuple[bytes, int]:
    """A WAV file as mono s16le and its rate. Raises BadInput."""
    sound: Sound = read_wav(path)
    return to_int16(sound.samples).astype("<i2").tobytes(), sound.sample_rate_hz


def write_reply(path: Path, report: TurnReport) -> str:
    """The reply's WAV; "" when nothing was said aloud."""
    if not report.pcm:
        return ""
    write_wav(path, np.frombuffer(report.pcm, dtype="<i2").astype(np.int16), report.sample_rate_hz)
    return str(path)


def raise_failed(report: TurnReport) -> None:
    """A turn that failed becomes the command's error."""
    if report.error:
        raise from_wire(report.error_code, report.error)


def said(report: TurnReport) -> str:
    if report.error:
        return f"failed: {report.error}"
    return SILENT if report.silent else report.said


def cost(report: TurnReport) -> str:
    """What the turn cost, in one short line."""
    tokens = f"{report.processed_tokens} of {report.prompt_tokens} prompt tokens processed"
    if report.voice_to_voice_ms is None:
        return tokens
    return f"{tokens}, voice to voice {report.voice_to_voice_ms:.0f} ms"
