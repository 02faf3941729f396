"""Which adapter each persona speaks with, and that the model has it, also after the model was restarted.

A persona's own voice comes from the library of voices, or from the bundle; another adapter may be put in its
place. Knows files by path only: what is in them is checked where they are loaded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from sensorium.errors import AdapterError, BundleError, NotFound, SensoriumError
from sensorium.front.links import LlmLink
from sensorium.metrics import Counters
from sensorium.persona import Persona, VoiceRef
from sensorium.request import AdapterUse
from sensorium.voices.library import Library
from sensorium.wire.records import Ready


class AdapterTable:
    """`problems`: why a persona speaks without its voice, by persona id."""

    def __init__(self, llm: LlmLink, counters: Counters, library: Library) -> None:
        self._llm = llm
        self._counters = counters
        self.library = library
        self._assigned: dict[str, AdapterUse] = {}
        self._voices: dict[str, AdapterUse] = {}
        self._paths: dict[str, str] = {}
        self._shipped: dict[str, VoiceRef] | None = None
        self._loaded: set[str] = set()
        self._life: Ready | None = None
        self._one_at_a_time = asyncio.Lock()
        self.problems: dict[str, AdapterError | BundleError | NotFound] = {}

    def of(self, persona_id: str) -> tuple[AdapterUse, ...]:
        """What its next prompt is computed with, as far as the model has it."""
        use = self._assigned.get(persona_id) or self._voices.get(persona_id)
        return (use,) if use is not None and self._has(use.adapter_id) else ()

    async def assign(self, persona_id: str, path: str, scale: float = 1.0) -> None:
        """Loads the GGUF LoRA at `path` for this persona, instead of its own voice. Raises AdapterError; then
        the persona keeps what it had."""
        async with self._one_at_a_time:
            await self._load(path, path)
        self._assigned[persona_id] = AdapterUse(path, scale)

    async def ensure(self, persona: Persona) -> tuple[AdapterUse, ...]:
        """`of`, once the model has it: to be awaited before the persona's turn.

        A voice that is missing, altered or made for another model must not make its persona mute: the turn
        goes on without, and `problems` says why. Raises WorkerDied, and AdapterError for an assigned adapter.
        """
        async with self._one_at_a_time:
            # A model that is just being restarted would be asked for what only its dead one had.
            await self._llm.line.channel()
            assigned = self._assigned.get(persona.id)
            if assigned is not None:
                await self._load(assigned.adapter_id, self._paths[assigned.adapter_id])
                return self.of(persona.id)
            self._voices.pop(persona.id, None)
            self.problems.pop(persona.id, None)
            try:
                await self._ensure_voice(persona)
            except (AdapterError, BundleError, NotFound) as e:
                message = f"{persona.name} speaks without its voice: {e.message}"
                self.problems[persona.id] = type(e)(message, remedy=e.remedy)
                self._counters.add("voices_failed_total", code=e.code)
            return self.of(persona.id)

    async def ensure_all(self, personas: Iterable[Persona]) -> None:
        """For a room that was opened, or a model that was restarted. What fails is counted; the next turn of
        the persona tries again and says why."""
        for persona in personas:
            try:
                await self.ensure(persona)
            except SensoriumError as e:
                self._counters.add("adapter_reloads_failed_total", code=e.code)

    async def _ensure_voice(self, persona: Persona) -> None:
        voice = persona.voice_ref
        if voice is not None and not voice.sha256:
            voice = await self._of_bundle(voice.name)
        if voice is None:
            return
        adapter_id = str(voice)
        if not self._has(adapter_id):
            path, _ = await asyncio.to_thread(self.library.checked, voice)
            await self._load(adapter_id, str(path))
        self._voices[persona.id] = AdapterUse(adapter_id)

    async def _of_bundle(self, name: str) -> VoiceRef | None:
        """None when it has no such voice: a persona that ships is no worse for it, so nobody is told."""
        if self._shipped is None:
            self._shipped = await asyncio.to_thread(self.library.shipped)
        return self._shipped.get(name)

    async def _load(self, adapter_id: str, path: str) -> None:
        if not self._has(adapter_id):
            await self._llm.load_adapter(adapter_id, path)
            self._has(adapter_id)  # it may be the first of a new life
            self._loaded.add(adapter_id)
            self._paths[adapter_id] = path

    def _has(self, adapter_id: str) -> bool:
        """Does the model have it? One that was restarted has none."""
        if self._life is not self._llm.line.ready:
            self._life = self._llm.line.ready
            self._loaded.clear()
        return adapter_id in self._loaded
