"""Given a house, when `sensorium recipe` is used, then recipes are shown, checked, taken in, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

Sensorium = Any
QUIZ = 'name = "quiz"\nabout = "Quick answers."\n\n[budgets]\nmax_reply_tokens = 12\n'


@pytest.fixture
def quiz(tmp_path: Path) -> Path:
    path = tmp_path / "quiz.toml"
    path.write_text(QUIZ)
    return path


def _names(sensorium: Sensorium) -> list[str]:
    return [recipe["name"] for recipe in sensorium("recipe", "list", "--json").value["recipes"]]


def test_what_ships_is_listed_and_shown(sensorium: Sensorium) -> None:
    assert _names(sensorium) == ["circle", "default", "salon", "stand-up"]
    out = sensorium("recipe", "list").out
    assert "every persona answers in turn" in out and "[living-room]" in out and "(yours)" not in out
    shown = sensorium("recipe", "show", "Stand-Up", "--json").value
    assert (shown["own"], shown["rooms"], shown["recipe"]["floor"]["follow"]) == (False, [], "round")
    assert 'follow = "round"' in sensorium("recipe", "show", "stand-up").out


def test_what_is_shown_can_be_taken_in_again(sensorium: Sensorium, tmp_path: Path) -> None:
    file = tmp_path / "salon.toml"
    file.write_text(sensorium("recipe", "show", "salon").out)
    assert sensorium("recipe", "add", str(file)).code == 2
    assert sensorium("recipe", "add", str(file), "--replace").code == 0
    assert sensorium("recipe", "show", "salon", "--json").value["own"] is True
    assert "the one that ships is there again" in sensorium("recipe", "remove", "salon", "--yes").out


def test_a_recipe_is_checked_taken_in_played_by_and_removed(sensorium: Sensorium, quiz: Path) -> None:
    assert sensorium("recipe", "check", str(quiz)).code == 0
    assert "quiz" not in _names(sensorium)
    assert (
        sensorium("recipe", "add", str(quiz), "--json").value["recipe"]["budgets"]["max_reply_tokens"] == 12
    )
    room = sensorium("room", "recipe", "Living-Room", "quiz", "--json").value["room"]
    assert (room["id"], room["recipe"]) == ("living-room", "quiz")
    refused = sensorium("recipe", "remove", "quiz", "--yes")
    assert refused.code == 2 and "living-room" in refused.err and refused.err.count("\n") == 1
    sensorium("room", "recipe", "living-room", "default")
    assert sensorium("recipe", "remove", "quiz", "--yes", "--json").value == {"removed": "quiz"}
    assert "quiz" not in _names(sensorium)


def test_nothing_is_removed_unasked(sensorium: Sensorium, quiz: Path) -> None:
    sensorium("recipe", "add", str(quiz))
    assert "--yes" in sensorium("recipe", "remove", "quiz").err
    assert "quiz" in _names(sensorium)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("recipe", "show", "stand"), "did you mean 'stand-up'"),
        (("recipe", "remove", "salon", "--yes"), "comes with sensorium"),
        (("recipe", "remove", "quiet", "--yes"), "no recipe called"),
        (("recipe", "check", "nowhere.toml"), "cannot be read"),
        (("room", "recipe", "living-room", "salom"), "did you mean 'salon'"),
        (("room", "recipe", "cellar", "salon"), "no room called"),
    ],
)
def test_a_wrong_command_says_what_to_do(
    sensorium: Sensorium, arguments: tuple[str, ...], words: str
) -> None:
    ended = sensorium(*arguments)
    assert ended.code == 2 and words in ended.err and ended.err.count("\n") == 1


def test_a_wrong_file_is_refused_by_file_and_field(sensorium: Sensorium, quiz: Path) -> None:
    quiz.write_text(QUIZ.replace("max_reply_tokens", "max_reply_tokns"))
    for command in ("check", "add"):
        ended = sensorium("recipe", command, str(quiz))
        assert ended.code == 2
        assert f"{quiz}: budgets.max_reply_tokns: no such field" in ended.err
        assert "did you mean 'max_reply_tokens'" in ended.err


def test_help_teaches(sensorium: Sensorium) -> None:
    shown = " ".join(sensorium("recipe", "show", "--help").out.split())
    assert "sensorium recipe show salon > quiz.toml" in shown
    assert all(
        "Example" in sensorium("recipe", command, "--help").out for command in ("list", "add", "check")
    )
