"""When sound that is there should leave, so that whoever plays it as it comes does not run dry.

A loudspeaker begins with the first sample. A reply begins with a little in hand, and how late later samples
of the last replies were tells how long the next one waits. Pure, with a clock; knows no codec and no socket.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from sensorium.clock import Clock

# With so much sound a reply begins, or with what there is after so long.
BEGIN_SOUND_S, BEGIN_WAIT_S = 0.1, 0.06
# How long a reply waits at most, and how many replies tell how long that is.
MAX_LEAD_S, NUM_REPLIES = 0.1, 24
# After one that ran dry: a later first byte is better than holes, until so many were whole again.
MAX_DRY_LEAD_S, NUM_DRY_REPLIES = 0.3, 6
# A listener who ran dry waits for so much: one gap, not one for every frame.
AGAIN_S = 0.2
# Of what is ahead of the listener, so much may be collected into one chunk.
COLLECTED_SHARE, MAX_COLLECTED_S = 0.25, 0.2
# Of a reply, what leaves without waiting for a grant; of less than that nothing is learned.
_MEASURED_S, _LEAST_S = 1.8, 0.5


@dataclass
class Need:
    """How long a reply should have waited, as far as is known, and whether its listener ran dry."""

    seconds: float = 0.0
    ran_dry: bool = False

    def bounded(self, age: int) -> float:
        """`age`: how many replies there were since."""
        most_s = MAX_DRY_LEAD_S if self.ran_dry and age < NUM_DRY_REPLIES else MAX_LEAD_S
        return min(most_s, max(0.0, self.seconds))


class Lead:
    """How long replies wait before they begin; one for all of a worker's turns."""

    def __init__(self) -> None:
        self._needs: deque[Need] = deque(maxlen=NUM_REPLIES)

    @property
    def seconds(self) -> float:
        """What the neediest of the last replies would have needed."""
        return max((need.bounded(age) for age, need in enumerate(reversed(self._needs))), default=0.0)

    def add(self, need: Need) -> None:
        """Of one more reply; it may still change."""
        self._needs.append(need)


class Playout:
    """One reply, as its listener has it. Ask `may_leave`, and tell with `left` what did."""

    def __init__(self, lead: Lead, clock: Clock, sample_rate_hz: int) -> None:
        self._lead = lead
        self._clock = clock
        self._sample_rate_hz = sample_rate_hz
        self._first_s: float | None = None
        self._began_s: float | None = None
        self._plays_until_s = 0.0
        self._sent_s = 0.0
        self._made_s = 0.0
        self._waited_s = 0.0
        self._late_s = -math.inf
        self._need: Need | None = None

    def may_leave(self, num_samples: int) -> bool:
        """Should the `num_samples` that are there leave now, or wait for more?"""
        now_s, seconds = self._clock.now_s(), num_samples / self._sample_rate_hz
        self._note(self._sent_s + seconds, now_s)
        if self._began_s is None:
            if num_samples and self._first_s is None:
                self._first_s = now_s
            if self._first_s is None:
                return False
            waited_s = now_s - self._first_s
            begins = seconds >= BEGIN_SOUND_S or waited_s >= BEGIN_WAIT_S
            return begins and waited_s >= self._lead.seconds
        ahead_s = self._plays_until_s - now_s
        if ahead_s < 0.0:
            return seconds >= AGAIN_S
        return num_samples > 0 and seconds >= min(COLLECTED_SHARE * ahead_s, MAX_COLLECTED_S)

    def left(self, num_samples: int) -> None:
        now_s, seconds = self._clock.now_s(), num_samples / self._sample_rate_hz
        if self._began_s is None:
            self._began_s = self._plays_until_s = now_s
            self._waited_s = 0.0 if self._first_s is None else now_s - self._first_s
        self._plays_until_s = max(self._plays_until_s, now_s) + seconds
        self._sent_s += seconds

    def _note(self, made_s: float, now_s: float) -> None:
        """How late is what is new, for a listener who never stood still since the beginning?"""
        if self._began_s is not None and made_s > self._made_s and self._sent_s < _MEASURED_S:
            self._late_s = max(self._late_s, now_s - self._began_s - self._made_s)
            if self._waited_s + self._late_s > self._lead.seconds:
                self._tell()
        self._made_s = max(self._made_s, made_s)

    def over(self) -> None:
        """The reply was said to its end."""
        if self._sent_s >= _LEAST_S:
            self._tell()

    def _tell(self) -> None:
        if self._need is None:
            self._need = Need()
            self._lead.add(self._need)
        self._need.seconds, self._need.ran_dry = self._waited_s + self._late_s, self._late_s > 0.0
