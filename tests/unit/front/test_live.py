"""Given an open microphone, when people speak, cough or interrupt, then the room does what a person would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest
from tests.unit.front.conftest import House
from tests.unit.front.test_conversation import stored, until

from sensorium.clock import ManualClock
from sensorium.dialogue.endpointing import Endpointing
from sensorium.dialogue.turn_taking import PATIENCE_S, Hold, Interrupt, Resume
from sensorium.front.listening import Utterance, at_once
from sensorium.front.live import Live
from sensorium.front.player import BLOCK_S, MAX_AHEAD_S, Player
from sensorium.front.publisher import Recording
from sensorium.front.report import TurnReport
from sensorium.request import Tier

pytestmark = pytest.mark.anyio

RATE = 16_000
LOUD, QUIET = b"\x01\x00", b"\x00\x00"


class Speaker:
    """A person's sound, piece by piece, when the test says so."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def speak(self, num_samples: int, kind: bytes = LOUD) -> None:
        for _ in range(0, num_samples, 320):
            self._clock.advance(0.02)
            self._pieces.put_nowait(kind * 320)
            for _ in range(20):
                await asyncio.sleep(0)

    def stop(self) -> None:
        self._pieces.put_nowait(None)

    async def sound(self) -> AsyncIterator[bytes]:
        while (piece := await self._pieces.get()) is not None:
            yield piece


async def happens(condition: Callable[[], bool]) -> None:
    """Lets others run, the store's thread too, until it is so."""
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never happened")


async def played_on(player: Notebook, condition: Callable[[], bool]) -> None:
    """Lets time pass until it is so; the store writes in a thread of its own."""
    for _ in range(5_000):
        if condition():
            return
        player.later(0.5)
        await asyncio.sleep(0.001)
    raise AssertionError("it never happened")


class Notebook(Player):
    """Notes what it was asked to do."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.asked: list[str] = []

    def later(self, seconds: float) -> None:
        """Time has passed; who waits for what was played looks again."""
        self._clock.advance(seconds)  # type: ignore[attr-defined]
        self._changed.set()

    async def hold(self, turn_id: int) -> None:
        self.asked.append("hold")
        await super().hold(turn_id)

    async def resume(self, turn_id: int) -> None:
        self.asked.append("resume")
        await super().resume(turn_id)

    async def clear(self, turn_id: int) -> None:
        self.asked.append("clear")
        await super().clear(turn_id)


async def test_two_messages_in_one_stream_get_a_reply_each(native_house: House) -> None:
    house, told = native_house, list[TurnReport]()
    speaker, player = Speaker(house.clock), Notebook(house.clock)
    live = Live(house.conversation, house.sam, player, house.counters, told.append)
    ears = house.conversation.ears
    assert ears is not None
    async with ears.open(speaker.sound(), RATE, house.sam, endpointing=Endpointing()) as microphone:
        running = asyncio.create_task(live.run(microphone))
        await speaker.speak(8_000)
        await speaker.speak(16_000, QUIET)
        await happens(lambda: house.fake_llm.prompts != [])
        await played_on(player, lambda: bool(told))
        speaker.stop()
        await running
    assert [report.said for report in told] == ["i like apples"]
    assert stored(house)[0] == ("person", "sam", "maya what do you like")
    # it was read along while the person spoke, for the persona that was named
    assert house.fake_llm.drafts and all(p.persona_id == "maya" for p in house.fake_llm.drafts)
    # so that the turn's own prompt goes on where the last draft ended
    turn, draft = house.fake_llm.prompts[0], house.fake_llm.drafts[-1]
    for tier in Tier:
        assert turn.tier_bytes(tier).startswith(draft.tier_bytes(tier))
    assert turn.tier_bytes(Tier.VOLATILE) != draft.tier_bytes(Tier.VOLATILE)


async def unclear(house: House, stack: AsyncExitStack) -> tuple[Speaker, list[TurnReport]]:
    """Somebody has said what the ear cannot make out, and has been silent for a second."""
    house.fake_ear.confidence, house.fake_ear.asks = 0.1, True
    told = list[TurnReport]()
    speaker, player = Speaker(house.clock), Notebook(house.clock)
    live = Live(house.conversation, house.sam, player, house.counters, told.append)
    ears = house.conversation.ears
    assert ears is not None
    opened = ears.open(speaker.sound(), RATE, house.sam, to="maya", endpointing=Endpointing())
    microphone = await stack.enter_async_context(opened)
    running = asyncio.create_task(live.run(microphone))
    stack.callback(running.cancel)
    await speaker.speak(8_000)
    await speaker.speak(16_000, QUIET)
    await happens(lambda: house.fake_ear.unclear != [])
    return speaker, told


async def test_a_second_opinion_is_waited_for_and_is_what_was_said(native_house: House) -> None:
    house = native_house
    async with AsyncExitStack() as stack:
        await unclear(house, stack)
        # given that nobody replies to what nobody made out
        assert house.fake_llm.prompts == []
        # when
        house.fake_ear.reconsider("maya how are you", house.ear_process.theirs)
        await happens(lambda: house.fake_llm.prompts != [])
        # then the mind reads its words, and no rows of the ear
        await happens(lambda: stored(house) != [])
        assert stored(house)[0] == ("person", "sam", "maya how are you")
        assert house.fake_llm.rows[-1] == b""
        assert house.counters.get("bridge_calls_total", kind="stt") == 1


async def test_one_that_takes_too_long_is_dropped_and_counted(native_house: House) -> None:
    house = native_house
    async with AsyncExitStack() as stack:
        speaker, _ = await unclear(house, stack)
        await speaker.speak(round(PATIENCE_S * RATE), QUIET)
        await happens(lambda: house.fake_llm.prompts != [])
        # then it was not understood, and the mind is told so
        assert house.fake_llm.rows[-1] == b""
        newest = [p.text.strip() for b in house.fake_llm.prompts[0].blocks if b.source == "newest"
                  for p in b.parts if not p.special]  # fmt: skip
        assert newest == ["sam"]
        house.fake_ear.reconsider("maya how are you", house.ear_process.theirs)
        await happens(lambda: house.counters.get("late_messages_total", worker="hearing") == 1)
        assert house.counters.get("bridge_calls_total", kind="stt") == 0 and len(house.fake_llm.prompts) == 1


async def test_a_recording_is_answered_when_its_second_opinion_came(native_house: House) -> None:
    house = native_house
    house.fake_ear.confidence, house.fake_ear.asks = 0.1, True
    turn = asyncio.create_task(
        house.conversation.voice_turn(at_once(LOUD * 8_000, RATE), RATE, house.sam, Recording())
    )
    await happens(lambda: house.fake_ear.unclear != [])
    house.clock.advance(10.0)
    assert house.fake_llm.prompts == []
    house.fake_ear.reconsider("maya how are you", house.ear_process.theirs)
    report = await turn
    assert report.heard == "maya how are you" and report.bridge_calls["stt"] == 1


class Decided:
    """A microphone whose decisions the test makes."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[object] = asyncio.Queue()
        self.started: list[int] = []
        self.ended: list[int] = []

    def reply_started(self, turn_id: int) -> None:
        self.started.append(turn_id)

    def reply_ended(self, turn_id: int) -> None:
        self.ended.append(turn_id)

    async def decisions(self) -> AsyncIterator[object]:
        while (decision := await self.queue.get()) is not None:
            yield decision


async def started(house: House, player: Player) -> tuple[Decided, asyncio.Task[None], list[TurnReport]]:
    """A room in which Maya is in the middle of saying something."""
    told: list[TurnReport] = []
    microphone = Decided()
    house.reply = lambda prompt: [" i", " like", " apples"] * 8
    live = Live(house.conversation, house.sam, player, house.counters, told.append)
    running = asyncio.create_task(live.run(microphone))  # type: ignore[arg-type]
    microphone.queue.put_nowait(Utterance("maya what do you like", 0.0, 0.0))
    await happens(lambda: bool(player.first_sound_s))
    return microphone, running, told


async def test_barge_in_cuts_the_transcript_to_what_was_heard(native_house: House) -> None:
    house, player = native_house, Notebook(native_house.clock)
    microphone, running, told = await started(house, player)
    turn_id = microphone.started[0]
    house.clock.advance(0.1)  # two and a half frames of a word each
    microphone.queue.put_nowait(Hold(turn_id))
    await happens(lambda: player.asked == ["hold"])
    house.clock.advance(3.0)
    microphone.queue.put_nowait(Interrupt(turn_id))
    await played_on(player, lambda: bool(told))
    microphone.queue.put_nowait(None)
    await running
    assert player.asked[:2] == ["hold", "clear"]
    assert told[0].interrupted and microphone.ended == [turn_id]
    assert stored(house)[-1] == ("persona", "maya", "i like apples")
    assert house.counters.get("interruptions_total") == 1


async def test_a_cough_holds_the_reply_and_it_goes_on_to_its_end(native_house: House) -> None:
    house, player = native_house, Notebook(native_house.clock)
    microphone, running, told = await started(house, player)
    turn_id = microphone.started[0]
    house.clock.advance(0.1)
    microphone.queue.put_nowait(Hold(turn_id))
    await happens(lambda: player.asked == ["hold"])
    held = player.heard_samples(turn_id)
    house.clock.advance(3.0)
    assert player.heard_samples(turn_id) == held
    microphone.queue.put_nowait(Resume(turn_id))
    await happens(lambda: player.asked == ["hold", "resume"])
    await played_on(player, lambda: bool(told))
    microphone.queue.put_nowait(None)
    await running
    assert not told[0].interrupted and stored(house)[-1][2] == " ".join(["i like apples"] * 8)


async def test_an_answer_that_never_began_is_not_told_as_somebody_elses(native_house: House) -> None:
    house, player = native_house, Notebook(native_house.clock)
    microphone, told = Decided(), list[TurnReport]()
    await house.conversation.text_turn("maya what do you like", house.sam)
    typed = asyncio.create_task(house.conversation.text_turn("maya hello", house.sam, publisher=player))
    await until(lambda: bool(player.first_sound_s))
    live = Live(house.conversation, house.sam, player, house.counters, told.append)
    running = asyncio.create_task(live.run(microphone))  # type: ignore[arg-type]
    microphone.queue.put_nowait(Utterance("maya what do you like", 0.0, 0.0))
    await until(microphone.queue.empty)
    running.cancel()
    await asyncio.wait([running])
    typed.cancel()
    await asyncio.wait([typed])
    assert told == []


async def test_a_player_plays_at_the_speed_of_sound() -> None:
    clock = ManualClock()
    player = Player(clock)
    await player.send_audio(1, LOUD * 1_600, RATE)
    clock.advance(0.05)
    assert player.heard_samples(1) == 800 and player.heard_samples(2) == 0
    clock.advance(1.0)
    assert player.heard_samples(1) == 1_600 and player.underruns == 0
    await player.send_audio(1, LOUD * 1_600, RATE)
    assert player.underruns == 1
    clock.advance(0.01)
    await player.hold(1)
    assert player.heard_samples(1) == 1_600 + round(BLOCK_S * RATE)
    await player.clear(1)
    await player.send_audio(1, LOUD * 32_000 * round(MAX_AHEAD_S), RATE)  # late: dropped, and nobody waits
    await player.played(1)


async def test_a_turn_that_is_held_before_its_first_sound_is_not_heard() -> None:
    clock = ManualClock()
    player = Player(clock)
    await player.hold(7)
    await player.send_audio(7, LOUD * 1_600, RATE)
    clock.advance(1.0)
    assert player.heard_samples(7) == 0
    await player.resume(7)
    clock.advance(0.05)
    assert player.heard_samples(7) == 800


QUIET_FOR_S = 10_000.0


async def read_along(house: House) -> None:
    """Until the mind has told what it thinks of what was said; recalling goes through the store's thread."""
    for _ in range(5_000):
        if "draft_tokens_total" in house.counters.snapshot():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("nothing was drafted")


async def asked_of_the_room(house: House, words: str) -> TurnReport:
    """Maya spoke long ago. Somebody says this into a microphone; what came of it."""
    await house.conversation.text_turn("maya what do you like", house.sam)
    house.clock.advance(QUIET_FOR_S)
    house.fake_ear.words = words
    told = list[TurnReport]()
    speaker, player = Speaker(house.clock), Notebook(house.clock)
    live = Live(house.conversation, house.sam, player, house.counters, told.append)
    ears = house.conversation.ears
    assert ears is not None
    async with ears.open(speaker.sound(), RATE, house.sam, endpointing=Endpointing()) as microphone:
        running = asyncio.create_task(live.run(microphone))
        await speaker.speak(8_000)
        await read_along(house)
        await speaker.speak(16_000, QUIET)
        await played_on(player, lambda: bool(told))
        speaker.stop()
        await running
    return told[0]


async def test_whom_the_mind_expects_answers_words_that_call_nobody(native_house: House) -> None:
    native_house.fake_llm.expects = "hugo"
    report = await asked_of_the_room(native_house, "and what do you like")
    # then Hugo was asked, though Maya had been read along for
    assert (report.persona, report.why, report.said) == ("hugo", "model", "i like apples")
    assert native_house.fake_llm.drafts[-1].persona_id == "maya"
    # and the counters and the trace tell
    assert native_house.counters.snapshot()["floor_choices_total{why=model}"] == 1
    assert "front.floor.model" in report.stages_ms
    # and each of the room could have been the answer, which was asked for once, not with every draft
    asked = [openings for openings in native_house.fake_llm.asked if openings]
    assert len(asked) == 1 < len(native_house.fake_llm.drafts)
    own, *others = sorted(asked[0], key=len)
    assert len(others) == len(native_house.room.personas) - 1
    assert own == native_house.format.reply_open()


async def test_where_the_mind_expects_nobody_the_policy_decides(native_house: House) -> None:
    report = await asked_of_the_room(native_house, "sing me something")
    assert (report.persona, report.why, report.said) == ("", "policy", "")


async def test_who_is_called_is_not_asked_for(native_house: House) -> None:
    native_house.fake_llm.expects = "hugo"
    report = await asked_of_the_room(native_house, "maya what do you like")
    assert (report.persona, report.why) == ("maya", "named")
    assert native_house.fake_llm.asked and not any(native_house.fake_llm.asked)
