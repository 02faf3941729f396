"""Running the house from a command: the event loop, progress on stderr, WAV files in and out.

Knows no command; what a turn looks like to people is the same in all of them.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import numpy as np
from cyclopts import Parameter

from sensorium.audio import Sound, read_wav, to_int16, write_wav
from sensorium.cli.output import show_error
from sensorium.config import Config
from sensorium.errors import BadInput, from_wire
from sensorium.front.house import House
from sensorium.front.report import TurnReport
from sensorium.store import personas, rooms
from sensorium.store.database import Database
from sensorium.store.store import Store
from sensorium.wire.events import Event, TurnBegan, TurnEnded
from sensorium.wire.records import MAX_PICTURE_BYTES

T = TypeVar("T")

Bridge = Annotated[
    bool,
    Parameter(
        negative="",
        show_default=False,
        help="Put bridges round the model: speech-to-text before it, text-to-speech after it.",
    ),
]

SILENT = "(silent)"


def run_async(main: Coroutine[Any, Any, T]) -> T:
    """Runs on uvloop where there is one. Ctrl-C cancels `main`, which stops its workers, then is raised."""
    factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    with suppress(ImportError):
        factory = import_module("uvloop").new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


def bridged(config: Config, bridge: bool) -> Config:
    """The settings, or with `bridge` the same with words between the senses and the mind."""
    return msgspec.structs.replace(config, hearing="ear", speech="espeak") if bridge else config


@asynccontextmanager
async def opened(house: House, *, quiet: bool, warm: tuple[str, ...] = ()) -> AsyncIterator[House]:
    """The house open and its personas' prompts in memory (`warm`: only of these), with progress.

    A persona that has lost its voice speaks on without; one line on stderr says so, also when `quiet`.
    """
    async with AsyncExitStack() as stack:
        with progress("starting the model", quiet=quiet):
            await stack.enter_async_context(house)
        with progress("the personas read their prompts", quiet=quiet):
            await house.warm(*warm)
        for persona_id, problem in house.adapters.problems.items():
            if persona_id in (warm or house.adapters.problems):
                show_error(problem, False)
        yield house


@contextmanager
def tool_turns(house: House, told: Callable[[TurnReport], None]) -> Iterator[None]:
    """Inside, `told` is called with each turn in which a persona said unasked what a tool gave."""
    begun: set[int] = set()

    def take(event: Event) -> None:
        match event:
            case TurnBegan(turn_id=turn_id, why="tool"):
                begun.add(turn_id)
            case TurnEnded(turn_id=turn_id) if turn_id in begun:
                report = house.conversation.last_report
                assert report is not None and report.turn_id == turn_id
                told(report)

    with house.happenings.told_to(take):
        yield


def seated(config: Config, room: str, name: str) -> str:
    """The id of the persona called `name` in `room` (else the configured one); asked before any model is
    loaded. Raises NotFound with the nearest, BadInput when it is somewhere else."""
    with Store.open(config.store_path) as store:
        return store.read(_seated, room or config.room, name).result()


def _seated(db: Database, room_name: str, name: str) -> str:
    room = rooms.get(db, room_name)
    persona = personas.get(db, name)
    if persona.id not in (p.id for p in room.personas):
        raise BadInput(
            f"{persona.id} is not in {room.id}", remedy=f"sensorium room join {room.id} {persona.id}"
        )
    return persona.id


@contextmanager
def progress(what: str, *, quiet: bool) -> Iterator[None]:
    """Says on the terminal what is under way, and how long it took when it is done."""
    if quiet or not sys.stderr.isatty():
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


def read_picture(path: Path) -> bytes:
    """A picture's file as it is; what it holds is the vision worker's business. Raises BadInput."""
    try:
        if not path.exists():
            raise BadInput(f"{path}: no such file", remedy="check the path")
        if not path.is_file():
            raise BadInput(
                f"{path} is a folder or a device, not a picture", remedy="name a .jpg or .png file"
            )
        with path.open("rb") as file:
            picture = file.read(MAX_PICTURE_BYTES + 1)
    except OSError as e:
        raise BadInput(f"{path} cannot be read: {e.strerror}", remedy="check its permissions") from e
    if not picture:
        raise BadInput(f"{path} is empty", remedy="name a .jpg or .png file")
    if len(picture) > MAX_PICTURE_BYTES:
        raise BadInput(f"{path} has more than {MAX_PICTURE_BYTES:,} bytes", remedy="make the picture smaller")
    return picture


def write_reply(path: Path, report: TurnReport) -> str:
    """The reply's WAV; "" when nothing was said aloud. Raises BadInput when the disk refuses."""
    if not report.pcm:
        return ""
    write_wav(path, np.frombuffer(report.pcm, dtype="<i2").astype(np.int16), report.sample_rate_hz)
    return str(path)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Inside, what the file system refuses becomes BadInput."""
    try:
        yield
    except OSError as e:
        raise BadInput(
            f"{path} cannot be written: {e.strerror}", remedy="free some space or choose another --out"
        ) from e


def totals(stats: dict[str, Any]) -> dict[str, Any]:
    """What stands beside the turns in the JSON of demo, ask and chat."""
    return {
        "personas": stats["personas"],
        "rss_mb": stats["memory"]["total"],
        "composition_cache_hit_rate": stats["composition_cache"]["hit_rate"],
    }


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
