from __future__ import annotations

import pytest

from sensorium.errors import AdapterError
from sensorium.front.adapters import AdapterTable
from sensorium.front.fake import FakeLlm, connected
from sensorium.front.line import Channel
from sensorium.front.links import LlmLink
from sensorium.metrics import Counters
from sensorium.request import AdapterUse
from sensorium.wire.records import AdapterLoaded, LoadAdapter, Record

pytestmark = pytest.mark.anyio


class PickyLlm(FakeLlm):
    """Refuses files whose name says so, and remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__(lambda prompt: [])
        self.asked: list[str] = []

    def handle(self, record: Record, payload: bytes, channel: Channel) -> None:
        if not isinstance(record, LoadAdapter):
            super().handle(record, payload, channel)
            return
        self.asked.append(record.path)
        code = "adapter" if "bad" in record.path else ""
        channel.send(AdapterLoaded(record.adapter_id, 7, code, "made for another model" if code else ""))


async def test_a_persona_speaks_with_what_was_assigned_and_others_with_nothing() -> None:
    counters = Counters()
    link, llm = LlmLink(counters), PickyLlm()
    table = AdapterTable(link, counters)
    async with connected(link, llm):
        assert await table.assign("maya", "/voices/maya.gguf", 0.5) == 7

    assert table.of("maya") == (AdapterUse("/voices/maya.gguf", 0.5),)
    assert table.of("hugo") == ()


async def test_a_refused_adapter_leaves_the_persona_as_it_was() -> None:
    counters = Counters()
    link, llm = LlmLink(counters), PickyLlm()
    table = AdapterTable(link, counters)
    async with connected(link, llm):
        await table.assign("maya", "/voices/maya.gguf")
        with pytest.raises(AdapterError, match="another model"):
            await table.assign("maya", "/voices/bad.gguf")

    assert table.of("maya") == (AdapterUse("/voices/maya.gguf"),)


async def test_after_a_restart_each_file_is_loaded_again_once() -> None:
    counters = Counters()
    link, llm = LlmLink(counters), PickyLlm()
    table = AdapterTable(link, counters)
    async with connected(link, llm):
        await table.assign("maya", "/voices/warm.gguf")
        await table.assign("hugo", "/voices/warm.gguf")
        llm.asked.clear()
        await table.reload()

    assert llm.asked == ["/voices/warm.gguf"]
    assert counters.get("adapter_reloads_failed_total", code="adapter") == 0
