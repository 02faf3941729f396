"""Links to fake workers over real sockets: order, cancellation, lateness and death."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing

import numpy as np
import pytest

from sensorium.errors import AdapterError, BadInput, WorkerDied, WorkerFailed
from sensorium.front.fake import SAMPLES_PER_WORD, FakeEar, FakeLlm, FakeMouth, connected
from sensorium.front.links import AHEAD_MS, CodeFrames, HearingLink, LlmLink, Pcm, SpeechLink
from sensorium.front.listening import at_once
from sensorium.metrics import Counters
from sensorium.persona import Voice
from sensorium.request import Prompt, Sampling
from sensorium.wire.records import (
    Began,
    EarClosed,
    Finished,
    Generate,
    Heard,
    PhraseSpoken,
    Said,
    SpeechStarted,
    Words,
    WordSpoken,
)

pytestmark = pytest.mark.anyio


def ask(turn_id: int) -> Generate:
    return Generate(turn_id, Prompt("maya", ()), Sampling(), 16)


def three_words(prompt: Prompt) -> list[str]:
    return [" i", " like", " apples"]


async def until(condition: object) -> None:
    """Lets the other tasks run until `condition()`; a bound instead of a sleep."""
    for _ in range(1_000):
        if condition():  # type: ignore[operator]
            return
        await asyncio.sleep(0)
    raise AssertionError("it never happened")


async def test_a_reply_comes_in_order(counters: Counters) -> None:
    link = LlmLink(counters)
    async with connected(link, FakeLlm(three_words)):
        records = [record async for record in link.generate(ask(1))]

    assert isinstance(records[0], Began)
    assert [r.text for r in records[1:-1] if isinstance(r, Said)] == [" i", " like", " apples"]
    assert isinstance(records[-1], Finished) and records[-1].reason == "end"


async def test_a_spoken_reply_is_text_and_then_frames_and_what_was_heard_goes_with_the_request(
    counters: Counters,
) -> None:
    link, fake = LlmLink(counters), FakeLlm(three_words)
    request = Generate(1, Prompt("maya", ()), Sampling(), 16, speech_tokens=99)
    async with connected(link, fake):
        pieces = [piece async for piece in link.generate(request, b"\1\2\3\4")]
        silent = [piece async for piece in link.generate(ask(2))]

    kinds = [type(piece) for piece in pieces]
    assert kinds == [Began, Said, Said, Said, CodeFrames, CodeFrames, CodeFrames, Finished]
    frames = [piece for piece in pieces if isinstance(piece, CodeFrames)]
    assert frames == [CodeFrames(i, np.array([i, i], "<i2").tobytes()) for i in range(3)]
    assert not any(isinstance(piece, CodeFrames) for piece in silent)
    assert fake.rows == [b"\1\2\3\4", b""]


async def test_two_turns_at_once_do_not_mix(counters: Counters) -> None:
    link = LlmLink(counters)

    async def said(turn_id: int) -> list[str]:
        return [r.text async for r in link.generate(ask(turn_id)) if isinstance(r, Said)]

    async with connected(link, FakeLlm(three_words)):
        both = await asyncio.gather(said(1), said(2))

    assert both == [[" i", " like", " apples"]] * 2


async def test_closing_the_iterator_cancels_and_what_comes_late_is_counted(counters: Counters) -> None:
    link, fake = LlmLink(counters), FakeLlm(three_words)
    fake.hold = True
    async with connected(link, fake):
        async with aclosing(link.generate(ask(7))) as pieces:
            async for piece in pieces:
                if isinstance(piece, Said):
                    break
        await until(lambda: counters.get("late_messages_total", worker="llm") > 0)

    assert fake.cancelled == [7]


async def test_what_the_worker_refuses_is_raised_as_it_is(counters: Counters) -> None:
    def refuse(prompt: Prompt) -> Iterable[str]:
        raise AdapterError("adapter 'a' is for another model", remedy="use its own")

    link = LlmLink(counters)
    async with connected(link, FakeLlm(refuse)):
        with pytest.raises(AdapterError, match="another model") as caught:
            _ = [record async for record in link.generate(ask(1))]

    assert caught.value.remedy == "use its own"
    assert counters.get("failed_total", worker="llm", code="adapter") == 1


async def test_a_dying_worker_fails_every_waiting_turn_and_a_restart_serves_the_next(
    counters: Counters,
) -> None:
    link, fake = LlmLink(counters), FakeLlm(three_words)
    fake.hold = True

    async def said(turn_id: int) -> list[str]:
        return [r.text async for r in link.generate(ask(turn_id)) if isinstance(r, Said)]

    async with connected(link, fake) as process:
        turns = [asyncio.create_task(said(turn_id)) for turn_id in (1, 2)]
        await until(lambda: len(fake.prompts) == 2)
        await process.die()
        results = await asyncio.gather(*turns, return_exceptions=True)
        later = asyncio.create_task(said(3))
        async with connected(link, FakeLlm(three_words)):
            assert await later == [" i", " like", " apples"]

    assert [str(r) for r in results] == ["the language model process ended; it is being restarted"] * 2
    assert all(isinstance(r, WorkerDied) for r in results)
    assert results[0] is not results[1]


async def test_one_turn_id_is_not_asked_twice_at_once(counters: Counters) -> None:
    link, fake = LlmLink(counters), FakeLlm(three_words)
    fake.hold = True
    async with connected(link, fake):
        async with aclosing(link.generate(ask(1))) as first:
            await anext(first)
            with pytest.raises(BadInput, match="already waiting"):
                await anext(link.generate(ask(1)))


async def test_settling_inspecting_and_adapters(counters: Counters) -> None:
    link = LlmLink(counters)
    async with connected(link, FakeLlm(three_words)):
        assert await link.settle(Prompt("maya", ())) == 0
        assert await link.load_adapter("voice", "/tmp/voice.gguf") == 1
        assert await link.line.inspect() == {"fake": True}


async def test_the_ear_hears_a_stream(counters: Counters) -> None:
    link, fake = HearingLink(counters), FakeEar("hello maya")
    events: list[object] = []
    async with connected(link, fake):
        async with link.open(8_000) as ear:
            async for piece in at_once(b"\x01\x00" * 8_000, 8_000):
                await ear.send_audio(piece)
            ear.close()
            while not events or not isinstance(events[-1], EarClosed):
                events.append(await ear.next_event())

    assert isinstance(events[0], SpeechStarted)
    assert events[-2] == Words(1, "hello maya", 16_000, by_bridge=True)
    assert fake.num_samples == 8_000


async def test_rows_of_a_native_ear_are_there_with_the_words_that_they_stand_for(counters: Counters) -> None:
    link, fake = HearingLink(counters), FakeEar("hello maya", row_width=3)
    num_rows: list[tuple[type, int]] = []
    async with connected(link, fake, {"row_width": 3}):
        async with link.open(16_000) as ear:
            await ear.send_audio(b"\x01\x00" * 8_000)
            ear.close()
            while not num_rows or num_rows[-1][0] is not EarClosed:
                num_rows.append((type(await ear.next_event()), len(ear.rows) // 12))
            rows = np.frombuffer(ear.rows, "<f4").reshape(-1, 3)
    assert num_rows == [(SpeechStarted, 0), (Words, 2), (Words, 2), (EarClosed, 2)]
    assert rows.tolist() == [[0, 0, 0], [1, 1, 1]]


async def test_a_bridge_gives_no_rows(counters: Counters) -> None:
    link = HearingLink(counters)
    async with connected(link, FakeEar("hello")):
        async with link.open(16_000) as ear:
            await ear.send_audio(b"\x01\x00" * 800)
            ear.close()
            while not isinstance(await ear.next_event(), EarClosed):
                assert ear.rows == b""
            assert ear.row_width == 0


@pytest.mark.parametrize(
    ("record", "payload"),
    [(Heard(1, 1), bytes(12)), (Heard(1, 0), bytes(13)), (Heard(1, -1), bytes(12))],
)
async def test_rows_with_a_gap_end_the_stream(counters: Counters, record: Heard, payload: bytes) -> None:
    link = HearingLink(counters)
    async with connected(link, FakeEar("hello"), {"row_width": 3}):
        async with link.open(16_000) as ear:
            link.receive(record, payload)
            with pytest.raises(WorkerFailed, match="rows"):
                await ear.next_event()


async def test_long_sound_is_sent_in_pieces_that_the_worker_takes(counters: Counters) -> None:
    link, fake = HearingLink(counters), FakeEar("hello")
    async with connected(link, fake):
        async with link.open(16_000) as ear:
            await ear.send_audio(b"\x01\x00" * 40_000)
            ear.close()
            while not isinstance(await ear.next_event(), EarClosed):
                pass

    assert fake.num_samples == 40_000


async def test_a_broken_source_is_raised_by_the_stream(counters: Counters) -> None:
    link = HearingLink(counters)
    async with connected(link, FakeEar("hello")):
        async with link.open(16_000) as ear:
            ear.fail(BadInput("the file ended early"))
            with pytest.raises(BadInput, match="ended early"):
                await ear.next_event()


async def texts(*pieces: str) -> AsyncIterator[str]:
    for piece in pieces:
        yield piece


async def test_sound_comes_while_the_words_still_grow(counters: Counters) -> None:
    link, fake = SpeechLink(counters), FakeMouth()
    heard_first = asyncio.Event()

    async def words() -> AsyncIterator[str]:
        yield " i like"
        await heard_first.wait()
        yield " apples"

    samples, phrases = 0, []
    async with connected(link, fake):
        async with aclosing(link.speak(1, Voice(), words())) as sounds:
            async for sound in sounds:
                if isinstance(sound, Pcm):
                    samples += len(sound.data) // 2
                    heard_first.set()
                else:
                    phrases.append(sound.text)

    assert samples == 3 * SAMPLES_PER_WORD
    assert phrases == ["i like", "apples"]


async def test_nothing_to_say_opens_no_mouth(counters: Counters) -> None:
    link, fake = SpeechLink(counters), FakeMouth()
    async with connected(link, fake):
        sounds = [s async for s in link.speak(1, Voice(), texts())]

    assert sounds == []
    assert fake.texts == {}


async def spoken(*words: tuple[int, int]) -> AsyncIterator[CodeFrames]:
    """(word, number of frames) one after another."""
    for word, num_frames in words:
        yield CodeFrames(word, bytes(4 * num_frames))


async def test_codes_are_spoken_and_their_words_come_back(counters: Counters) -> None:
    link, fake = SpeechLink(counters), FakeMouth()
    async with connected(link, fake):
        sounds = [s async for s in link.speak_codes(1, spoken((0, 2), (0, 1), (2, 4)))]

    assert sum(len(s.data) // 2 for s in sounds if isinstance(s, Pcm)) == 7 * 640
    words = [s for s in sounds if isinstance(s, WordSpoken)]
    assert words == [WordSpoken(1, 0, 0, 3 * 640), WordSpoken(1, 2, 3 * 640, 7 * 640)]
    assert len(fake.codes[1]) == 4 * 7


async def test_no_codes_open_no_mouth(counters: Counters) -> None:
    link, fake = SpeechLink(counters), FakeMouth()
    async with connected(link, fake):
        assert [s async for s in link.speak_codes(1, spoken())] == []
    assert fake.codes == {}


async def test_an_error_of_the_words_ends_the_voice(counters: Counters) -> None:
    async def words() -> AsyncIterator[str]:
        yield " i like"
        raise WorkerDied("the language model process ended")

    link = SpeechLink(counters)
    async with connected(link, FakeMouth()):
        with pytest.raises(WorkerDied, match="language model"):
            async with aclosing(link.speak(1, Voice(), words())) as sounds:
                async for _ in sounds:
                    pass


async def test_closing_the_voice_cancels_whoever_makes_the_words(counters: Counters) -> None:
    ended = asyncio.Event()

    async def words() -> AsyncIterator[str]:
        try:
            yield " i like"
            await asyncio.Event().wait()
        finally:
            ended.set()

    link = SpeechLink(counters)
    async with connected(link, FakeMouth()):
        async with aclosing(link.speak(1, Voice(), words())) as sounds:
            async for sound in sounds:
                assert isinstance(sound, Pcm | PhraseSpoken)
                break

    assert ended.is_set()


async def test_a_listener_that_takes_nothing_holds_up_only_its_own_voice_and_little_lies_in_front(
    counters: Counters,
) -> None:
    link, fake = SpeechLink(counters), FakeMouth()
    many = [(word, 5) for word in range(100)]  # 20 s of sound in pieces of 200 ms
    bound = (AHEAD_MS + 200) * 16
    async with connected(link, fake):
        async with aclosing(link.speak_codes(1, spoken(*many))) as slow:
            # given one that takes a single piece
            taken = [await anext(slow)]
            await until(lambda: fake.num_sent[1] >= AHEAD_MS * 16 and len(fake.codes[1]) == 4 * 500)
            # then another turn is spoken whole, and the worker answers
            other = [s async for s in link.speak_codes(2, spoken((0, 5), (1, 5)))]
            assert sum(len(s.data) for s in other if isinstance(s, Pcm)) == 2 * 10 * 640
            assert await link.line.inspect() == {"fake": True}
            # and no more was sent than it may be ahead
            assert fake.num_sent[1] <= bound
            # when it goes on, it is never ahead by more, and all of it comes
            num_taken = 0
            async for sound in slow:
                taken.append(sound)
                num_taken = sum(len(s.data) // 2 for s in taken if isinstance(s, Pcm))
                await until(lambda: True)
                assert fake.num_sent[1] - num_taken <= bound

    assert num_taken == fake.num_sent[1] == 500 * 640
    assert [s.word for s in taken if isinstance(s, WordSpoken)] == list(range(100))
