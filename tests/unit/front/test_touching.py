"""What a page sends of pointer and keys on its way into the next prompt, and what is refused."""

from __future__ import annotations

import msgspec
import pytest
from tests.unit.front.conftest import House, shown

from sensorium.dialogue.touch import EXPIRE_S, Touched
from sensorium.errors import BadInput
from sensorium.front.touching import TouchPad
from sensorium.refusals import RefusalLog
from sensorium.request import Tier

pytestmark = pytest.mark.anyio

CLICK = msgspec.msgpack.encode([Touched("press", "maya"), Touched("release", "maya")])


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def pad(house: House, lines: list[str]) -> TouchPad:
    refusals = RefusalLog(house.clock, lines.append)
    return TouchPad(house.room, house.clock, house.trace, house.counters, refusals)


async def test_a_touch_stands_in_the_next_prompt_and_is_forgotten(house: House, pad: TouchPad) -> None:
    pad.take(house.sam, CLICK)
    for words in ("maya hello", "hugo hello"):
        await house.conversation.text_turn(words, house.sam)
    house.clock.advance(EXPIRE_S)
    await house.conversation.text_turn("maya hello", house.sam)
    told = [shown(prompt, Tier.VOLATILE) for prompt in house.fake_llm.prompts]
    # nano's words; it has none for a touch of somebody else
    assert ["sam touches you" in text for text in told] == [True, False, False]
    assert "touches" not in told[1]
    # and nothing of it is history
    assert "touches" not in "".join(shown(prompt, Tier.SEMI_STABLE) for prompt in house.fake_llm.prompts)


async def test_what_a_touch_took_is_in_the_trace(house: House, pad: TouchPad) -> None:
    pad.take(house.sam, CLICK)
    assert [stage.name for stage in house.trace.stages()] == ["touch"]
    assert house.counters.get("touches_total") == 2


async def test_what_is_no_touch_is_counted_told_of_and_changes_nothing(
    house: House, pad: TouchPad, lines: list[str]
) -> None:
    pad.take(house.sam, CLICK)
    for bad in (b"", b"\xff" * 90_000, msgspec.msgpack.encode([{"type": "Touched", "kind": "bite"}])):
        with pytest.raises(BadInput):
            pad.take(house.sam, bad)
    assert house.counters.get("refused_touches_total") == 3
    assert len(lines) == 1 and lines[0].startswith("refused touch: these are no touches")
    view = house.room.view(house.persona("maya"))
    assert view.percepts == ("Sam touches you",)
