"""Which adapters exist and which are in memory, within a byte budget.

States: registered (a checked file), resident (loaded), active (in this batch; the backend's business). Knows
nothing of voices or turns.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path

from sensorium.errors import AdapterError, NotFound
from sensorium.inference.backend import Backend
from sensorium.inference.prefix_cache import AdapterKey
from sensorium.request import AdapterUse, adapter_key


class Adapters:
    """`budget_bytes` bounds what is resident; the least recently used go first, never one that is held."""

    def __init__(self, backend: Backend, budget_bytes: int) -> None:
        self._backend = backend
        self._budget_bytes = budget_bytes
        self._paths: dict[str, Path] = {}
        self._versions: dict[str, int] = {}
        self._resident: OrderedDict[str, int] = OrderedDict()
        self._holds: dict[str, int] = {}

    def register(self, adapter_id: str, path: Path) -> int:
        """Checks and loads; bytes of memory it takes. Registering an id again replaces it, and prefixes
        computed under the old file are no longer found. Raises AdapterError."""
        if self._holds.get(adapter_id):
            raise AdapterError(f"adapter {adapter_id!r} is in use", remedy="try again after the turn")
        known = self._paths.get(adapter_id)
        self._unload(adapter_id)
        self._paths[adapter_id] = path
        try:
            num_bytes = self._load(adapter_id)
        except AdapterError:
            del self._paths[adapter_id]
            if known is not None:
                self._paths[adapter_id] = known
            raise
        self._versions[adapter_id] = self._versions.get(adapter_id, 0) + 1
        return num_bytes

    def key(self, uses: Iterable[AdapterUse]) -> AdapterKey:
        """Order-free identity for prefix keys; names the registered version. Raises NotFound."""
        key = adapter_key(uses)
        for adapter_id, _ in key:
            if adapter_id not in self._paths:
                raise NotFound.named("adapter", adapter_id, self._paths)
        return tuple((f"{adapter_id}@{self._versions[adapter_id]}", scale) for adapter_id, scale in key)

    def ensure_resident(self, uses: Iterable[AdapterUse]) -> None:
        """Loads what is missing and holds all of them until `release`. Raises NotFound or AdapterError; then
        nothing is held."""
        wanted = [adapter_id for adapter_id, _ in adapter_key(uses)]
        for adapter_id in wanted:
            self._holds[adapter_id] = self._holds.get(adapter_id, 0) + 1
        try:
            for adapter_id in wanted:
                if adapter_id not in self._paths:
                    raise NotFound.named("adapter", adapter_id, self._paths)
                if adapter_id not in self._resident:
                    self._load(adapter_id)
                self._resident.move_to_end(adapter_id)
        except (AdapterError, NotFound):
            self._release(wanted)
            raise

    def release(self, uses: Iterable[AdapterUse]) -> None:
        self._release([adapter_id for adapter_id, _ in adapter_key(uses)])

    @property
    def num_bytes(self) -> int:
        return sum(self._resident.values())

    def states(self) -> dict[str, str]:
        """Every known id: "registered" or "resident"."""
        return {a: "resident" if a in self._resident else "registered" for a in sorted(self._paths)}

    def _release(self, adapter_ids: Iterable[str]) -> None:
        for adapter_id in adapter_ids:
            self._holds[adapter_id] -= 1

    def _load(self, adapter_id: str) -> int:
        num_bytes = self._backend.load_adapter(adapter_id, self._paths[adapter_id])
        self._resident[adapter_id] = num_bytes
        idle = [a for a in self._resident if a != adapter_id and not self._holds.get(a)]
        for other in idle:
            if self.num_bytes <= self._budget_bytes:
                break
            self._unload(other)
        if self.num_bytes > self._budget_bytes:
            self._unload(adapter_id)
            raise AdapterError(
                f"adapter {adapter_id!r} takes {num_bytes} bytes and does not fit into the budget",
                remedy="raise the adapter budget or use fewer adapters at once",
            )
        return num_bytes

    def _unload(self, adapter_id: str) -> None:
        if self._resident.pop(adapter_id, None) is not None:
            self._backend.unload_adapter(adapter_id)
