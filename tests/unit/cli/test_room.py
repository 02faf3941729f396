"""Given a house, when `sensorium room` is used, then rooms change as said, or nothing does."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from sensorium.store import messages
from sensorium.store.store import Store

Sensorium = Any


def _living_room(sensorium: Sensorium) -> dict[str, Any]:
    room: dict[str, Any] = sensorium("room", "show", "Living-Room", "--json").value["room"]
    return room


def test_the_first_room_is_listed_and_shown(sensorium: Sensorium) -> None:
    (room,) = sensorium("room", "list", "--json").value["rooms"]
    assert room == _living_room(sensorium)
    assert (room["id"], room["people"], len(room["personas"])) == ("living-room", ["sam"], 6)
    assert "6 personas, 1 people" in sensorium("room", "list").out
    assert "maya" in sensorium("room", "show", "living-room").out


def test_a_room_is_created_with_members_without_a_word(sensorium: Sensorium) -> None:
    arguments = ("Kitchen", "--name", "The kitchen", "--member", "hugo", "--member", "sam")
    room = sensorium("room", "create", *arguments, "--json").value["room"]
    assert room == {
        "id": "kitchen", "name": "The kitchen", "recipe": "default", "personas": ["hugo"], "people": ["sam"]
    }  # fmt: skip
    assert sensorium("room", "history", "kitchen", "--json").value == {"room": "kitchen", "messages": []}
    assert "Nothing was said" in sensorium("room", "history", "kitchen").out
    assert sensorium("room", "remove", "kitchen", "--yes", "--json").value == {"removed": "kitchen"}
    assert len(sensorium("room", "list", "--json").value["rooms"]) == 1


def test_members_come_and_go_and_the_history_says_so(sensorium: Sensorium) -> None:
    assert "nora" in sensorium("room", "join", "living-room", "Nora", "--json").value["room"]["personas"]
    assert (
        "anna"
        in sensorium("room", "join", "living-room", "Anna", "--person", "--json").value["room"]["people"]
    )
    assert sensorium("room", "leave", "living-room", "maya").code == 0
    said = sensorium("room", "history", "living-room", "--json").value["messages"]
    assert [m["entry"]["text"] for m in said] == ["Nora comes in", "Anna comes in", "Maya leaves"]
    assert "* Maya leaves" in sensorium("room", "history", "living-room", "--count", "1").out


def test_the_history_shows_who_said_what_and_what_was_cut_off(sensorium: Sensorium, tmp_path: Path) -> None:
    with Store.open(tmp_path / "home" / "sensorium.db") as store:
        for text, speaker, spoken in (("hello [b]", "Sam", ""), ("hello", "Maya", "hello there")):
            store.submit(
                messages.append,
                "living-room",
                "persona" if spoken else "person",
                text,
                at_s=1.0,
                speaker_id=speaker.lower(),
                speaker_name=speaker,
                spoken=spoken,
            ).result()
    lines = sensorium("room", "history", "living-room").out.splitlines()
    assert [line.split("  ", 1)[1] for line in lines] == ["Sam: hello [b]", "Maya: hello ..."]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("show", "livingroom"), "did you mean 'living-room'"),
        (("create", "9"), "usable"),
        (("create", "living-room"), "already"),
        (("create", "kitchen", "--member", "maya", "--member", "mya"), "did you mean 'maya'"),
        (("create", "kitchen", "--recipe", "defalt"), "did you mean 'default'"),
        (("join", "living-room", "maya"), "already"),
        (("join", "living-room", "norra"), "did you mean 'nora'"),
        (("join", "living-room", "9", "--person"), "usable"),
        (("leave", "living-room", "nora"), "member of living-room"),
        (("history", "living-room", "--count", "0"), "outside"),
        (("remove", "living-room"), "--yes"),
    ],
)
def test_a_wrong_change_is_refused_and_nothing_changes(
    sensorium: Sensorium, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], named: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    before = sensorium("room", "list", "--json").value
    ended = sensorium("room", *arguments)
    assert ended.code == 2
    assert named in ended.err and ended.err.count("\n") == 1
    assert sensorium("room", "list", "--json").value == before


def test_home_may_be_named(sensorium: Sensorium, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert sensorium("room", "create", "attic", "--home", str(other)).code == 0
    assert (other / "sensorium.db").is_file()
    assert len(sensorium("room", "list", "--json").value["rooms"]) == 1
