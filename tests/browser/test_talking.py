"""A person talks with the room, in a browser: a question is heard, answered aloud, and interrupted."""

from __future__ import annotations

import pytest
from tests.browser.conftest import Room, Visit
from tests.browser.visitor import LIKES, LONG_REPLY, SOUNDS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_spoken_question_is_answered_aloud(room: Room, visit: Visit) -> None:
    # given
    visitor = visit(room, wav=LIKES).open()
    assert visitor.page.evaluate("crossOriginIsolated") is True
    visitor.picture("joining")

    # when
    visitor.join("Nadia", "open")
    visitor.wait_until("maya", "speaks")
    visitor.picture("speaking")

    # then
    assert "apples" in visitor.wait_for_reply("Maya")
    visitor.entries("maya what do you like").wait_for()
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

    visitor.page.keyboard.press("Escape")

    visitor.page.locator("#log .entry del:visible").first.wait_for()


def test_nothing_of_the_page_holds_up_its_main_thread(room: Room, visit: Visit) -> None:
    # given a page with all that moves: sound, camera, measurements
    visitor = visit(room).open().join("Sara")
    visitor.page.click("#panel-button")
    visitor.page.click("#camera")
    visitor.page.locator("#preview-text", has_text="looked at this").wait_for()

    # when there are turns; where the machine takes the processor away, time passes that is nobody's
    found: list[str] = []
    for n in range(4):
        visitor.page.evaluate("probe.long = []")
        visitor.say("maya what do you like")
        visitor.wait_for_reply("Maya", n)
        visitor.wait_until("maya", "is here")
        found = visitor.page.evaluate("probe.long")
        if not found:
            break

    # then
    assert found == []
    visitor.picture("measurements")
