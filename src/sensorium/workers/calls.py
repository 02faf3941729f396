"""A worker's calls of its model: measured against their budget and, for benches and tests, made slower.

Knows no model. Slowed means that a call is followed by a sleep: the machine itself stays as free as it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from sensorium.budgets import Meter
from sensorium.clock import Clock
from sensorium.errors import BadInput
from sensorium.quality import Controller

MAX_STRESS = 100.0


class Stress(NamedTuple):
    """Each call of the model takes `factor` times as long, for so many seconds from the start (0: always)."""

    factor: float = 1.0
    seconds: float = 0.0


NO_STRESS = Stress()


class Calls:
    """Raises BadInput for a stress that is none."""

    def __init__(
        self,
        meter: Meter,
        clock: Clock,
        stress: Stress = NO_STRESS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not 1.0 <= stress.factor <= MAX_STRESS or not 0.0 <= stress.seconds < float("inf"):
            raise BadInput(
                f"--stress goes from 1 to {MAX_STRESS:.0f} and --stress-s from 0, "
                f"not {stress.factor} and {stress.seconds}"
            )
        self._meter = meter
        self._clock = clock
        self._factor = stress.factor
        self._until_s = clock.now_s() + (stress.seconds or float("inf"))
        self._sleep = sleep

    def watch(self, target: object, method: str, stage: str = "") -> None:
        """From now on every call of this object's method is slowed, and measured as `stage`."""
        work: Callable[..., Any] = getattr(target, method)

        def call(*arguments: Any, **named: Any) -> Any:
            started_s = self._clock.now_s()
            result = work(*arguments, **named)
            if self._factor > 1.0 and started_s < self._until_s:
                self._sleep((self._clock.now_s() - started_s) * (self._factor - 1.0))
            if stage:
                self._meter.add(stage, (self._clock.now_s() - started_s) * 1000.0)
            return result

        setattr(target, method, call)


def quality_values(controller: Controller, now_s: float) -> dict[str, object]:
    """What `Stats` says of a ladder. Asked once a second, so a sense at rest climbs too."""
    controller.handle(now_s)
    return {"ladder": controller.values(), "changes": [list(change) for change in controller.drain()]}
