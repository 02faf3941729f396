"""Which adapter each persona speaks with, and that the model has it, also after the model was restarted.

Knows files by path only: what is in them is checked where they are loaded.
"""

from __future__ import annotations

from sensorium.errors import SensoriumError
from sensorium.front.links import LlmLink
from sensorium.metrics import Counters
from sensorium.request import AdapterUse


class AdapterTable:
    def __init__(self, llm: LlmLink, counters: Counters) -> None:
        self._llm = llm
        self._counters = counters
        self._uses: dict[str, tuple[AdapterUse, ...]] = {}

    def of(self, persona_id: str) -> tuple[AdapterUse, ...]:
        """What its next prompt is computed with; part of the key of every prefix that is kept for it."""
        return self._uses.get(persona_id, ())

    async def assign(self, persona_id: str, path: str, scale: float = 1.0) -> int:
        """Loads the GGUF LoRA at `path` for this persona; bytes of memory. Raises AdapterError; then the
        persona keeps what it had."""
        num_bytes = await self._llm.load_adapter(path, path)
        self._uses[persona_id] = (AdapterUse(path, scale),)
        return num_bytes

    async def reload(self) -> None:
        """After a restart of the model. An adapter that has gone bad is counted; its persona's turns fail
        with a clear error."""
        for path in sorted({use.adapter_id for uses in self._uses.values() for use in uses}):
            try:
                await self._llm.load_adapter(path, path)
            except SensoriumError as e:
                self._counters.add("adapter_reloads_failed_total", code=e.code)
