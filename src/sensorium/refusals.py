"""The log lines about input that was refused. A flood of bad input must not become a flood of lines.

Knows nothing of counters, which count every refusal, or of where the lines go.
"""

from __future__ import annotations

from collections.abc import Callable

from sensorium.clock import Clock

EVERY_S = 1.0
_MAX_KINDS = 64
_MAX_CHARS = 400


class RefusalLog:
    """At most one line a second for each kind, with how many of it were left out before."""

    def __init__(self, clock: Clock, write: Callable[[str], None]) -> None:
        self._clock = clock
        self._write = write
        self._written_s: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def note(self, kind: str, line: str) -> None:
        """`kind` groups what may flood, e.g. "frame"; there are at most 64, more share one."""
        if kind not in self._written_s and len(self._written_s) >= _MAX_KINDS:
            kind = "other"
        now_s = self._clock.now_s()
        if 0.0 <= now_s - self._written_s.get(kind, -EVERY_S) < EVERY_S:
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return
        more = self._left_out.pop(kind, 0)
        self._written_s[kind] = now_s
        text = " ".join(line.split())[:_MAX_CHARS]
        self._write(f"refused {kind}: {text}" + (f" (and {more:,} like it before)" if more else ""))
