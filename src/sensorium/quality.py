"""How much a sense may cost just now: a ladder of qualities, and the pure controller that moves on it.

Down a rung when the p95 of the last seconds nears the budget, up again when the better rung would fit with
room for a while. Knows no sense, no clock and no I/O: what a rung means is its sense's business.
"""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

from sensorium.errors import BadInput
from sensorium.metrics import percentile

NEAR, ROOM = 0.8, 0.4  # of the budget: down above the first, up below the second
WINDOW_S = 2.0
HOLD_S = 2.0  # how long there must be room; with four rungs the top is reached again within 10 s
MAX_RUNGS = 4
MAX_SAMPLES = 512


class Rung(NamedTuple):
    """`value` means something to the sense only. `cost`: what is measured here as a share of the top rung."""

    name: str
    value: int
    cost: float = 1.0


class Ladder(NamedTuple):
    """Rungs from the best to the cheapest, one at least, four at most."""

    name: str
    rungs: tuple[Rung, ...]


class Change(NamedTuple):
    at_s: float
    rung: str
    why: str


class Controller:
    """`add` what was measured as a share of its budget, `handle` now and then; both with the time.

    Not measured for a while counts as room: a sense at rest gets its quality back.
    """

    def __init__(self, ladder: Ladder, *, min_samples: int = 5) -> None:
        if not 1 <= len(ladder.rungs) <= MAX_RUNGS:
            raise BadInput(f"a ladder has 1 to {MAX_RUNGS} rungs, not {len(ladder.rungs)}")
        self.ladder = ladder
        self._min_samples = min_samples
        self._at = 0
        self._shares: deque[tuple[float, float]] = deque(maxlen=MAX_SAMPLES)
        self._room_since_s: float | None = None
        self._num_changes = 0
        self._changes: deque[Change] = deque(maxlen=32)

    @property
    def rung(self) -> Rung:
        return self.ladder.rungs[self._at]

    @property
    def at(self) -> int:
        """0 is the best."""
        return self._at

    def add(self, share: float, now_s: float) -> None:
        self._shares.append((now_s, share))

    def handle(self, now_s: float) -> Rung:
        """The rung from now on."""
        while self._shares and now_s - self._shares[0][0] > WINDOW_S:
            self._shares.popleft()
        p95 = percentile((share for _, share in self._shares), 0.95) if self._shares else 0.0
        if p95 > NEAR and len(self._shares) >= self._min_samples:
            self._room_since_s = None
            if self._at + 1 < len(self.ladder.rungs):
                self._move(self._at + 1, now_s, f"p95 at {p95:.0%} of the budget")
        elif not self._fits_above(p95):
            self._room_since_s = None
        elif self._room_since_s is None:
            self._room_since_s = now_s
        elif self._at and now_s - self._room_since_s >= HOLD_S:
            self._move(self._at - 1, now_s, f"p95 at {p95:.0%} of the budget")
        return self.rung

    def drain(self) -> list[Change]:
        """The changes since the last call, oldest first."""
        changes = list(self._changes)
        self._changes.clear()
        return changes

    def values(self) -> dict[str, Any]:
        """Where it stands, for `stats`."""
        rung = self.rung
        return {
            "rung": rung.name,
            "at": self._at,
            "of": len(self.ladder.rungs),
            "changes": self._num_changes,
        }

    def _fits_above(self, p95: float) -> bool:
        above = self.ladder.rungs[max(0, self._at - 1)]
        return p95 * above.cost / self.rung.cost < ROOM

    def _move(self, to: int, now_s: float, why: str) -> None:
        self._room_since_s = now_s if to < self._at else None
        self._at = to
        self._shares.clear()  # what comes next is measured on the new rung
        self._num_changes += 1
        self._changes.append(Change(now_s, self.rung.name, why))


class Thinning:
    """Takes one of every n."""

    def __init__(self) -> None:
        self._since_taken = 0

    def takes(self, one_of: int) -> bool:
        """Whether the one that has come now is taken. `one_of` may change from call to call."""
        self._since_taken += 1
        if self._since_taken < one_of:
            return False
        self._since_taken = 0
        return True
