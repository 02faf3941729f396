"""Whole turns over real sockets with fake workers: what is stored, said, published and settled, and when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from tests.unit.front.conftest import House, shown

from sensorium.dialogue.endpointing import Endpointing
from sensorium.errors import BadInput, ContextFull, NotFound, StoreError, WorkerFailed
from sensorium.front.fake import SAMPLES_PER_WORD, FakeLlm, connected
from sensorium.front.listening import at_once
from sensorium.front.publisher import Recording
from sensorium.prompting.explain import explain
from sensorium.request import Prompt, Tier
from sensorium.store import memories, messages, turns
from sensorium.store.messages import Message

pytestmark = pytest.mark.anyio

LOUD = b"\x01\x00"
QUIET = b"\x00\x00"


def stored(house: House) -> list[tuple[str, str, str]]:
    tail: list[Message] = house.store.read(messages.tail, "living-room", 100).result()
    return [(m.entry.kind, m.entry.speaker_id, m.entry.text) for m in tail]


async def until(condition: Callable[[], bool]) -> None:
    for spin in range(4_000):
        if condition():
            return
        # The store writes in a thread of its own, which a busy machine lets wait.
        await asyncio.sleep(0 if spin < 2_000 else 0.001)
    raise AssertionError("it never happened")


class Player:
    """A publisher that has played only the first `played_samples`, and lets the test wait for sound."""

    def __init__(self, played_samples: int) -> None:
        self._played_samples = played_samples
        self.got_sound = asyncio.Event()
        self.never = asyncio.Event()

    async def send_audio(self, turn_id: int, pcm: bytes, sample_rate_hz: int) -> None:
        self.got_sound.set()

    async def played(self, turn_id: int) -> None:
        await self.never.wait()

    def heard_samples(self, turn_id: int) -> int:
        return self._played_samples


async def test_a_text_turn_from_message_to_settled_history(house: House) -> None:
    report = await house.conversation.text_turn("Maya, what do you like?", house.sam)
    await house.settler.idle()

    assert (report.persona, report.why, report.said, report.error) == ("maya", "named", "i like apples", "")
    assert report.prompt_tokens == report.cached_tokens + report.processed_tokens > 0
    assert len(report.invariant_sha256) == 64
    assert report.voice_to_voice_ms is None and report.bridge_calls == {"stt": 0, "tts": 0}
    assert stored(house) == [
        ("person", "sam", "Maya, what do you like?"),
        ("persona", "maya", "i like apples"),
    ]
    assert house.fake_llm.settled[0].persona_id == "maya"
    assert {p.persona_id for p in house.fake_llm.settled} == {p.id for p in house.room.personas}


async def test_the_message_is_on_disk_before_the_reply_is_generated(house: House) -> None:
    seen: list[list[tuple[str, str, str]]] = []

    def reply(prompt: Prompt) -> list[str]:
        seen.append(stored(house))
        return [" yes"]

    house.reply = reply
    await house.conversation.text_turn("maya are you there", house.sam)

    assert seen == [[("person", "sam", "maya are you there")]]


async def test_what_was_settled_is_the_beginning_of_the_next_prompt(house: House) -> None:
    await house.conversation.text_turn("maya what do you like", house.sam)
    await house.settler.idle()
    await house.conversation.text_turn("theo what do you like", house.sam, to="clara")
    await house.settler.idle()
    settled = {p.persona_id: p.blocks for p in house.fake_llm.settled}

    await house.conversation.text_turn("and your job", house.sam, to="maya")
    asked = house.fake_llm.prompts[-1]

    assert asked.stable().blocks == settled["maya"]
    assert "like apples" in shown(asked, Tier.SEMI_STABLE)
    assert "and your job" in shown(asked, Tier.VOLATILE)
    assert "and your job" not in shown(asked, Tier.SEMI_STABLE)


async def test_the_turn_is_kept_whole_for_explain(house: House) -> None:
    await house.conversation.text_turn("maya what do you like", house.sam)
    await house.settler.idle()
    report = await house.conversation.text_turn("and you live where", house.sam)
    first, second = house.store.read(turns.last, "maya", 2).result()

    explained = explain(second, first)
    assert second.turn_id == report.turn_id and second.usage.prompt_tokens == report.prompt_tokens
    assert len(second.block_tokens) == len(second.prompt.blocks)
    assert [row.change for row in explained.tiers] == ["identical", "grew", "changed"]
    assert explained.lost_tokens == 0


async def test_a_persona_may_stay_silent(house: House) -> None:
    house.reply = lambda prompt: ["<|silent|>"]
    player = Recording()

    report = await house.conversation.text_turn("maya hello", house.sam, publisher=player)

    assert report.silent and report.said == "" and report.error == ""
    assert player.pcm == b"" and house.fake_mouth.texts == {}
    assert stored(house) == [("person", "sam", "maya hello")]


async def test_words_that_call_nobody_are_kept_and_nobody_answers(house: House) -> None:
    report = await house.conversation.text_turn("what a nice day", house.sam)
    await house.settler.idle()

    assert (report.persona, report.silent) == ("", True)
    assert house.fake_llm.prompts == []
    assert stored(house) == [("person", "sam", "what a nice day")]
    assert len(house.fake_llm.settled) == len(house.room.personas)


async def test_a_voice_turn_from_sound_to_sound(house: House) -> None:
    player = Recording()
    sound = at_once(LOUD * 8_000 + QUIET * 8_000, 16_000)

    report = await house.conversation.voice_turn(sound, 16_000, house.sam, player)

    assert (report.heard, report.persona, report.said) == ("maya what do you like", "maya", "i like apples")
    assert len(report.pcm) == len(player.pcm) == 2 * 3 * SAMPLES_PER_WORD
    assert player.sample_rate_hz == report.sample_rate_hz == 16_000
    assert report.voice_to_voice_ms is not None
    assert report.bridge_calls == {"stt": 1, "tts": 3}
    assert {"front.listen", "front.compose", "front.store", "front.first_sound"} <= report.stages_ms.keys()
    assert {"hearing.chunk", "llm.decode", "speech.phrase"} <= report.stages_ms.keys()


async def test_hands_free_a_silence_ends_the_turn(house: House) -> None:
    async def endless() -> AsyncIterator[bytes]:
        async for piece in at_once(LOUD * 8_000 + QUIET * 16_000, 16_000):
            yield piece
        await asyncio.Event().wait()

    report = await house.conversation.voice_turn(
        endless(), 16_000, house.sam, Recording(), endpointing=Endpointing()
    )

    assert report.said == "i like apples"


async def test_sound_without_words_is_an_error_and_nothing_is_stored(house: House) -> None:
    with pytest.raises(BadInput, match="no words"):
        await house.conversation.voice_turn(at_once(QUIET * 8_000, 16_000), 16_000, house.sam, Recording())

    assert stored(house) == []


@pytest.mark.parametrize("text", ["", "   ", "x" * 9_000])
def test_unusable_text_is_refused(text: str) -> None:
    from sensorium.front.source import check_text

    with pytest.raises(BadInput):
        check_text(text.strip())


async def test_an_unknown_persona_is_refused_before_anything_is_stored(house: House) -> None:
    with pytest.raises(NotFound, match="no persona"):
        await house.conversation.text_turn("hello", house.sam, to="mayo")

    assert stored(house) == []


async def test_cancelling_stores_what_was_heard_and_frees_the_floor(house: House) -> None:
    house.reply = lambda prompt: [" i like", " green apples", " and pears"]
    player = Player(played_samples=2 * SAMPLES_PER_WORD + SAMPLES_PER_WORD // 10)

    turn = asyncio.create_task(house.conversation.text_turn("maya hello", house.sam, publisher=player))
    await player.got_sound.wait()
    await until(lambda: house.fake_mouth.texts.get(1, "").endswith("pears"))
    await until(lambda: house.trace.stages(1)[-1:] != [] and len(house.trace.stages(1)) > 5)
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn

    assert stored(house)[-1] == ("persona", "maya", "i like")
    kept = house.store.read(messages.tail, "living-room", 1).result()[0]
    assert kept.spoken == "i like green apples and pears"
    assert kept.heard_samples == 2 * SAMPLES_PER_WORD + SAMPLES_PER_WORD // 10
    house.reply = lambda prompt: [" yes"]
    assert (await house.conversation.text_turn("maya again", house.sam)).said == "yes"


async def test_a_reply_that_nobody_heard_is_not_part_of_the_history(house: House) -> None:
    house.fake_llm.hold = True

    turn = asyncio.create_task(house.conversation.text_turn("maya hello", house.sam, publisher=Recording()))
    await house.fake_llm.reached_hold.wait()
    house.fake_mouth.texts.clear()
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    await until(lambda: house.fake_llm.cancelled == [1])

    assert stored(house)[0] == ("person", "sam", "maya hello")


async def test_the_death_of_the_model_is_that_turns_error_and_the_next_turn_works(house: House) -> None:
    house.fake_llm.hold = True
    turn = asyncio.create_task(house.conversation.text_turn("maya hello", house.sam))
    await house.fake_llm.reached_hold.wait()

    await house.llm_process.die()
    report = await turn
    house.fake_llm = FakeLlm(lambda prompt: [" i", " am", " back"])
    async with connected(house.llm, house.fake_llm):
        after = await house.conversation.text_turn("maya are you there", house.sam)

    assert report.error_code == "worker_died"
    assert "the language model process ended" in report.error
    assert after.said == "i am back" and after.turn_id > report.turn_id
    assert stored(house)[0] == ("person", "sam", "maya hello")
    assert ("person", "sam", "maya are you there") in stored(house)


async def test_a_worker_that_refuses_gives_a_report_with_its_error(house: House) -> None:
    def refuse(prompt: Prompt) -> list[str]:
        raise WorkerFailed("no memory left", remedy="configure fewer cells")

    house.reply = refuse
    report = await house.conversation.text_turn("maya hello", house.sam)

    assert report.error == "no memory left (configure fewer cells)"
    assert not report.silent and report.said == ""


async def test_a_conversation_too_long_for_the_context_is_shown_from_later_on(house: House) -> None:
    for i in range(30):
        await house.room.heard(house.sam, f"a word that must be spelt, number {i}", 0)

    def reply(prompt: Prompt) -> list[str]:
        if sum(block.tier is Tier.SEMI_STABLE for block in prompt.blocks) > 8:
            raise ContextFull("prompt and reply take 3000 tokens, the context has 2048")
        return [" yes"]

    house.reply = reply
    report = await house.conversation.text_turn("maya are you there", house.sam)
    num_asked = len(house.fake_llm.prompts)
    again = await house.conversation.text_turn("maya are you there", house.sam)

    assert (report.said, report.error) == ("yes", "")
    assert num_asked > 1
    assert again.said == "yes" and len(house.fake_llm.prompts) == num_asked + 1


async def test_what_the_next_turn_would_not_hold_is_left_out_before_it_comes(house: House) -> None:
    for i in range(30):
        await house.room.heard(house.sam, f"a word that must be spelt, number {i}", 0)
    first = await house.conversation.text_turn("maya are you there", house.sam)
    num_shown = len(house.room.history())

    # given a context in which that turn just fitted
    parts = house.conversation._parts
    reply_tokens = house.room.room.recipe.budgets.max_reply_tokens
    speaker = parts.speaker._replace(context_tokens=first.prompt_tokens + reply_tokens + 20)
    house.conversation._parts = parts._replace(speaker=speaker)
    await house.conversation.text_turn("maya are you there", house.sam)

    # then less is shown before anybody asks again
    assert len(house.room.history()) < num_shown


async def test_a_message_too_long_for_the_context_is_that_turns_error(house: House) -> None:
    def reply(prompt: Prompt) -> list[str]:
        raise ContextFull("prompt and reply take 3000 tokens, the context has 2048")

    house.reply = reply
    report = await house.conversation.text_turn("maya " + "spell " * 900, house.sam)

    assert report.error_code == "context_full"


async def test_a_message_that_cannot_be_stored_is_not_answered(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise StoreError("the disk is full", remedy="free some space")

    monkeypatch.setattr(messages, "append", full)
    report = await house.conversation.text_turn("maya hello", house.sam)

    assert report.error == "the disk is full (free some space)"
    assert house.fake_llm.prompts == [] and house.room.last_entry is None


async def test_a_mouth_that_dies_leaves_what_was_heard(house: House) -> None:
    house.fake_llm.hold = True
    player = Player(played_samples=SAMPLES_PER_WORD)
    turn = asyncio.create_task(house.conversation.text_turn("maya hello", house.sam, publisher=player))
    await house.fake_llm.reached_hold.wait()
    await until(lambda: house.counters.get("bridge_calls_total", kind="tts") == 2)

    await house.mouth_process.die()
    report = await turn

    assert report.error.startswith("the speech process ended")
    assert report.said == "i" and stored(house)[-1] == ("persona", "maya", "i")
    await until(lambda: house.fake_llm.cancelled == [report.turn_id])


async def test_turns_come_one_after_the_other(house: House) -> None:
    reports = await asyncio.gather(
        *(house.conversation.text_turn(f"maya hello {i}", house.sam) for i in range(4))
    )

    assert [r.turn_id for r in reports] == [1, 2, 3, 4]
    assert [kind for kind, *_ in stored(house)] == ["person", "persona"] * 4


async def test_personas_answer_one_another_up_to_a_bound(house: House) -> None:
    other = next(p for p in house.room.personas if p.id != "maya")
    lines = iter([[f" {other.name.lower()} and you"], [" maya and you"], [" never said"]])
    house.reply = lambda prompt: next(lines)

    first = await house.conversation.text_turn("maya hello", house.sam)
    second = await house.conversation.follow_up()
    third = await house.conversation.follow_up()

    assert first.persona == "maya"
    assert second is not None and (second.persona, second.heard) == (other.id, first.said)
    assert third is None


def _here(house: House, persona_id: str) -> bool:
    return any(p.id == persona_id for p in house.room.personas)


async def test_what_a_person_states_is_remembered_once_it_is_out_of_sight(house: House) -> None:
    await house.conversation.text_turn("maya my dog is called rex", house.sam)
    maya = house.persona("maya")
    kept = house.store.read(memories.newest, "maya", 5).result()
    still_visible = await house.room.recall(maya, "what is my dog called")
    for i in range(60):  # a talk long enough to push the fact out of the prompt's window
        house.clock.advance(1.0)
        await house.room.heard(house.sam, f"and that is a rather long message about nothing, number {i}", 0)

    report = await house.conversation.text_turn("maya what is my dog called", house.sam)

    assert [m.text for m in kept] == ["sam has a dog called rex"]
    assert still_visible == ()
    assert report.error == ""
    assert "sam has a dog called rex" in shown(house.fake_llm.prompts[-1], Tier.VOLATILE)
    assert "rex" not in shown(house.fake_llm.prompts[-1], Tier.SEMI_STABLE)


async def test_joining_is_an_entry_of_the_conversation(house: House) -> None:
    outside = next(p for p in ("vera", "theo", "ruby", "nora") if not _here(house, p))
    await house.room.join(outside)

    assert house.room.persona(outside).id == outside
    last = house.room.last_entry
    assert last is not None and last.kind == "event" and "comes in" in last.text


@pytest.mark.anyio
async def test_whoever_is_asked_reads_its_name_first_and_the_history_what_was_said(house: House) -> None:
    """Given somebody who is meant but not named, then only the prompt of that one turn names it."""
    report = await house.conversation.text_turn("what do you like?", house.sam, to="maya")
    asked = shown(house.fake_llm.prompts[-1], Tier.VOLATILE)
    await house.settler.idle()
    await house.conversation.text_turn("and what else, maya?", house.sam, to="maya")

    assert report.why == "asked" and " maya what do you like" in asked
    assert stored(house)[0] == ("person", "sam", "what do you like?")
    again = house.fake_llm.prompts[-1]
    # what is settled is what was said, so that nothing is read twice
    assert " maya what do you like" not in shown(again, Tier.SEMI_STABLE)
    assert "what do you like" in shown(again, Tier.SEMI_STABLE)
    # and who is called is not called twice
    assert shown(again, Tier.VOLATILE).count(" maya") == shown(again, Tier.VOLATILE).count(" else maya") + 1


async def test_an_unasked_turn_answers_what_stands_last(house: House) -> None:
    """Given a person's message, when a persona is asked to speak, then it answers that, and not itself."""
    with pytest.raises(BadInput, match="nothing to answer"):
        await house.conversation.unasked_turn("maya")
    await house.conversation.text_turn("maya hello", house.sam, to="ada")

    report = await house.conversation.unasked_turn("maya")

    assert (report.persona, report.why) == ("maya", "asked")
    with pytest.raises(BadInput, match="nothing to answer"):
        await house.conversation.unasked_turn("maya")
