"""Which persona sits on which slot of a server that has a fixed number of them.

Pure and without a clock: the order of calls is the only time it knows. A persona's `slot_hint` says where it
would like to sit; `hint % slots` alone would put two personas on one slot, and each of their turns would then
evict the other's prefix. Knows nothing of HTTP, tokens or models.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable
from typing import NamedTuple

from sensorium.errors import BadInput
from sensorium.persona import slot_hint


class Seat(NamedTuple):
    """Where a persona sits now. `evicted` is the persona that had to leave for it, or "".

    `is_new`: its prefix is not on this slot yet, so the coming turn processes the whole prompt.
    """

    slot: int
    is_new: bool
    evicted: str = ""


class SlotTable:
    """At most one persona on a slot, and at most one slot for a persona.

    While there are free slots nobody is moved. After that whoever was asked least recently gives way, but
    never one of `busy`.
    """

    def __init__(self, num_slots: int) -> None:
        if num_slots < 1:
            raise BadInput(
                f"a server with {num_slots} slots cannot answer", remedy="start it with --parallel 1 or more"
            )
        self.num_slots = num_slots
        self.num_evictions = 0
        # Oldest use first.
        self._slot_of: OrderedDict[str, int] = OrderedDict()

    def reserve(self, persona_ids: Iterable[str]) -> None:
        """Seats a room at once, in the order of the hints: the same room has the same table everywhere.

        Personas beyond the free slots stay without one until they are asked.
        """
        for persona_id in sorted(persona_ids, key=lambda p: (slot_hint(p), p)):
            if persona_id not in self._slot_of and len(self._slot_of) < self.num_slots:
                self._slot_of[persona_id] = self._nearest_free(persona_id)

    def seat(self, persona_id: str, busy: Collection[str] = ()) -> Seat:
        """The slot for the persona's next turn; counts as a use.

        `busy` are personas with a turn under way. Raises BadInput when they hold every slot: wait for one.
        """
        if persona_id in self._slot_of:
            self._slot_of.move_to_end(persona_id)
            return Seat(self._slot_of[persona_id], is_new=False)
        if len(self._slot_of) < self.num_slots:
            slot = self._slot_of[persona_id] = self._nearest_free(persona_id)
            return Seat(slot, is_new=True)
        evicted = next((p for p in self._slot_of if p not in busy), None)
        if evicted is None:
            raise BadInput(
                f"all {self.num_slots} slots are busy",
                remedy="wait for a turn to end, or start the server with more slots (--parallel)",
            )
        slot = self._slot_of[persona_id] = self._slot_of.pop(evicted)
        self.num_evictions += 1
        return Seat(slot, is_new=True, evicted=evicted)

    def release(self, persona_id: str) -> None:
        """The persona left the room; its slot is free. Unknown personas are no error."""
        self._slot_of.pop(persona_id, None)

    def seated(self) -> dict[str, int]:
        """Persona to slot, least recently used first."""
        return dict(self._slot_of)

    def _nearest_free(self, persona_id: str) -> int:
        taken = set(self._slot_of.values())
        wished = slot_hint(persona_id) % self.num_slots
        return next(s for i in range(self.num_slots) if (s := (wished + i) % self.num_slots) not in taken)
