"""One process of ours from start to end, and the log that it writes. Knows nothing of what it does."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

_TUNED = {
    # Workers share few cores, and what numpy multiplies is small.
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # What one thread takes and another gives back comes to the same heap: else one of them grows for hours.
    "MALLOC_ARENA_MAX": "1",
}
_MAX_LOG_BYTES = 2 << 20
_TAIL_BYTES = 2_000


async def started(command: Sequence[str], fds: Sequence[int], log: IO[Any]) -> asyncio.subprocess.Process:
    """The process, in a session of its own. Cancelled in the middle, it leaves none behind."""
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=fds,
            start_new_session=True,
            env={**os.environ, **_TUNED},
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        # The fork may have happened; a loop that drops the half-made process would let it run on.
        process = await starting
        process.kill()
        await process.wait()
        raise


async def exited(process: asyncio.subprocess.Process, timeout_s: float) -> None:
    """Returns when it has ended, or after so long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await process.wait()


def open_log(path: Path) -> IO[Any]:
    """For more lines at its end; one that has grown too long starts anew. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    too_long = path.exists() and path.stat().st_size > _MAX_LOG_BYTES
    return path.open("wb" if too_long else "ab")


def tail(path: Path) -> str:
    """The last line that says something, for an error of one line."""
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        lines = log.read().decode(errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
