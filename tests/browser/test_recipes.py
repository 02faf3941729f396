"""What a person sees of the room's recipe, how they choose another, and what becomes of their senses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.browser.conftest import Room, Visit, end_room, start_room
from tests.browser.visitor import LIKES, Visitor

from sensorium.config import Config
from sensorium.recipe import Recipe, Senses
from sensorium.store import recipes
from sensorium.store.store import Store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    home = tmp_path_factory.mktemp("recipes")
    quiet = Recipe(
        name="reading-room",
        about="Nobody listens or looks; everybody writes.",
        senses=Senses(hearing=False, vision=False, touch=False),
    )
    with Store.open(Config.load(home, {}).store_path) as store:
        store.submit(recipes.put, quiet).result()
    found = start_room(home)
    yield found
    end_room(found)


def choose(visitor: Visitor, name: str, *, picture: str = "") -> None:
    visitor.page.click("#settings-button")
    visitor.page.select_option("#recipe-choice", name)
    visitor.page.wait_for_function(
        "(name) => document.getElementById('recipe').textContent.startsWith(name)", arg=name
    )
    if picture:
        visitor.picture(picture)
    visitor.page.click("#settings .primary")


def test_a_person_chooses_a_stand_up_and_everybody_answers(room: Room, visit: Visit) -> None:
    visitor = visit(room).open().join("Anna")
    assert visitor.page.inner_text("#recipe") == "default"

    choose(visitor, "stand-up", picture="recipe-settings")
    visitor.say("what is your job")

    for persona in ("Maya", "Ada", "Clara", "Felix", "Hugo", "Ines"):
        visitor.page.locator("#log .entry.me ~ .entry.persona", has_text=persona).first.wait_for()
    assert visitor.page.inner_text("#recipe") == "stand-up"
    assert "in turn" in (visitor.page.get_attribute("#recipe", "title") or "")
    visitor.picture("recipe-stand-up")
    choose(visitor, "default")


def test_where_senses_are_off_the_page_says_so_and_sends_nothing(room: Room, visit: Visit) -> None:
    visitor = visit(room, wav=LIKES).open(own_microphone=True)
    sent = visitor.sent()
    visitor.join("Bert", "open")
    visitor.page.wait_for_selector("#talk[data-state=talking]")
    visitor.page.click("#camera")
    visitor.page.wait_for_selector("#camera[aria-pressed=true]")

    choose(visitor, "reading-room", picture="recipe-senses-off-settings")

    visitor.page.wait_for_selector("#talk:disabled")
    assert visitor.page.inner_text("#talk-text") == "Listening is off"
    assert visitor.page.inner_text("#recipe") == "reading-room · hearing off · seeing off · touch off"
    assert visitor.page.is_disabled("#camera") and visitor.page.is_disabled("#screen")
    assert visitor.page.get_attribute("#camera", "aria-pressed") == "false"
    assert visitor.page.is_hidden("#preview")
    kinds = [type(record).__name__ for record, _ in sent]
    assert kinds[-1] != "Sound" and "CloseMicrophone" in kinds and "CloseCamera" in kinds
    visitor.picture("recipe-senses-off")
    at = len(sent)
    visitor.say("maya what do you like")
    visitor.wait_for_answer("Maya")
    assert not {"Touches", "Sound", "Frame"} & {type(record).__name__ for record, _ in sent[at:]}
    assert visitor.page.locator(".notice.problem").count() == 0

    # and back: the microphone opens by itself, as the person had it
    choose(visitor, "salon")
    visitor.page.wait_for_selector("#talk[data-state=talking]")
    assert visitor.page.is_enabled("#camera")
    visitor.speak(LIKES)
    visitor.page.locator("#log .entry.me", has_text="like").nth(1).wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_recipe_is_legible_on_a_narrow_screen(room: Room, visit: Visit, scheme: str) -> None:
    visitor = visit(room, color_scheme=scheme)
    visitor.page.set_viewport_size({"width": 360, "height": 740})
    visitor.open().join("Cleo")
    choose(visitor, "reading-room", picture=f"recipe-narrow-settings-{scheme}")
    visitor.picture(f"recipe-narrow-{scheme}")
    wide = visitor.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 360
    # the select has a name, and what it says is read out
    assert visitor.page.locator("#recipe-choice").count() == 1
    choose(visitor, "default")


def test_everybody_sees_what_one_of_them_chose(room: Room, visit: Visit, tmp_path: Path) -> None:
    one, other = visit(room).open().join("Dora"), visit(room).open().join("Emil")
    choose(one, "circle")
    other.page.wait_for_function("document.getElementById('recipe').textContent === 'circle'")
    choose(other, "default")
    one.page.wait_for_function("document.getElementById('recipe').textContent === 'default'")
