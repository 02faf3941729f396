"""A person talks with the room, in a browser: a question is heard, answered aloud, and interrupted."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest
from tests.browser.conftest import Room, Visit
from tests.browser.visitor import LIKES, LONG_REPLY, SOUNDS

from sensorium.dialogue.touch import read
from sensorium.wire.page import Heard, OpenMicrophone, Say, Sound, Touches

# Of processor time: longer than this, and a person sees the page stutter.
LONG_TASK_MS = 50
SILENCE_S = 12

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def question(tmp_path: Path) -> Path:
    """Asked, and after some silence asked again, by the browser's own fake microphone."""
    path = tmp_path / "question.wav"
    with wave.open(str(LIKES)) as asked, wave.open(str(path), "wb") as written:
        written.setparams(asked.getparams())
        written.writeframes(
            asked.readframes(asked.getnframes()) + bytes(2 * SILENCE_S * asked.getframerate())
        )
    return path


def test_a_spoken_question_is_answered_aloud(room: Room, visit: Visit, question: Path) -> None:
    # given
    visitor = visit(room, wav=question).open()
    assert visitor.page.evaluate("crossOriginIsolated") is True
    visitor.picture("joining")

    # when
    visitor.join("Nadia", "open")

    # then
    assert "apples" in visitor.wait_for_reply("Maya")
    visitor.entries("maya what do you like").first.wait_for()
    visitor.wait_until("maya", "is here")
    assert visitor.heard_ms() > 200, "what was heard is silence"
    assert visitor.page.evaluate("probe.loudest") > 0.01


def test_what_is_shown_is_looked_at(room: Room, visit: Visit) -> None:
    visitor = visit(room).open().join("Olga")

    visitor.page.click("#camera")

    visitor.page.locator("#preview-text", has_text="The personas looked at this").wait_for()
    visitor.page.wait_for_selector('#personas [data-persona="maya"][data-sees="true"]')
    visitor.picture("seeing")
    visitor.page.click("#camera")
    visitor.page.locator("#preview").wait_for(state="hidden")


def test_the_space_bar_talks_where_nobody_types(room: Room, visit: Visit) -> None:
    # given
    visitor = visit(room).open(own_microphone=True).join("Petra", "hold")
    visitor.page.wait_for_selector('#talk[data-state="ready"]')
    visitor.page.focus("#say")
    visitor.page.keyboard.type("a b")
    assert visitor.page.input_value("#say") == "a b"
    visitor.page.focus("#scroller")

    # when
    visitor.page.keyboard.down("Space")
    visitor.page.wait_for_selector('#talk[data-state="talking"]')
    visitor.speak(LIKES)
    visitor.page.keyboard.up("Space")

    # then
    visitor.page.wait_for_selector('#talk[data-state="ready"]')
    assert "apples" in visitor.wait_for_reply("Maya")


def test_who_is_interrupted_is_silent_and_the_rest_is_struck(room: Room, visit: Visit) -> None:
    visitor = visit(room).open(own_microphone=True).join("Quinn", "open")
    visitor.page.wait_for_selector('#talk[data-state="talking"]')

    # How fast a slow machine hears "wait" is not the point: some reply is long enough.
    for n in range(5):
        visitor.say(LONG_REPLY)
        visitor.wait_until("maya", "speaks")
        visitor.speak(SOUNDS / "wait.wav")
        visitor.wait_for_reply("Maya", n)
        if visitor.page.locator("#log .entry del:visible").count():
            break

    struck = visitor.page.locator("#log .entry:has(del:visible)").first
    heard, rest = struck.locator(".words > span").first.inner_text(), struck.locator("del").inner_text()
    assert rest.strip() and LONG_REPLY.split()[-1] not in heard
    assert "the rest was not heard" in struck.inner_text()
    visitor.picture("interrupted")


def test_stop_ends_a_reply(room: Room, visit: Visit) -> None:
    visitor = visit(room).open().join("Rosa")
    visitor.say(LONG_REPLY)
    visitor.wait_until("maya", "speaks")
    visitor.page.wait_for_function("probe.loudest > 0.01")
    visitor.picture("speaking")

    visitor.page.keyboard.press("Escape")

    visitor.page.locator("#log .entry del:visible").first.wait_for()


def test_a_voice_is_as_loud_as_was_chosen_also_the_next_time(room: Room, visit: Visit) -> None:
    # given
    visitor = visit(room).open().join("Thea")
    visitor.page.click("#settings-button")
    visitor.page.fill("#volume-maya", "0")
    visitor.picture("settings")
    visitor.page.click("#settings >> text=Done")

    # when
    visitor.say("maya what do you like")
    visitor.wait_for_reply("Maya")

    # then
    assert visitor.heard_ms() == 0
    visitor.page.reload()
    assert visitor.page.input_value("#name") == "Thea"
    visitor.join("Thea")
    visitor.page.locator("#personas [data-persona=maya]", has_text="silent").wait_for()


def test_a_microphone_that_is_muted_sends_nothing(room: Room, visit: Visit) -> None:
    visitor = visit(room)
    sent = visitor.sent()
    visitor.open(own_microphone=True).join("Ursa", "open")
    visitor.page.wait_for_selector('#talk[data-state="talking"]')
    visitor.page.wait_for_function("document.querySelector('#talk').style.getPropertyValue('--own') !== ''")

    visitor.page.click("#talk")
    visitor.page.wait_for_selector('#talk[data-state="muted"]')

    visitor.speak(LIKES)
    names = [type(record).__name__ for record, _ in sent]
    last = names.index("CloseMicrophone")
    assert names[names.index("OpenMicrophone") + 1] == "Sound"
    assert "Sound" not in names[last:]


def test_the_room_understands_all_that_the_page_sends(room: Room, visit: Visit, question: Path) -> None:
    # given
    visitor = visit(room, wav=question)
    sent = visitor.sent()
    visitor.open().join("Vilma", "open")
    visitor.wait_for_answer("Maya")

    # when
    visitor.page.click("#personas [data-persona=hugo]")
    # By name, too: nano takes a question without one for whoever spoke last, and Hugo would be silent.
    visitor.say("hugo what is my dog called")
    visitor.wait_for_answer("Hugo")
    visitor.wait_until("hugo", "is here")

    # then
    says = [record for record, _ in sent if isinstance(record, Say)]
    assert [(say.text, say.to) for say in says] == [("hugo what is my dog called", "hugo")]
    (opened,) = [record for record, _ in sent if isinstance(record, OpenMicrophone)]
    assert opened.sample_rate_hz >= 16_000 and not opened.push_to_talk
    blocks = [len(payload) // 2 for record, payload in sent if isinstance(record, Sound)]
    assert all(block % round(0.02 * opened.sample_rate_hz) == 0 for block in blocks)
    heard = [record.samples for record, _ in sent if isinstance(record, Heard)]
    assert max(heard) > 0
    events = [event for record, payload in sent if isinstance(record, Touches) for event in read(payload)]
    assert [e.kind for e in events if e.target == "hugo" and e.kind != "move"][:2] == ["press", "release"]
    assert "key" in {event.kind for event in events}


def test_nothing_of_the_page_holds_up_its_main_thread(room: Room, visit: Visit) -> None:
    # given a page with all that moves: sound, camera, measurements
    visitor = visit(room).open().join("Sara")
    visitor.page.click("#panel-button")
    visitor.page.click("#camera")
    visitor.page.locator("#preview-text", has_text="looked at this").wait_for()

    def turn() -> None:
        visitor.say("maya what do you like")
        visitor.wait_for_reply("Maya")
        visitor.wait_until("maya", "is here")

    # when
    tasks = visitor.main_thread(turn)

    # then
    assert len(tasks) > 20
    assert max(tasks) < LONG_TASK_MS
    visitor.picture("measurements")
