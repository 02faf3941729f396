"""What can go wrong round a page, and what a person is told then."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Route
from tests.browser.conftest import Room, Visit, end_room, start_room

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_worker_that_is_killed_comes_back(room: Room, visit: Visit) -> None:
    visitor = visit(room).open().join("Tilda")
    visitor.say("maya what do you like")
    visitor.wait_until("maya", "speaks")

    room.worker("speech").kill()

    visitor.notice("The voices are restarting").wait_for()
    visitor.picture("worker-restarting")
    visitor.notice("The voices are restarting").wait_for(state="detached")
    visitor.page.wait_for_function("probe.soundMs = 0, true")
    visitor.say("maya what is your job")
    visitor.entries("baker").wait_for()
    assert visitor.heard_ms() > 200


def test_a_room_that_went_away_and_came_back_lost_nothing(tmp_path: Path, visit: Visit) -> None:
    room = start_room(tmp_path)
    try:
        # given
        visitor = visit(room).open().join("Ulla")
        visitor.say("maya what do you like")
        visitor.wait_for_reply("Maya")

        # when
        room.process.kill()
        room.process.wait()
        visitor.notice("The connection to the room is lost").wait_for()
        visitor.say("ada where do you live")
        visitor.page.locator("#live .waiting", has_text="ada where do you live").wait_for()
        visitor.picture("connection-lost")
        room = start_room(tmp_path, urlsplit(room.url).port or 0)

        # then
        visitor.notice("You are back in the room").wait_for()
        assert "london" in visitor.wait_for_reply("Ada").lower()
        assert visitor.entries("ada where do you live").count() == 1
        assert visitor.entries("maya what do you like").count() == 1
        visitor.picture("connection-back")
        # Chromium itself notes every connection that fails.
        visitor.errors[:] = [error for error in visitor.errors if "ERR_CONNECTION_REFUSED" not in error]
    finally:
        end_room(room)


def test_a_second_tab_is_told_and_may_take_over(room: Room, visit: Visit) -> None:
    first = visit(room).open().join("Vera Two")
    second = type(first)(first.page.context.new_page(), room.url)
    second.open()
    second.notice("The room is open in another tab").wait_for()
    assert second.page.is_disabled("#enter")
    second.picture("second-tab")

    second.page.click("text=Use this tab")

    second.page.wait_for_selector("#personas .persona")
    first.notice("The room went on in another tab").wait_for()
    second.say("maya what do you like")
    second.wait_for_reply("Maya")
    assert second.errors == []


def test_who_refuses_the_microphone_is_told_what_to_do_and_can_type(room: Room, visit: Visit) -> None:
    visitor = visit(room, allowed=False).open().join("Wanda", "open")

    visitor.notice("This page may not use the microphone").wait_for()

    visitor.picture("microphone-denied")
    visitor.say("maya what do you like")
    assert "apples" in visitor.wait_for_answer("Maya")


def test_a_browser_without_shared_memory_types(room: Room, visit: Visit) -> None:
    visitor = visit(room)

    def plain(route: Route) -> None:
        answer = route.fetch()
        kept = {k: v for k, v in answer.headers.items() if not k.startswith("cross-origin-")}
        route.fulfill(response=answer, headers=kept)

    visitor.page.route(lambda url: urlsplit(url).path == "/", plain)
    visitor.open()

    visitor.notice("SharedArrayBuffer").wait_for()
    visitor.picture("no-shared-memory")
    assert visitor.page.is_disabled("#join-form [value=open]")
    visitor.join("Xenia")
    visitor.say("maya what do you like")
    assert "apples" in visitor.wait_for_answer("Maya")
    visitor.wait_until("maya", "is here")
    assert visitor.heard_ms() > 200, "what was heard is silence"


def test_who_is_not_let_in_is_told_why(room: Room, visit: Visit) -> None:
    visitor = visit(room).open()
    visitor.page.fill("#name", "Maya")
    visitor.page.check("#join-form [value=type]")
    visitor.page.click("#enter")

    visitor.notice("The room did not let you in").wait_for()

    assert visitor.page.locator(".notice").inner_text().endswith("Take another one.")
    visitor.picture("not-let-in")
    visitor.join("Yara")
    assert visitor.page.locator(".notice").count() == 0


@pytest.mark.parametrize("width", [360, 768])
def test_the_page_fits(room: Room, visit: Visit, width: int) -> None:
    visitor = visit(room, color_scheme="dark").open()
    visitor.page.set_viewport_size({"width": width, "height": 740})
    wide = "document.documentElement.scrollWidth"
    assert visitor.page.evaluate(wide) <= width
    visitor.join(f"Zoe {'I' * (width // 180)}")
    visitor.page.click("#panel-button")
    assert visitor.page.evaluate(wide) <= width
    visitor.picture(f"room-{width}-dark")
