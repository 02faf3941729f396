"""Turns of a mind that hears and speaks itself: rows in, codes out, and no bridge at work."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.front.conftest import ROW_WIDTH, House
from tests.unit.front.test_conversation import LOUD, Player, stored, until

from sensorium.front.fake import SAMPLES_PER_FRAME
from sensorium.front.links import AHEAD_MS
from sensorium.front.listening import Utterance, as_heard, at_once
from sensorium.front.publisher import Recording
from sensorium.prompting.view import Rows
from sensorium.request import Part, Prompt

pytestmark = pytest.mark.anyio

RATE = 16_000


def rows_of(*numbers: int) -> bytes:
    return np.repeat(np.array(numbers, "<f4"), ROW_WIDTH).tobytes()


def newest_parts(prompt: Prompt) -> list[Part]:
    return [part for block in prompt.blocks if block.source == "newest" for part in block.parts]


async def test_a_voice_turn_is_heard_in_rows_and_spoken_in_codes(native_house: House) -> None:
    house, recording = native_house, Recording()
    # when
    report = await house.conversation.voice_turn(at_once(LOUD * 8_000, RATE), RATE, house.sam, recording)
    # then the mind got a row for each word, in place of the words
    heard = rows_of(0, 1, 2, 3, 4)
    assert house.fake_llm.rows == [heard]
    rows = [part for part in newest_parts(house.fake_llm.prompts[0]) if part.rows]
    one = len(heard) // 5
    words = [heard[at : at + one] for at in range(0, len(heard), one)]
    assert rows == [Part(hashlib.sha256(word).hexdigest(), rows=1) for word in words]
    assert "like" not in "".join(part.text for part in newest_parts(house.fake_llm.prompts[0]))
    # and its own codes were the reply
    assert report.said == "i like apples" and report.error == ""
    assert len(report.pcm) == 2 * 3 * SAMPLES_PER_FRAME
    assert house.fake_mouth.codes[report.turn_id] == np.repeat(np.arange(3, dtype="<i2"), 2).tobytes()
    assert report.bridge_calls == {"stt": 0, "tts": 0}
    assert not any(key.startswith("bridge_calls_total") for key in house.counters.snapshot())
    # and history is in words, as ever
    assert [text for _, _, text in stored(house)] == ["maya what do you like", "i like apples"]


async def test_whoever_is_asked_by_ear_reads_its_name_before_the_rows(native_house: House) -> None:
    """Given words that call nobody, when they are meant for somebody, then its prompt calls it."""
    house, recording = native_house, Recording()
    house.fake_ear.words = "what do you like"

    report = await house.conversation.voice_turn(
        at_once(LOUD * 8_000, RATE), RATE, house.sam, recording, to="maya"
    )

    asked = newest_parts(house.fake_llm.prompts[-1])
    first_row = next(i for i, part in enumerate(asked) if part.rows)
    assert asked[first_row - 1].text == " maya" and report.heard == "what do you like"
    assert stored(house)[0][2] == "what do you like"


async def test_a_reply_to_a_slow_listener_waits_in_the_mouth_and_is_whole_in_the_end(
    native_house: House,
) -> None:
    house = native_house
    house.reply = lambda prompt: [" apples"] * 150  # six seconds

    class Slow(Recording):
        """Takes the first piece, and more only when it is let."""

        def __init__(self) -> None:
            super().__init__()
            self.go = asyncio.Event()

        async def send_audio(self, turn_id: int, pcm: bytes, sample_rate_hz: int) -> None:
            await super().send_audio(turn_id, pcm, sample_rate_hz)
            await self.go.wait()

    listener = Slow()
    turn = asyncio.create_task(
        house.conversation.text_turn("maya what do you like", house.sam, publisher=listener)
    )
    async with asyncio.timeout(30):
        # when the mind has said all, and the mouth all that it may
        while len(house.fake_mouth.codes.get(1, b"")) < 4 * 150:  # noqa: ASYNC110 (the store has its own thread)
            await asyncio.sleep(0.001)
        await house.speech.line.inspect()
        # then little more than the listener may be behind was sent, and others are answered
        assert house.fake_mouth.num_sent[1] == AHEAD_MS * RATE // 1000
        assert len(listener.pcm) == 2 * SAMPLES_PER_FRAME
        listener.go.set()
        report = await turn
    assert report.error == "" and len(listener.pcm) == 150 * 2 * SAMPLES_PER_FRAME


async def test_a_misheard_name_is_read_as_its_owner_spells_it(native_house: House) -> None:
    house = native_house
    house.fake_ear.words = "maia what do you like"
    report = await house.conversation.voice_turn(at_once(LOUD * 8_000, RATE), RATE, house.sam, Recording())
    assert report.persona == "maya"
    assert house.fake_llm.rows == [rows_of(1, 2, 3, 4)]
    parts = newest_parts(house.fake_llm.prompts[0])
    by_ear = [i for i, part in enumerate(parts) if part.rows]
    assert len(by_ear) == 4 and parts[by_ear[0] - 1].text.strip() == "maya"


async def test_what_the_ear_could_not_make_out_reaches_the_mind_without_words(native_house: House) -> None:
    house = native_house
    house.fake_ear.confidence = 0.1
    await house.conversation.voice_turn(at_once(LOUD * 8_000, RATE), RATE, house.sam, Recording(), to="maya")
    assert house.fake_llm.rows == [b""]
    parts = newest_parts(house.fake_llm.prompts[0])
    assert not any(part.rows for part in parts)
    assert [part.text.strip() for part in parts if not part.special] == ["sam"]


async def test_an_interrupted_reply_is_kept_up_to_the_word_that_was_heard(native_house: House) -> None:
    # given a player that has played the first word only
    house, player = native_house, Player(SAMPLES_PER_FRAME)
    sound = at_once(LOUD * 8_000, RATE)
    turn = asyncio.create_task(house.conversation.voice_turn(sound, RATE, house.sam, player))
    await player.got_sound.wait()
    await until(lambda: any(len(codes) == 12 for codes in house.fake_mouth.codes.values()))
    for _ in range(50):
        await asyncio.sleep(0)
    # when
    turn.cancel()
    with suppress(asyncio.CancelledError):
        await turn
    # then
    assert [text for _, _, text in stored(house)] == ["maya what do you like", "i"]


async def test_in_text_the_same_mind_is_not_asked_to_speak(native_house: House) -> None:
    house = native_house
    report = await house.conversation.text_turn("maya what do you like", house.sam)
    assert report.said == "i like apples" and report.pcm == b""
    assert house.fake_mouth.codes == {} and house.fake_llm.rows == [b""]


@given(
    words=st.lists(st.sampled_from(["maya", "tea", "like", "you"]), min_size=1, max_size=8),
    changes=st.lists(st.booleans(), min_size=8, max_size=8),
)
def test_every_word_is_read_once_by_row_or_by_spelling(words: list[str], changes: list[bool]) -> None:
    # given an utterance of which some words are spelt otherwise afterwards
    utterance = Utterance(" ".join(words), 0.0, 0.0, (), rows_of(*range(len(words))), ROW_WIDTH)
    spelt = ["felix" if change else word for word, change in zip(words, changes, strict=False)]
    # when
    pieces, rows = as_heard(utterance, " ".join(spelt))
    # then
    kept = np.frombuffer(rows, "<f4").reshape(-1, ROW_WIDTH)[:, 0].tolist()
    assert kept == [i for i, word in enumerate(spelt) if word == words[i]]
    at, read = 0, []
    for piece in pieces:
        if isinstance(piece, Rows):
            size = 4 * ROW_WIDTH * piece.num
            assert piece.sha256 == hashlib.sha256(rows[at : at + size]).hexdigest()
            at += size
            read += [None] * piece.num
        else:
            read += piece.split()
    assert [word or spelt[i] for i, word in enumerate(read)] == spelt and at == len(rows)


@pytest.mark.parametrize("rows", [b"", rows_of(0), rows_of(0, 1, 2)])
def test_rows_that_are_not_one_a_word_are_left_out(rows: bytes) -> None:
    utterance = Utterance("like tea", 0.0, 0.0, (), rows, ROW_WIDTH)
    assert as_heard(utterance, "like tea") == ((), b"")
