"""Given nano in an open room, when its recipe changes, then so do who answers, how often and by what."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.processes.commands import Place
from tests.processes.test_room_served import PATIENCE_S, Open, Page, of_kind, opened

from sensorium.recipe import Recipe, Senses, to_toml
from sensorium.store.recipes import shipped
from sensorium.store.seed import shipped_personas
from sensorium.wire import events, page

SEATS = [p.id for p in shipped_personas()[:6]]
JOBS = {p.id: p.facts["job"] for p in shipped_personas()}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    found = Place(Path("nano"), tmp_path_factory.mktemp("home"))
    night = tmp_path_factory.mktemp("recipes") / "night.toml"
    night.write_bytes(to_toml(Recipe(name="night", senses=Senses(hearing=False, vision=False, touch=False))))
    assert found.run("recipe", "add", str(night)).code == 0
    return found


@pytest.fixture(scope="module")
def room(place: Place) -> Iterator[Open]:
    with opened(place, "--recipe", "stand-up") as (link, _):
        yield link


def choose(room: Open, name: object, **headers: str) -> tuple[int, Any]:
    """Status and answer of the request by which a page gives the room a recipe."""
    data = json.dumps({"name": name}).encode()
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    request = urllib.request.Request(f"{room.base}/api/recipe", data, named, method="PUT")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as e:
        with e:
            return e.code, json.loads(e.read())


def play_by(room: Open, somebody: Page, name: str) -> events.RecipeChanged:
    assert choose(room, name)[0] == 200
    changed: events.RecipeChanged = somebody.until(events.RecipeChanged)
    return changed


def ask(somebody: Page, words: str, num_turns: int) -> list[events.TurnEnded]:
    """So many turns, and then none: the room has come to rest."""
    del somebody.seen[:]
    somebody.send(page.Say(words))
    ended = [somebody.until(events.TurnEnded) for _ in range(num_turns)]
    until_s = time.monotonic() + 1.0
    while time.monotonic() < until_s:
        somebody.send(page.Ping(1.0))
        somebody.until(page.Pong)
        time.sleep(0.1)
    began = of_kind(somebody.seen, events.TurnBegan)
    assert [turn.turn_id for turn in began] == [turn.turn_id for turn in ended]
    return ended


def test_in_a_stand_up_everybody_says_their_own_in_turn_and_the_room_rests(room: Open) -> None:
    with Page(room, "Alice") as alice:
        assert alice.welcome().recipe.name == "stand-up"
        turns = ask(alice, "what is your job", len(SEATS))
        assert [turn.persona_id for turn in turns] == SEATS
        assert all(turn.outcome == "done" and JOBS[turn.persona_id] in turn.said.lower() for turn in turns)
        assert [b.why for b in of_kind(alice.seen, events.TurnBegan)] == ["policy"] + ["round"] * 5
        # what others have answered meanwhile was read in the background
        assert all(turn.processed_tokens <= 200 for turn in turns)
        # aloud, one after the other
        assert all(alice.sound[turn.turn_id] for turn in turns)
        # who is called answers alone
        (only,) = ask(alice, "felix what do you like", 1)
        assert only.persona_id == "felix"


def test_in_a_circle_each_goes_on_from_the_one_before_up_to_the_bound(room: Open) -> None:
    with Page(room, "Alice") as alice:
        alice.welcome()
        changed = play_by(room, alice, "circle")
        assert changed.recipe == events.RecipeCard("circle", shipped()["circle"].about, True, True, True)
        most = shipped()["circle"].floor.max_persona_replies
        turns = ask(alice, "maya what do you like", most)
        assert turns[0].persona_id == SEATS[0] and turns[1].persona_id == SEATS[1]
        assert [b.why for b in of_kind(alice.seen, events.TurnBegan)] == ["named"] + ["chain"] * (most - 1)
        # ada answers maya's words, not the person's: in a stand-up she would say what she likes herself
        assert "maya" in turns[1].said.lower()
        assert all(turn.outcome in ("done", "silent") for turn in turns)


def test_by_the_default_recipe_the_same_words_get_one_answer(room: Open) -> None:
    with Page(room, "Alice") as alice:
        alice.welcome()
        play_by(room, alice, "default")
        (turn,) = ask(alice, "maya what do you like", 1)
        assert (turn.persona_id, turn.outcome) == ("maya", "done")


def test_senses_that_are_off_are_refused_politely_and_come_back(room: Open) -> None:
    with Page(room, "Alice") as alice:
        alice.welcome()
        assert play_by(room, alice, "night").recipe == events.RecipeCard("night", "", False, False, False)
        told = json.loads(room.get("/api/room")[1])
        assert (told["hears"], told["sees"], told["recipe"]["name"]) == (False, False, "night")
        for record, payload, sense in (
            (page.OpenMicrophone(16_000), b"", "hearing"),
            (page.Frame(1), b"\xff\xd8\xff", "vision"),
            (page.Touches(), b"\x90", "touch"),
        ):
            alice.send(record, payload)
            trouble = alice.until(page.Trouble)
            assert f"{sense} is off in this room" in trouble.message and not trouble.fatal
        (turn,) = ask(alice, "maya what do you like", 1)
        assert turn.outcome == "done"
        alice.send(page.CloseCamera())
        play_by(room, alice, "salon")
        del alice.seen[:]
        alice.send(page.OpenMicrophone(16_000))
        alice.send(page.Touches(), b"\x90")
        alice.send(page.Ping(2.0))
        alice.until(page.Pong)
        assert of_kind(alice.seen, page.Trouble) == []


def test_recipes_are_read_and_a_wrong_choice_changes_nothing(room: Open) -> None:
    before = json.loads(room.get("/api/recipes")[1])
    names = [recipe["name"] for recipe in before["recipes"]]
    assert names == ["circle", "default", "night", "salon", "stand-up"] and before["current"] in names
    status, answer = choose(room, "salom")
    assert (status, answer["error"]["code"]) == (404, "not_found")
    assert "salon" in answer["error"]["remedy"]
    for name in ("", 3, "x" * 65, None, "y" * 5_000):
        status, answer = choose(room, name)
        assert status == 400 and answer["error"]["message"]
    assert choose(room, "circle", Origin="http://evil.example")[0] == 403
    assert choose(room, "circle", Host="evil.example")[0] == 403
    assert json.loads(room.get("/api/recipes")[1]) == before
    told = json.loads(room.get("/openapi.json")[1])["paths"]["/api/recipe"]["put"]
    assert told["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/Chosen")


def test_the_room_keeps_its_recipe(place: Place, room: Open) -> None:
    assert choose(room, "stand-up")[0] == 200
    shown = place.run("room", "show", "living-room", "--json").value["room"]
    assert shown["recipe"] == "stand-up"
    refused = place.run("up", "--no-open", "--port", "0", "--recipe", "stand-down")
    assert refused.code == 2 and "did you mean 'stand-up'" in refused.err


def test_a_configured_address_is_refused_without_a_token(place: Place) -> None:
    for more in ({"SENSORIUM_HOST": "0.0.0.0"}, {"SENSORIUM_HOST": "0.0.0.0", "SENSORIUM_TOKEN": "short"}):
        refused = place.run("up", "--no-open", "--port", "0", **more)
        assert refused.code == 2 and "16" in refused.err and refused.err.count("\n") == 1
