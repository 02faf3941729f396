"""Given a room, when it is given another recipe, then floor, senses, budgets and prompts follow it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from msgspec.structs import replace
from tests.unit.front.conftest import House, shown
from tests.unit.front.test_conversation import LOUD, stored, until
from tests.unit.front.test_touching import CLICK, lines, pad  # noqa: F401 (fixtures)
from tests.unit.front.test_watching import camera  # noqa: F401 (fixture)

from sensorium.dialogue.endpointing import Endpointing
from sensorium.errors import BadInput, NotFound, WorkerFailed
from sensorium.front.fake import SAMPLES_PER_WORD
from sensorium.front.listening import at_once
from sensorium.front.live import carry_on
from sensorium.front.publisher import Recording
from sensorium.front.realtime.ear import Ear
from sensorium.front.report import TurnReport
from sensorium.front.room import RoomState
from sensorium.front.touching import TouchPad
from sensorium.front.watching import Camera
from sensorium.recipe import Budgets, Recipe, Senses
from sensorium.request import Prompt, Tier
from sensorium.store import recipes, rooms
from sensorium.wire.events import RecipeChanged

pytestmark = pytest.mark.anyio

JPEG = b"JPEG a red ball"


async def play_by(house: House, recipe: Recipe | str) -> None:
    if isinstance(recipe, Recipe):
        await asyncio.wrap_future(house.store.submit(recipes.put, recipe))
        recipe = recipe.name
    await house.room.use_recipe(recipe)


async def said(house: House, words: str, *, to: str = "") -> list[tuple[str, str, str]]:
    """Who answered, why, and what, until nobody speaks on."""
    reports: list[TurnReport] = [await house.conversation.text_turn(words, house.sam, to=to)]
    await carry_on(house.conversation.follow_up, reports.append)
    return [(r.persona, r.why, r.said) for r in reports]


def ids(house: House) -> list[str]:
    return [p.id for p in house.room.personas]


async def test_in_a_stand_up_everybody_answers_the_same_words_once(house: House) -> None:
    await play_by(house, "stand-up")
    answers = await said(house, "what is your job")

    assert [who for who, _, _ in answers] == ids(house)
    assert [why for _, why, _ in answers] == ["policy"] + ["round"] * 5
    for prompt in house.fake_llm.prompts:
        assert "what is your job" in shown(prompt, Tier.VOLATILE)
    # the next one begins with the next seat, and who is called answers alone
    assert (await said(house, "and what do you like"))[0][0] == ids(house)[0]
    assert [who for who, *_ in await said(house, "felix what do you like")] == ["felix"]
    assert [who for who, *_ in await said(house, "what do you like", to="hugo")] == ["hugo"]


async def test_in_a_circle_the_next_seat_goes_on_from_what_was_said_last(house: House) -> None:
    colours = ("red", "green", "blue", "black", "white", "pink")
    words: Iterator[str] = iter(colours)
    house.reply = lambda prompt: [f" part {next(words)}"]
    await play_by(house, "circle")
    answers = await said(house, "maya tell us a story")

    assert answers == [
        (who, "chain" if at else "named", f"part {colours[at]}") for at, who in enumerate(ids(house))
    ]
    for at, prompt in enumerate(house.fake_llm.prompts[1:]):
        assert f"part {colours[at]}" in shown(prompt, Tier.VOLATILE)
        # it stands in what has been read already, so that only these words are new
        assert f"part {colours[at]}" in shown(prompt, Tier.SEMI_STABLE)


async def test_who_passes_gives_the_next_seat_its_turn_and_all_come_to_rest(house: House) -> None:
    def reply(prompt: Prompt) -> list[str]:
        return [" i like apples"] if prompt.persona_id in ("clara", "hugo") else ["<|silent|>"]

    house.reply = reply
    await play_by(house, "stand-up")
    assert [who for who, _, text in await said(house, "what do you like") if text] == ["clara", "hugo"]
    await play_by(house, "circle")
    answers = await said(house, "what do you like")
    # in a chain whoever has not passed is asked again
    assert [who for who, _, text in answers if text][:2] == ["clara", "hugo"]
    assert len(answers) == house.room.room.recipe.floor.max_persona_replies


async def test_by_default_only_who_is_called_speaks_on(house: House) -> None:
    assert await said(house, "what do you like") == [("", "policy", "")]
    assert len(await said(house, "maya what do you like")) == 1


async def test_a_reply_that_fails_ends_the_round(house: House) -> None:
    await play_by(house, "stand-up")
    answers = iter([" i like apples"])

    def reply(prompt: Prompt) -> list[str]:
        if (answer := next(answers, "")) == "":
            raise WorkerFailed("the model broke")
        return [answer]

    house.reply = reply
    assert [text for *_, text in await said(house, "what do you like")] == ["i like apples", ""]


async def test_a_recipe_holds_from_the_next_turn_on_and_after_a_restart(house: House) -> None:
    told: list[object] = []
    house.fake_llm.hold = True
    with house.happenings.told_to(told.append):
        turn = asyncio.create_task(house.conversation.text_turn("maya hello", house.sam))
        await house.fake_llm.reached_hold.wait()
        await play_by(house, replace(recipes.shipped()["salon"], budgets=Budgets(max_reply_tokens=3)))
        house.fake_llm.go.set()
        first = await turn
    second = await house.conversation.text_turn("what do you like", house.sam)

    assert (first.outcome, second.persona, second.why) == ("done", "maya", "running")
    assert [r.max_tokens for r in house.fake_llm.asked_for] == [64, 3]
    (changed,) = [event for event in told if isinstance(event, RecipeChanged)]
    assert (changed.recipe.name, changed.recipe.hearing) == ("salon", True)
    again = await RoomState.open(house.store, "living-room", house.clock, max_chars=3_000)
    assert again.room.recipe == house.room.room.recipe


async def test_an_unknown_recipe_changes_nothing(house: House) -> None:
    with pytest.raises(NotFound, match="recipe"):
        await house.room.use_recipe("salom")
    assert house.room.room.recipe == Recipe()


async def test_a_mind_of_a_closed_world_never_reads_a_recipe_s_prose(house: House) -> None:
    await house.conversation.text_turn("maya hello", house.sam)
    for name in recipes.shipped():
        await play_by(house, name)
        await house.conversation.text_turn("maya hello", house.sam)
    heads = {prompt.invariant_sha256() for prompt in house.fake_llm.prompts}
    assert len(heads) == 1
    assert house.format.recipe_text.strip() in shown(house.fake_llm.prompts[-1], Tier.INVARIANT)


async def test_a_reply_s_sound_breaks_off_at_its_budget(house: House) -> None:
    """A word is a tenth of a second; the phrase goes on beyond the budget."""
    house.reply = lambda prompt: [" i like apples.", " and" * 30 + "."]
    await play_by(house, Recipe(name="short", budgets=Budgets(max_reply_s=1.0)))
    recording = Recording()
    report = await house.conversation.text_turn("maya hello", house.sam, publisher=recording)

    assert len(report.pcm) // 2 == 10 * SAMPLES_PER_WORD
    assert report.outcome == "done" and report.said.startswith("i like apples.")
    assert len(report.said.split()) < 33
    assert stored(house)[-1] == ("persona", "maya", report.said)


async def test_with_hearing_off_microphones_are_refused_and_end(house: House) -> None:
    ears = house.conversation.ears
    assert ears is not None
    gone_on = asyncio.Event()

    async def sound() -> AsyncIterator[bytes]:
        yield LOUD * 8_000
        await gone_on.wait()
        yield LOUD * 8_000
        raise AssertionError("nobody listens any more")

    async with ears.open(sound(), 16_000, house.sam) as microphone:
        await until(lambda: house.fake_ear.num_samples == 8_000)
        await play_by(house, Recipe(name="night", senses=Senses(hearing=False)))
        gone_on.set()
        utterance = await microphone.utterance()
    # what was said until then is not lost
    assert utterance.text == "maya what do you like" and house.fake_ear.num_samples == 8_000
    with pytest.raises(BadInput, match="hearing is off"):
        await house.conversation.voice_turn(at_once(LOUD * 800, 16_000), 16_000, house.sam, Recording())
    await play_by(house, "default")
    assert (await _heard(house)).said == "i like apples"


async def _heard(house: House) -> TurnReport:
    return await house.conversation.voice_turn(at_once(LOUD * 800, 16_000), 16_000, house.sam, Recording())


async def test_with_vision_off_nothing_is_looked_at_and_what_was_in_view_is_forgotten(
    house: House,
    camera: Camera,  # noqa: F811
) -> None:
    await house.conversation.look(JPEG)
    assert house.room.pictures
    gone_on, number = asyncio.Event(), house.counters.get("frames_total")

    async def frames() -> AsyncIterator[bytes]:
        await gone_on.wait()
        yield JPEG

    watching = asyncio.create_task(camera.run(frames()))
    await asyncio.sleep(0)
    await play_by(house, Recipe(name="dark", senses=Senses(vision=False)))
    gone_on.set()
    await watching
    assert house.room.pictures == () and house.counters.get("frames_total") == number
    with pytest.raises(BadInput, match="vision is off"):
        await house.conversation.look(JPEG)
    with pytest.raises(BadInput, match="vision is off"):
        await camera.run(frames())


async def test_with_touch_off_no_prompt_tells_of_it(house: House, pad: TouchPad) -> None:  # noqa: F811
    pad.take(house.sam, CLICK)
    await play_by(house, Recipe(name="hands-off", senses=Senses(touch=False)))
    with pytest.raises(BadInput, match="touch is off"):
        pad.take(house.sam, CLICK)
    await house.conversation.text_turn("maya hello", house.sam)
    assert "touches" not in shown(house.fake_llm.prompts[-1], Tier.VOLATILE)


async def test_a_program_s_open_ear_is_told_when_hearing_goes_off(house: House) -> None:
    class Owner:
        def interrupting(self, turn_id: int, at_ms: float) -> None:
            raise AssertionError("nobody speaks")

    ear = Ear(Owner(), 16_000, Endpointing(), house.counters, interrupts=True)  # type: ignore[arg-type]
    running = asyncio.create_task(ear.run(house.conversation, house.sam, "maya"))
    ear.feed(bytes(3_200))
    await until(lambda: house.fake_ear.num_samples == 1_600)
    await play_by(house, Recipe(name="night", senses=Senses(hearing=False)))
    ear.feed(bytes(3_200))
    with pytest.raises(BadInput, match="hearing is off"):
        await running


async def test_what_another_process_chose_does_not_come_in_with_a_guest(house: House) -> None:
    await asyncio.wrap_future(house.store.submit(rooms.set_recipe, "living-room", "salon"))
    await house.room.join("nora")
    assert house.room.room.recipe == Recipe() and "nora" in ids(house)
    await house.room.use_recipe("salon")
    assert house.room.room.recipe.name == "salon" and "nora" in ids(house)
