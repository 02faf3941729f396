"""Given the room in a browser, when a tool is asked for, then its call is shown and its words are heard."""

from __future__ import annotations

from tests.browser.conftest import Room, Visit


def test_a_timer_is_set_shown_and_rings_aloud_by_itself(room: Room, visit: Visit) -> None:
    joe = visit(room).open().join("Joe")
    joe.say("maya set a timer for two seconds")
    call = joe.page.locator("#log .entry.tool", has_text="Maya uses timer")
    call.wait_for()
    assert joe.wait_for_answer("Maya") == "Ok two seconds."
    assert "seconds 2" in call.inner_text() and "ok two seconds" in call.inner_text()
    heard_ms = joe.heard_ms()

    joe.entries("The two seconds are over.").wait_for()
    assert joe.heard_ms() > heard_ms + 300

    joe.say("maya note milk and bread")
    joe.entries("Ok milk and bread.").wait_for()
    joe.say("maya set a timer for zero seconds")
    joe.say("maya set a timer for two hundred hours")
    failed = joe.page.locator("#log .entry.tool.failed")
    failed.wait_for()
    assert "failed: a timer takes from one second to a day" in failed.inner_text()
    joe.entries("A timer takes from one second to a day.").wait_for()
    joe.picture("tools")
    joe.page.set_viewport_size({"width": 360, "height": 720})
    joe.picture("tools-360")
