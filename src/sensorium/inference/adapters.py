"""Which adapters exist, which are in memory and which are in use.

States: registered (a checked file), resident (loaded), active (a turn under way holds it). What is unloaded
when is decided in `residency.py`. Knows nothing of voices.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from sensorium.errors import AdapterError, BadInput, NotFound
from sensorium.inference.activation import Activation, AdapterSet
from sensorium.inference.backend import AdapterFacts, Backend
from sensorium.inference.prefix_cache import AdapterKey
from sensorium.inference.residency import Residency
from sensorium.inference.tokenizer import TokenizedPrompt
from sensorium.request import AdapterUse, adapter_key


class _Registered(NamedTuple):
    """`version` grows with each file that was registered under the id."""

    path: Path
    facts: AdapterFacts
    version: int


class Adapters:
    """`budget_bytes` bounds what is resident."""

    def __init__(self, backend: Backend, budget_bytes: int) -> None:
        self._backend = backend
        self._residency = Residency(budget_bytes)
        self._registered: dict[str, _Registered] = {}
        self.num_loads = 0

    def register(self, adapter_id: str, path: Path) -> int:
        """Checks the file and loads it where there is room; bytes of memory it takes. Registering an id again
        replaces it, and prefixes computed under the old file are no longer found. Raises AdapterError; then
        the old one stays."""
        if self._residency.is_held(adapter_id):
            raise AdapterError(f"adapter {adapter_id!r} is in use", remedy="try again after the turn")
        facts = self._backend.check_adapter(path)
        if facts.num_bytes > self._residency.budget_bytes:
            raise self._too_large((adapter_id,), facts.num_bytes)
        known = self._registered.get(adapter_id)
        self._unload(adapter_id)
        self._registered[adapter_id] = _Registered(path, facts, known.version + 1 if known else 1)
        try:
            self._make_resident((adapter_id,))
        except AdapterError:
            del self._registered[adapter_id]
            if known is not None:
                self._registered[adapter_id] = known
            raise
        return facts.num_bytes

    def activation(self, uses: Iterable[AdapterUse], prompt: TokenizedPrompt) -> Activation:
        """Which of `uses` compute which token of `prompt` and its reply. Raises NotFound, and BadInput for
        two activated ones: each would want the rest of the reply for itself."""
        everything = self._set(uses)
        activated = [u for u in everything.uses if self._registered[u.adapter_id].facts.invocation_tokens]
        if len(activated) > 1:
            names = " and ".join(repr(u.adapter_id) for u in activated)
            raise BadInput(f"{names} are both activated adapters", remedy="use one of them at a time")
        if not activated:
            return Activation(everything, everything, (), prompt)
        invocation = self._registered[activated[0].adapter_id].facts.invocation_tokens
        before = self._set(u for u in everything.uses if u is not activated[0])
        return Activation(before, everything, invocation, prompt)

    def key(self, uses: Iterable[AdapterUse]) -> AdapterKey:
        """Order-free identity for prefix keys; names the registered version. Raises NotFound."""
        return self._set(uses).key

    def fit(self, uses: Iterable[AdapterUse]) -> bool:
        """Is there room for all of them beside those that are held?"""
        return self._residency.to_unload(self._sizes(_ids(uses))) is not None

    def ensure_resident(self, uses: Iterable[AdapterUse]) -> None:
        """Loads what is missing and holds all of them until `release`. Raises NotFound or AdapterError; then
        nothing is held."""
        wanted = _ids(uses)
        if not self._make_resident(wanted):
            raise self._too_large(wanted, sum(self._sizes(wanted).values()))
        self._residency.hold(wanted)

    def release(self, uses: Iterable[AdapterUse]) -> None:
        self._residency.release(_ids(uses))

    @property
    def num_bytes(self) -> int:
        return self._residency.num_bytes

    def states(self) -> dict[str, str]:
        """Every known id: "registered", "resident" or "active"."""
        return {adapter_id: self._state(adapter_id) for adapter_id in sorted(self._registered)}

    def _state(self, adapter_id: str) -> str:
        if self._residency.is_held(adapter_id):
            return "active"
        return "resident" if adapter_id in self._residency else "registered"

    def _set(self, uses: Iterable[AdapterUse]) -> AdapterSet:
        uses = tuple(u for u in uses if u.scale != 0.0)
        key = tuple((f"{a}@{self._known(a).version}", scale) for a, scale in adapter_key(uses))
        return AdapterSet(uses, key)

    def _known(self, adapter_id: str) -> _Registered:
        if adapter_id not in self._registered:
            raise NotFound.named("adapter", adapter_id, self._registered)
        return self._registered[adapter_id]

    def _sizes(self, adapter_ids: Iterable[str]) -> dict[str, int]:
        return {a: self._known(a).facts.num_bytes for a in adapter_ids}

    def _make_resident(self, adapter_ids: tuple[str, ...]) -> bool:
        """False when what is held leaves no room. Raises NotFound, or AdapterError from the backend."""
        leaving = self._residency.to_unload(self._sizes(adapter_ids))
        if leaving is None:
            return False
        for adapter_id in leaving:
            self._unload(adapter_id)
        for adapter_id in adapter_ids:
            if adapter_id not in self._residency:
                self._load(adapter_id, self._registered[adapter_id])
        return True

    def _load(self, adapter_id: str, registered: _Registered) -> None:
        num_bytes = self._backend.load_adapter(adapter_id, registered.path)
        if num_bytes != registered.facts.num_bytes:
            self._backend.unload_adapter(adapter_id)
            raise AdapterError(f"{registered.path} was changed since it was registered", remedy="start again")
        self._residency.loaded(adapter_id, num_bytes)
        self.num_loads += 1

    def _unload(self, adapter_id: str) -> None:
        if adapter_id in self._residency:
            self._residency.unloaded(adapter_id)
            self._backend.unload_adapter(adapter_id)

    def _too_large(self, adapter_ids: tuple[str, ...], num_bytes: int) -> AdapterError:
        names = " and ".join(repr(a) for a in adapter_ids)
        return AdapterError(
            f"{names}: {num_bytes} bytes do not fit into the adapter budget of "
            f"{self._residency.budget_bytes}",
            remedy="raise adapter_mb in config.toml, or use fewer adapters at once",
        )


def _ids(uses: Iterable[AdapterUse]) -> tuple[str, ...]:
    return tuple(adapter_id for adapter_id, _ in adapter_key(uses))
