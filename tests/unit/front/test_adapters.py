"""Given personas with voices, then the model has each before its turn; one that fails mutes nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from tests.unit.front.conftest import House
from tests.unit.voices.conftest import Write, model, ship, write  # noqa: F401  (fixtures)

from sensorium.errors import AdapterError
from sensorium.front.adapters import AdapterTable
from sensorium.front.fake import FakeLlm, FakeProcess, connected
from sensorium.front.line import Channel
from sensorium.front.links import LlmLink
from sensorium.metrics import Counters
from sensorium.persona import Persona, VoiceRef
from sensorium.request import AdapterUse
from sensorium.voices.library import Library, digest
from sensorium.wire.records import AdapterLoaded, LoadAdapter, Record

pytestmark = pytest.mark.anyio

MAYA, HUGO = Persona(id="maya", name="Maya"), Persona(id="hugo", name="Hugo")


class PickyLlm(FakeLlm):
    """Refuses files in a folder `bad`, and remembers what it was asked for."""

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


class Table:
    """A table in front of a picky model, and a library with one voice."""

    def __init__(self, process: FakeProcess, llm: PickyLlm, table: AdapterTable, library: Library) -> None:
        self.process, self.llm, self.table, self.library = process, llm, table, library

    def persona(self, persona: Persona, source: Path) -> Persona:
        sha256 = digest(source)
        self.library.put(source, sha256)
        return msgspec.structs.replace(persona, voice_adapter_id=str(VoiceRef("warm", sha256)))


@pytest.fixture
async def house_table(tmp_path: Path, counters: Counters) -> AsyncIterator[Table]:
    link, llm, library = LlmLink(counters), PickyLlm(), Library(tmp_path / "house")
    async with connected(link, llm) as process:
        yield Table(process, llm, AdapterTable(link, counters, library), library)


async def test_a_persona_speaks_with_what_was_assigned_and_others_with_nothing(house_table: Table) -> None:
    await house_table.table.assign("maya", "/voices/maya.gguf", 0.5)

    assert house_table.table.of("maya") == (AdapterUse("/voices/maya.gguf", 0.5),)
    assert await house_table.table.ensure(MAYA) == house_table.table.of("maya")
    assert await house_table.table.ensure(HUGO) == house_table.table.of("hugo") == ()


async def test_a_refused_adapter_leaves_the_persona_as_it_was(house_table: Table) -> None:
    await house_table.table.assign("maya", "/voices/maya.gguf")
    with pytest.raises(AdapterError, match="another model"):
        await house_table.table.assign("maya", "/voices/bad.gguf")

    assert house_table.table.of("maya") == (AdapterUse("/voices/maya.gguf"),)


async def test_a_voice_is_loaded_once_for_all_who_speak_with_it(
    house_table: Table,
    write: Write,  # noqa: F811
) -> None:
    source = write()
    maya, hugo = (house_table.persona(p, source) for p in (MAYA, HUGO))
    wanted = (AdapterUse(f"warm@{digest(source)}"),)
    assert house_table.table.of("maya") == ()  # not before it was ensured

    for persona in (maya, hugo, maya):
        assert await house_table.table.ensure(persona) == wanted
    assert house_table.table.of("maya") == house_table.table.of("hugo") == wanted
    assert house_table.llm.asked == [str(house_table.library.path(digest(source)))]
    assert house_table.table.problems == {}


async def test_an_adapter_that_was_put_in_its_place_wins(
    house_table: Table,
    write: Write,  # noqa: F811
) -> None:
    maya = house_table.persona(MAYA, write())
    await house_table.table.ensure(maya)
    await house_table.table.assign("maya", "/voices/other.gguf")
    assert await house_table.table.ensure(maya) == (AdapterUse("/voices/other.gguf"),)


async def test_after_a_restart_each_file_is_loaded_again_once(
    house_table: Table,
    write: Write,  # noqa: F811
    counters: Counters,
) -> None:
    maya, hugo = (house_table.persona(p, write()) for p in (MAYA, HUGO))
    zoe = Persona(id="zoe", name="Zoe")
    await house_table.table.ensure_all((maya, hugo))
    await house_table.table.assign("zoe", "/voices/other.gguf")
    asked = list(house_table.llm.asked)
    house_table.llm.asked.clear()
    await house_table.process.stop()
    await house_table.process.start()
    assert house_table.table.of("maya") == ()

    await house_table.table.ensure_all((maya, hugo, zoe))
    assert house_table.llm.asked == asked and len(asked) == 2
    assert house_table.table.of("maya") == house_table.table.of("hugo") != ()
    assert counters.get("adapter_reloads_failed_total", code="adapter") == 0


async def test_while_the_model_is_restarted_a_turn_waits_and_then_has_its_voice(
    house_table: Table,
    write: Write,  # noqa: F811
) -> None:
    maya = house_table.persona(MAYA, write())
    wanted = await house_table.table.ensure(maya)
    await house_table.process.die()
    waiting = asyncio.ensure_future(house_table.table.ensure(maya))
    await asyncio.sleep(0)
    assert not waiting.done()
    await house_table.process.start()
    assert await waiting == wanted and len(house_table.llm.asked) == 2


async def test_a_missing_voice_is_a_problem_told_once_it_is_there_it_is_used(
    house_table: Table,
    write: Write,  # noqa: F811
    counters: Counters,
) -> None:
    source = write()
    maya = msgspec.structs.replace(MAYA, voice_adapter_id=f"warm@{digest(source)}")
    assert await house_table.table.ensure(maya) == ()
    line = house_table.table.problems["maya"].one_line()
    assert line.startswith("Maya speaks without its voice: voice 'warm'") and "voice import" in line
    assert counters.get("voices_failed_total", code="not_found") == 1

    house_table.library.put(source, digest(source))
    assert await house_table.table.ensure(maya) != ()
    assert house_table.table.problems == {}


async def test_a_voice_of_another_model_is_a_problem_too(
    tmp_path: Path,
    write: Write,  # noqa: F811
    counters: Counters,
) -> None:
    link, llm, library = LlmLink(counters), PickyLlm(), Library(tmp_path / "bad")
    async with connected(link, llm) as process:
        house = Table(process, llm, AdapterTable(link, counters, library), library)
        assert await house.table.ensure(house.persona(MAYA, write())) == ()
        assert "another model" in house.table.problems["maya"].message


async def test_a_turn_tells_which_voice_it_was_asked_for_with(
    house: House,
    write: Write,  # noqa: F811
) -> None:
    sha256 = digest(write())
    house.library.put(write(), sha256)
    maya = house.persona("maya")
    members = house.room.room.personas
    changed = tuple(
        msgspec.structs.replace(p, voice_adapter_id=f"warm@{sha256}") if p is maya else p for p in members
    )
    house.room.room = msgspec.structs.replace(house.room.room, personas=changed)
    report = await house.conversation.text_turn("maya hello", house.sam)
    other = await house.conversation.text_turn("hugo hello", house.sam)
    assert report.adapters == [f"warm@{sha256}"] and report.row()["adapters"] == report.adapters
    assert other.adapters == []


async def test_a_voice_of_the_bundle_is_spoken_with_in_its_newest_version(
    tmp_path: Path,
    write: Write,  # noqa: F811
    counters: Counters,
) -> None:
    link, llm, folder = LlmLink(counters), PickyLlm(), tmp_path / "bundle"
    maya, hugo = (msgspec.structs.replace(p, voice_adapter_id=f"{p.id}@bundle") for p in (MAYA, HUGO))
    zoe = Persona(id="zoe", name="Zoe", voice_adapter_id="maya@bundle")
    async with connected(link, llm):
        for seed in (1, 2):
            source = write(seed=seed)
            ship(folder, maya=source)
            table = AdapterTable(link, counters, Library(tmp_path / "home", str(folder)))
            wanted = (AdapterUse(f"maya@{digest(source)}"),)
            assert await table.ensure(maya) == await table.ensure(zoe) == wanted
            # The bundle has none for him, and that is no problem of anybody's.
            assert await table.ensure(hugo) == () and table.problems == {}
    assert llm.asked == [str((folder / "voices" / "maya.gguf").resolve())] * 2


async def test_an_altered_voice_of_the_bundle_is_told_and_mutes_nobody(
    tmp_path: Path,
    write: Write,  # noqa: F811
    counters: Counters,
) -> None:
    link, llm, folder = LlmLink(counters), PickyLlm(), ship(tmp_path / "bundle", maya=write())
    (folder / "voices" / "maya.gguf").write_bytes(b"?")
    maya = msgspec.structs.replace(MAYA, voice_adapter_id="maya@bundle")
    async with connected(link, llm):
        table = AdapterTable(link, counters, Library(tmp_path / "home", str(folder)))
        assert await table.ensure(maya) == () and llm.asked == []
    line = table.problems["maya"].one_line()
    assert line.startswith("Maya speaks without its voice: bundle tiny:")
    assert "altered" in line and "install the bundle again" in line
    assert counters.get("voices_failed_total", code="bundle") == 1
