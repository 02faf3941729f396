"""Tools in turns, over real sockets with fake workers: who asks, what is said now and later, what fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from tests.unit.front.conftest import House, shown
from tests.unit.front.test_conversation import stored, until

from sensorium.clock import ManualClock
from sensorium.front.publisher import Recording
from sensorium.metrics import Counters
from sensorium.recipe import Recipe
from sensorium.request import Tier
from sensorium.store import recipes, reminders
from sensorium.store.store import Store
from sensorium.wire.events import Event, ToolCalled, ToolEnded, TurnBegan, TurnEnded
from sensorium.wire.records import AskedBy, Failed, SaidLater, ToolCard

pytestmark = pytest.mark.anyio

SCHEMA = {"type": "object", "properties": {"seconds": {"type": "integer"}, "action": {"type": "string"}}}
BY_WORDS = AskedBy("set a timer for {seconds:duration}", {"action": "set"})
TIMER = ToolCard("timer", "Sets a timer.", SCHEMA, (BY_WORDS,), "test", 10.0)
OTHER = ToolCard("dice", "Rolls.", {"type": "object"}, (AskedBy("roll the dice", {}),), "test", 10.0)
ASKED = "maya set a timer for two minutes"
WRITTEN = {"prose": True, "text_form": "written", "tool_call": ["<tool_call>", "</tool_call>"]}


async def offer(house: House, *cards: ToolCard) -> None:
    before = house.tools.offered
    house.fake_tools.offer(house.tools_process.theirs, *(cards or (TIMER, OTHER)))
    await until(lambda: house.tools.offered is not before)


@pytest.fixture
async def reader(store: Store, clock: ManualClock, counters: Counters) -> AsyncIterator[House]:
    """Of a mind that reads prose, and was not trained to call."""
    opened = House(store, clock, counters)
    opened.own_format = dict(WRITTEN)
    async with AsyncExitStack() as stack:
        await opened.open(stack)
        yield opened


@pytest.fixture
async def caller(store: Store, clock: ManualClock, counters: Counters) -> AsyncIterator[House]:
    """Of a mind that was trained to call tools."""
    opened = House(store, clock, counters)
    opened.own_format, opened.calls_itself = dict(WRITTEN), True
    async with AsyncExitStack() as stack:
        await opened.open(stack)
        yield opened


def listening(house: House) -> list[Event]:
    heard: list[Event] = []
    house.happenings._takers.append(heard.append)
    return heard


async def test_a_closed_world_says_the_tools_words_in_the_same_turn(house: House) -> None:
    await offer(house)
    heard, player = listening(house), Recording()
    report = await house.conversation.text_turn(ASKED, house.sam, tools=True, publisher=player)

    call = house.fake_tools.calls[0]
    assert (call.name, call.arguments) == ("timer", '{"action":"set","seconds":120}')
    assert (call.room_id, call.persona_id) == ("living-room", "maya")
    assert report.said == "ok two minutes ." and report.error == "" and player.pcm
    assert house.fake_llm.words == ["ok two minutes ."]
    assert stored(house) == [("person", "sam", ASKED), ("persona", "maya", "ok two minutes .")]
    tools = [event for event in heard if isinstance(event, ToolCalled | ToolEnded)]
    assert tools == [
        ToolCalled(call.call_id, report.turn_id, "maya", "timer", call.arguments),
        ToolEnded(call.call_id, "done", "ok two minutes"),
    ]
    assert house.counters.get("tool_calls_total", tool="timer", outcome="done") == 1


@pytest.mark.parametrize("words", ["maya what do you like", "maya set a timer", "maya roll the dice"])
async def test_words_that_ask_for_none_or_for_one_that_is_not_this_rooms_go_to_the_mind(
    house: House, words: str
) -> None:
    await offer(house)
    report = await house.conversation.text_turn(words, house.sam, tools=True)
    assert report.said == "i like apples" and not house.fake_tools.calls


async def test_a_room_that_is_played_by_another_recipe_has_that_ones_tools(house: House) -> None:
    await offer(house)
    house.store.submit(recipes.put, Recipe(name="bare", tools=())).result()
    await house.room.use_recipe("bare")
    house.tooling.box.refresh()
    assert (await house.conversation.text_turn(ASKED, house.sam, tools=True)).said == "i like apples"
    assert not house.fake_tools.calls


async def test_a_speech_is_no_wish_and_costs_nothing(house: House) -> None:
    await offer(house)
    report = await house.conversation.text_turn("maya " + "please " * 1_100, house.sam, tools=True)
    assert report.said == "i like apples"


async def test_programs_that_bring_their_own_functions_get_none_of_the_rooms(house: House) -> None:
    await offer(house)
    assert (await house.conversation.text_turn(ASKED, house.sam)).said == "i like apples"
    assert not house.fake_tools.calls


async def test_a_mind_that_reads_is_handed_what_the_tool_gave(reader: House) -> None:
    await offer(reader)
    report = await reader.conversation.text_turn(ASKED, reader.sam, tools=True)

    assert report.said == "i like apples" and reader.fake_llm.words == [""]
    assert [kind for kind, _, _ in stored(reader)] == ["person", "event", "persona"]
    prompt = reader.fake_llm.prompts[0]
    assert ASKED in shown(prompt, Tier.SEMI_STABLE)
    assert "timer: ok two minutes" in shown(prompt, Tier.VOLATILE)
    assert "Sets a timer" not in shown(prompt, Tier.INVARIANT)


async def test_a_mind_that_calls_is_told_of_the_rooms_tools_and_its_calls_are_carried_out(
    caller: House,
) -> None:
    replies = [
        ["One moment.<tool_", 'call>{"name": "timer", "arguments": {"seconds": 5}}</tool_call>'],
        ["Done."],
    ]
    caller.reply = lambda prompt: replies.pop(0)
    await offer(caller)
    heard = listening(caller)
    report = await caller.conversation.text_turn(ASKED, caller.sam, tools=True)
    await caller.tooling.idle()

    assert report.said == "One moment."
    assert [call.arguments for call in caller.fake_tools.calls] == ['{"seconds":5}']
    assert [text for _, _, text in stored(caller)] == [ASKED, "One moment.", "timer: ok two minutes", "Done."]
    first, second = caller.fake_llm.prompts
    assert "Sets a timer" in shown(first, Tier.INVARIANT) and "Rolls" not in shown(first, Tier.INVARIANT)
    assert first.invariant_sha256() == second.invariant_sha256()
    assert "timer: ok two minutes" in shown(second, Tier.VOLATILE)
    assert [event.why for event in heard if isinstance(event, TurnBegan)] == ["named", "tool"]


@pytest.mark.parametrize(
    "written",
    [
        "no json",
        '{"name": "dice"}',
        '{"name": "nothing", "arguments": {}}',
        '{"name": "timer", "arguments": 3}',
    ],
)
async def test_a_call_that_cannot_be_is_told_to_the_mind(caller: House, written: str) -> None:
    replies = [[f"<tool_call>{written}</tool_call>"], ["Sorry."]]
    caller.reply = lambda prompt: replies.pop(0)
    await offer(caller)
    report = await caller.conversation.text_turn("maya go", caller.sam, tools=True)
    await caller.tooling.idle()

    assert report.silent and not caller.fake_tools.calls
    kinds = [(kind, "failed" in text) for kind, _, text in stored(caller)]
    assert kinds == [("person", False), ("event", True), ("persona", False)]


async def test_a_mind_that_calls_for_ever_is_stopped(caller: House) -> None:
    caller.reply = lambda prompt: ['<tool_call>{"name": "timer"}</tool_call>']
    await offer(caller)
    await caller.conversation.text_turn("maya go", caller.sam, tools=True)
    await caller.tooling.idle()

    assert len(caller.fake_tools.calls) == 4
    assert caller.counters.get("tool_calls_total", tool="", outcome="refused") == 1


async def test_what_comes_late_is_said_in_a_turn_of_its_own_and_others_speak_meanwhile(house: House) -> None:
    await offer(house)
    house.fake_tools.holds, house.tooling._within_s = True, 0.01
    first = await house.conversation.text_turn(ASKED, house.sam, tools=True)
    other = await house.conversation.text_turn("clara hello", house.sam, tools=True)
    assert (first.said, other.said) == ("please wait .", "i like apples")

    house.fake_tools.answer()
    await house.tooling.idle()
    assert [text for _, who, text in stored(house) if who == "maya"] == ["please wait .", "ok two minutes ."]
    assert house.conversation.last_report is not None and house.conversation.last_report.why == "tool"


@pytest.mark.parametrize(
    ("failed", "said"),
    [
        (
            Failed(0, "bad_input", "a timer takes from one second to a day"),
            "a timer takes from one second to a day .",
        ),
        (Failed(0, "bad_input", "timer: Expected `int`"), "sorry i can not do that ."),
        (Failed(0, "tool_failed", "timer: ValueError: x"), "sorry i can not do that ."),
    ],
)
async def test_a_tool_that_fails_is_said_and_the_room_goes_on(
    house: House, failed: Failed, said: str
) -> None:
    await offer(house)
    heard = listening(house)
    house.fake_tools.fails = failed
    report = await house.conversation.text_turn(ASKED, house.sam, tools=True)
    assert report.said == said and report.error == ""
    assert [(e.outcome, e.text) for e in heard if isinstance(e, ToolEnded)] == [("failed", failed.message)]
    assert (await house.conversation.text_turn("maya hello", house.sam, tools=True)).said == "i like apples"


async def test_a_worker_that_dies_in_the_middle_of_a_call(house: House) -> None:
    await offer(house)
    heard = listening(house)
    house.fake_tools.holds = True
    turn = asyncio.create_task(house.conversation.text_turn(ASKED, house.sam, tools=True))
    await until(lambda: bool(house.fake_tools.calls))
    await house.tools_process.die()

    assert (await turn).said == "sorry i can not do that ."
    assert any(isinstance(e, ToolEnded) and "ended" in e.text for e in heard)


async def test_a_barge_in_while_the_tool_works_gives_the_call_up(house: House) -> None:
    await offer(house)
    heard = listening(house)
    house.fake_tools.holds = True
    turn = asyncio.create_task(house.conversation.text_turn(ASKED, house.sam, tools=True))
    await until(lambda: bool(house.fake_tools.calls))
    await house.conversation.running.interrupt(house.conversation.running.turn_id)

    with pytest.raises(asyncio.CancelledError):
        await turn
    await until(lambda: house.fake_tools.dropped == [house.fake_tools.calls[0].call_id])
    assert [e.outcome for e in heard if isinstance(e, ToolEnded | TurnEnded)] == ["dropped", "interrupted"]


async def test_a_tool_past_its_limit_is_given_up(house: House) -> None:
    await offer(house, TIMER.__class__(*(*(getattr(TIMER, f) for f in TIMER.__struct_fields__[:-1]), 0.01)))
    house.fake_tools.holds = True
    report = await house.conversation.text_turn(ASKED, house.sam, tools=True)
    assert report.said == "sorry i can not do that ."
    await until(lambda: bool(house.fake_tools.dropped))


async def test_what_is_to_be_said_later_is_said_when_its_time_has_come_and_interrupting_it_ends_nothing_else(
    house: House, clock: ManualClock
) -> None:
    await offer(house)
    house.fake_tools.later = (SaidLater(120.0, "the two minutes are over"),)
    await house.conversation.text_turn(ASKED, house.sam, tools=True)
    house.fake_tools.later = ()
    await house.conversation.text_turn(ASKED, house.sam, tools=True)
    assert [p.text for p in house.fake_tools.calls[1].pending] == ["the two minutes are over"]
    assert 0.0 < house.fake_tools.calls[1].pending[0].after_s <= 120.0

    clock.advance(121.0)
    house.tooling._reminders._changed.set()
    await until(lambda: ("persona", "maya", "the two minutes are over .") in stored(house))
    assert house.store.read(reminders.pending, "living-room").result() == []
    assert house.aloud.pcm


async def test_a_reminder_of_somebody_who_has_left_is_counted(house: House, clock: ManualClock) -> None:
    await offer(house)
    house.fake_tools.later = (SaidLater(5.0, "over"),)
    await house.conversation.text_turn(ASKED, house.sam, tools=True)
    await house.room.leave("maya")
    clock.advance(6.0)
    house.tooling._reminders._changed.set()
    await until(lambda: house.counters.get("tool_turns_lost_total", code="not_found") == 1)


async def test_a_long_answer_is_cut_at_the_end_of_a_sentence(house: House) -> None:
    await offer(house)
    house.fake_tools.text = "One two three. " * 30
    report = await house.conversation.text_turn(ASKED, house.sam, tools=True)
    words = report.said.split()
    assert 40 <= len(words) <= 48 and words[-1] == "."


@pytest.mark.parametrize("text", ["", "...", "<b>", "\n"])
async def test_an_answer_without_words_is_something_still(house: House, text: str) -> None:
    await offer(house)
    house.fake_tools.text = text
    assert (await house.conversation.text_turn(ASKED, house.sam, tools=True)).said in (
        "ok .", "sorry i can not do that .",
    )  # fmt: skip
