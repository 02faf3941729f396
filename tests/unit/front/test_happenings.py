"""Given a room, when things happen in it, then whoever listens is told once, in order, and nobody waits."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from tests.unit.front.conftest import House
from tests.unit.front.test_conversation import until
from tests.unit.front.test_live import QUIET, RATE, Notebook, Speaker, played_on

from sensorium.dialogue.endpointing import Endpointing
from sensorium.front.captions import Captions
from sensorium.front.happenings import MAX_WAITING, Happenings
from sensorium.front.live import Live
from sensorium.front.publisher import Recording
from sensorium.metrics import Counters
from sensorium.wire.events import (
    Event,
    Hearing,
    Listening,
    Members,
    Message,
    Spoke,
    TurnBegan,
    TurnEnded,
    WorkerDown,
    WorkerUp,
    Writing,
)
from sensorium.wire.records import SpeechPaused, SpeechStarted

pytestmark = pytest.mark.anyio


@pytest.fixture
def told(house: House) -> Iterator[list[Event]]:
    events: list[Event] = []
    with house.happenings.told_to(events.append):
        yield events


async def test_a_listener_reads_what_was_told_since_it_listens() -> None:
    bus = Happenings(Counters())
    bus.tell(WorkerDown("llm"))
    with bus.subscribe() as events:
        bus.tell(WorkerDown("speech"))
        bus.tell(WorkerUp("speech"))
        found = []
        async for event in events:
            found.append(event)
            if len(found) == 2:
                break
    bus.tell(WorkerDown("llm"))

    assert found == [WorkerDown("speech"), WorkerUp("speech")]


async def test_who_does_not_read_is_cut_off_and_the_others_are_not() -> None:
    counters = Counters()
    bus = Happenings(counters)
    heard: list[Event] = []
    with bus.subscribe() as asleep, bus.told_to(heard.append):
        for _ in range(MAX_WAITING + 10):
            bus.tell(WorkerUp("llm"))
        read = [event async for event in asleep]

    assert len(read) == MAX_WAITING and asleep.cut_off
    assert len(heard) == MAX_WAITING + 10
    assert counters.get("listeners_cut_off_total") == 1


async def test_a_turn_is_told_from_its_beginning_to_its_end(house: House, told: list[Event]) -> None:
    report = await house.conversation.text_turn("maya what do you like", house.sam, publisher=Recording())

    kinds = [type(event) for event in told]
    assert kinds[0] is TurnBegan and kinds[1] is Message and kinds[-2] is Message and kinds[-1] is TurnEnded
    assert told[0] == TurnBegan(report.turn_id, "maya", "named", "sam")
    question, answer = (event for event in told if isinstance(event, Message))
    assert (question.kind, question.speaker_name, question.text) == ("person", "Sam", "maya what do you like")
    assert (answer.kind, answer.speaker_id, answer.text) == ("persona", "maya", "i like apples")
    assert answer.turn_id == report.turn_id and answer.entry_id > question.entry_id
    assert [e.text for e in told if isinstance(e, Writing)] == ["i", "i like", "i like apples"]
    spoke = [e for e in told if isinstance(e, Spoke)]
    assert spoke[-1].text == "i like apples" and spoke[-1].until_sample == len(report.pcm) // 2
    ended = told[-1]
    assert isinstance(ended, TurnEnded)
    assert (ended.outcome, ended.said, ended.persona_id) == ("done", "i like apples", "maya")
    assert ended.processed_tokens == report.processed_tokens and ended.stages_ms == report.stages_ms


async def test_a_turn_of_nobody_and_a_turn_that_fails_end_too(house: House, told: list[Event]) -> None:
    await house.conversation.text_turn("hello", house.sam)
    await house.llm_process.die()
    await house.conversation.text_turn("maya hello", house.sam)

    nobody, failed = (event for event in told if isinstance(event, TurnEnded))
    assert (nobody.persona_id, nobody.outcome) == ("", "silent")
    assert (failed.outcome, failed.error_code) == ("failed", "worker_died") and failed.error


async def test_who_comes_and_goes_is_told(house: House, told: list[Event]) -> None:
    await house.room.join("theo")

    message, members = told
    assert isinstance(message, Message) and (message.kind, message.text) == ("event", "Theo comes in")
    assert isinstance(members, Members) and members.personas[-1].id == "theo"
    assert [p.id for p in members.people] == [p.id for p in house.room.room.people]


async def test_what_is_heard_is_told_while_it_is_said(native_house: House) -> None:
    house, told = native_house, list[Event]()
    speaker, player = Speaker(house.clock), Notebook(house.clock)
    live = Live(house.conversation, house.sam, player, house.counters)
    ears = house.conversation.ears
    assert ears is not None
    with house.happenings.told_to(told.append):
        async with ears.open(speaker.sound(), RATE, house.sam, endpointing=Endpointing()) as microphone:
            running = asyncio.create_task(live.run(microphone))
            await speaker.speak(8_000)
            await speaker.speak(16_000, QUIET)
            await played_on(player, lambda: any(isinstance(e, TurnEnded) for e in told))
            speaker.stop()
            await running

    kinds = [type(event) for event in told]
    assert told[0] == Listening("sam", True, 0)
    assert Hearing("sam", "maya what do you like") in told
    assert kinds.index(Hearing) < kinds.index(TurnBegan)
    assert [e.speaking for e in told if isinstance(e, Listening)] == [True, False]
    assert Hearing("sam", "") not in told


def test_words_that_were_nothing_are_taken_back_and_nothing_is_told_twice() -> None:
    told: list[Event] = []
    captions = Captions("sam", told.append)
    for event in (SpeechStarted(1, 1_600), SpeechStarted(1, 1_700), SpeechPaused(1, 8_000, 200, 0.5)):
        captions.heard(event)
    for text in ("", "mm", "mm", ""):
        captions.so_far(text)
    captions.so_far("hello")
    captions.over("hello")
    captions.so_far("")

    assert told == [
        Listening("sam", True, 100),
        Listening("sam", False, 500),
        Hearing("sam", "mm"),
        Hearing("sam", ""),
        Hearing("sam", "hello"),
    ]


async def test_a_second_microphone_may_interrupt_a_reply_that_was_under_way(house: House) -> None:
    class Second:
        started: list[int] = []  # noqa: RUF012

        def reply_started(self, turn_id: int) -> None:
            self.started.append(turn_id)

        def reply_ended(self, turn_id: int) -> None:
            pass

    player, first, second = Notebook(house.clock), Second(), Second()
    house.reply = lambda prompt: [" i", " like", " apples"] * 8
    running = house.conversation.running
    asking = asyncio.create_task(house.conversation.text_turn("maya hello", house.sam, publisher=player))
    await until(lambda: bool(player.first_sound_s))
    turn_id = running.turn_id
    async with running.watched(first), running.watched(second):
        assert second.started == [turn_id, turn_id]
        for holder in (first, second):
            await running.hold(turn_id, holder)
        await running.resume(turn_id, first)
        assert "resume" not in player.asked  # the second one still speaks
    # and when that one has gone without a word, it goes on
    assert player.asked == ["hold", "hold", "resume"]
    await running.interrupt(turn_id)
    await asyncio.wait([asking])
    assert asking.cancelled() and running.turn_id == 0
