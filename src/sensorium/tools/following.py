"""Becomes another program that the kernel ends together with the worker that started it (on Linux).

Run as a file by itself: `python -I following.py PID COMMAND ARGUMENT...`. Imports nothing of sensorium,
because the program that follows gets an environment of its own.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Does not come back. Exit code 127 when there is no such command."""
    worker, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != worker:  # it died before the line above
            raise SystemExit(1)
    try:
        os.execvp(command[0], command)
    except OSError as e:
        sys.stderr.write(f"{command[0]}: {e.strerror}\n")
        raise SystemExit(127) from e


if __name__ == "__main__":
    main()
