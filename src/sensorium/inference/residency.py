"""Decides which adapters are in memory: the least recently used go first, never one that is held.

Pure: it names what to unload and counts what is there; whoever asks loads and unloads. What is in memory
never exceeds the budget.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping


class Residency:
    def __init__(self, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes
        self._resident: OrderedDict[str, int] = OrderedDict()
        self._holds: Counter[str] = Counter()

    @property
    def num_bytes(self) -> int:
        return sum(self._resident.values())

    def __contains__(self, adapter_id: str) -> bool:
        return adapter_id in self._resident

    def is_held(self, adapter_id: str) -> bool:
        return self._holds[adapter_id] > 0

    def to_unload(self, wanted: Mapping[str, int]) -> list[str] | None:
        """What must go so that all of `wanted` (id -> bytes) can be in memory at once, oldest first.

        None: what is held leaves no room for it, or the budget is too small altogether.
        """
        needed = sum(num_bytes for a, num_bytes in wanted.items() if a not in self._resident)
        free = self.budget_bytes - self.num_bytes
        leaving = []
        for adapter_id, num_bytes in self._resident.items():
            if free >= needed:
                break
            if adapter_id not in wanted and not self.is_held(adapter_id):
                leaving.append(adapter_id)
                free += num_bytes
        return leaving if free >= needed else None

    def loaded(self, adapter_id: str, num_bytes: int) -> None:
        """It is in memory now, and the most recently used."""
        self._resident[adapter_id] = num_bytes

    def unloaded(self, adapter_id: str) -> None:
        del self._resident[adapter_id]

    def hold(self, adapter_ids: Iterable[str]) -> None:
        """All of them are in memory and in use; each hold needs its `release`."""
        for adapter_id in adapter_ids:
            self._holds[adapter_id] += 1
            self._resident.move_to_end(adapter_id)

    def release(self, adapter_ids: Iterable[str]) -> None:
        for adapter_id in adapter_ids:
            self._holds[adapter_id] -= 1
