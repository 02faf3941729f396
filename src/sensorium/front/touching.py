"""From what a person's page sends of pointer and keys to what stands in everybody's next prompt."""

from __future__ import annotations

from sensorium.clock import Clock
from sensorium.dialogue import touch
from sensorium.errors import BadInput
from sensorium.front.room import RoomState
from sensorium.metrics import Counters
from sensorium.refusals import RefusalLog
from sensorium.store.people import Person
from sensorium.trace import Trace


class TouchPad:
    """Counts `touches_total` and `refused_touches_total` (messages)."""

    def __init__(
        self, room: RoomState, clock: Clock, trace: Trace, counters: Counters, refusals: RefusalLog
    ) -> None:
        self._room = room
        self._clock = clock
        self._trace = trace
        self._counters = counters
        self._refusals = refusals

    def take(self, person: Person, message: bytes) -> None:
        """`message` as `dialogue.touch.read` takes it. When this returns every prompt tells of it, for some
        seconds. Raises BadInput, also where the recipe has touch off; then nothing was changed."""
        with self._trace.stage("touch"):
            try:
                self._room.check_sense("touch")
                events = touch.read(message)
            except BadInput as e:
                self._counters.add("refused_touches_total")
                self._refusals.note("touch", e.one_line())
                raise
            self._counters.add("touches_total", len(events))
            self._room.touches.take(person.id, person.name, events, self._clock.now_s())
