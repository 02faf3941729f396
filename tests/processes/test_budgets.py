"""Given nano in a real house, when somebody asks aloud and shows pictures, then every budget is measured.

Also under stress, and whatever the speed of the machine: what is asserted is that things were measured, that
speech is whole, and that nothing waited for a frame.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import simplejpeg
from tests.processes.conftest import until

import sensorium.cli
from sensorium.audio import read_wav, to_int16
from sensorium.bench.parts import picture
from sensorium.budgets import BUDGETS
from sensorium.config import Config
from sensorium.dialogue.touch import Touched
from sensorium.front import live_file
from sensorium.front.house import House
from sensorium.front.listening import at_once
from sensorium.front.prometheus import text
from sensorium.front.publisher import Recording
from sensorium.front.report import TurnReport
from sensorium.trace import to_chrome

pytestmark = pytest.mark.anyio

QUESTION = Path(sensorium.cli.__file__).parent / "evening" / "01-maya-likes.wav"


async def asked(house: House) -> TurnReport:
    sound = read_wav(QUESTION)
    pcm = to_int16(sound.samples).astype("<i2").tobytes()
    return await house.turn_voice(
        at_once(pcm, sound.sample_rate_hz), sound.sample_rate_hz, Recording(), to="maya"
    )


async def frames(house: House) -> tuple[int, int]:
    """How many of nine were looked at and skipped, when all of them come at once."""
    jpeg = simplejpeg.encode_jpeg(picture(), quality=90)

    async def files() -> AsyncIterator[bytes]:
        for number in range(9):
            yield jpeg + bytes(number)

    await house.watch(files())
    skipped = sum(n for name, n in house.counters.snapshot().items() if name.startswith("skipped_frames"))
    return 9 - skipped, skipped


async def test_every_row_is_measured_on_the_path_of_a_turn_also_under_stress(tmp_path: Path) -> None:
    config = Config(home=str(tmp_path / "home"), llm_threads=1)
    async with House(config, sees=True, stress=(3.0, 0.0)) as house:
        await house.warm()
        num_seen, num_skipped = await frames(house)
        house.touch(msgspec.msgpack.encode((Touched("press", "maya", 0.5, 0.5),)))
        turn = await asked(house)
        await house.settled()
        stats = await house.stats()
        await until((Path(config.home) / live_file.FILE).exists)
        stages = house.trace.stages()

    # speech is whole
    assert turn.error == "" and turn.said and not turn.interrupted
    assert len(turn.pcm) > 0.4 * 2 * turn.sample_rate_hz
    # every row was measured, and is there for Prometheus
    unmeasured = {name for name, row in stats["stages"].items() if not row["count"]}
    assert set(stats["stages"]) == {budget.stage for budget in BUDGETS} and not unmeasured
    exported = text(stats)
    assert all(f'sensorium_stage_seconds_count{{stage="{b.stage}"}}' in exported for b in BUDGETS)
    # frames that came together were skipped, not waited for
    assert num_seen >= 1 and num_seen + num_skipped == 9
    skipped = {key: n for key, n in stats["counters"].items() if key.startswith("skipped_frames_total")}
    assert sum(skipped.values()) == num_skipped > 0
    assert set(stats["ladders"]) == {"hearing", "speech", "vision", "settling"}
    # the trace has the turn with its stages inside, and one track for each process that took part
    events = to_chrome(stages)["traceEvents"]
    assert isinstance(events, list)
    tracks = {e["args"]["name"] for e in events if e["name"] == "process_name"}
    assert tracks == {"front", "hearing", "llm", "speech", "vision"}
    whole = next(s for s in stages if s.name == "turn")
    inside = [s for s in stages if s.process == "front" and s.name in ("store", "compose", "first_words")]
    assert len(inside) == 3
    assert all(whole.start_s <= s.start_s and s.end_s <= whole.end_s for s in inside)
    # and nothing is left behind
    assert not (Path(config.home) / live_file.FILE).exists()


async def test_a_stress_that_is_none_is_one_line(tmp_path: Path) -> None:
    from sensorium.errors import BadInput

    config = Config(home=str(tmp_path / "home"), llm_threads=1)
    with pytest.raises(BadInput, match="--stress goes from 1 to 100"):
        async with House(config, hears=False, speaks=False, stress=(0.5, 0.0)):
            pass
