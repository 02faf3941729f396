"""Calls of tools, each on a thread of its own: none waits for another, and one can be given up.

Python cannot end a thread. One that is given up is asked to stop where it next runs Python; one that hangs
elsewhere is counted as stuck, and too many of them mean that the process must be replaced.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable

from sensorium.errors import BadInput, SensoriumError, ToolFailed
from sensorium.tools.tool import Answer, Context, Runnable, checked

MAX_CALLS = 8
# More are a reason to replace the process.
MAX_STUCK = 8


class Dropped(BaseException):
    """Raised inside a tool that is given up; no `except Exception` stops it."""


class Calls:
    """`tell(call_id, answer or error)` is called from the call's thread, once, unless it was dropped."""

    def __init__(self, tell: Callable[[int, Answer | SensoriumError], None]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._running: dict[int, threading.Thread] = {}
        self._dropped: list[threading.Thread] = []

    @property
    def num_running(self) -> int:
        return len(self._running)

    @property
    def num_stuck(self) -> int:
        """Of those that were given up: how many have not ended."""
        with self._lock:
            self._dropped = [thread for thread in self._dropped if thread.is_alive()]
            return len(self._dropped)

    def start(self, call_id: int, tool: Runnable, arguments: bytes, context: Context) -> None:
        """Raises BadInput when so many are running or the number is one of theirs."""
        with self._lock:
            if len(self._running) >= MAX_CALLS:
                raise BadInput(f"{MAX_CALLS} tools are at work already", remedy="wait for one of them")
            if call_id in self._running:
                raise BadInput(f"call {call_id} is under way already")
            thread = threading.Thread(
                target=self._run, args=(call_id, tool, arguments, context), name=tool.name, daemon=True
            )
            self._running[call_id] = thread
            thread.start()

    def drop(self, call_id: int) -> None:
        """Nobody waits for it any more. Of a call that is over: nothing happens."""
        with self._lock:
            thread = self._running.pop(call_id, None)
            if thread is None or thread.ident is None:
                return
            self._dropped.append(thread)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread.ident), ctypes.py_object(Dropped)
            )

    def _run(self, call_id: int, tool: Runnable, arguments: bytes, context: Context) -> None:
        outcome: Answer | SensoriumError
        try:
            try:
                outcome = checked(tool.name, tool.run(arguments, context))
            except SensoriumError as e:
                outcome = e
            except Exception as e:
                outcome = ToolFailed(f"{tool.name}: {type(e).__name__}: {' '.join(str(e).split())[:400]}")
            except Dropped:
                return
            except BaseException as e:  # SystemExit and such
                outcome = ToolFailed(f"{tool.name} wanted to end its process: {type(e).__name__}")
            # Taken out first: from here on it cannot be dropped in the middle of telling.
            with self._lock:
                mine = self._running.pop(call_id, None) is not None
            if mine:
                self._tell(call_id, outcome)
        except Dropped:
            return
