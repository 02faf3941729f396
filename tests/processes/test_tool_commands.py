"""`sensorium tool` and what chat, ask and doctor make of tools, as a user starts them."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from tests.processes.commands import Place


@pytest.fixture
def place(random_bundle: Path, tmp_path: Path) -> Place:
    return Place(random_bundle, tmp_path / "home")


def test_what_there_is_is_listed_and_shown(place: Place) -> None:
    listed = place.run("tool", "list", "--json").value
    assert [tool["name"] for tool in listed["tools"]] == ["notes", "timer"]
    assert listed["problems"] == [] and listed["starting"] == []
    shown = place.run("tool", "show", "timer").out
    assert "set a {seconds:duration} timer" in shown and '"seconds"' in shown


def test_a_tool_is_called_and_what_it_keeps_is_the_rooms(place: Place) -> None:
    assert place.run("tool", "call", "notes", "action=add", "text=12").out == "ok 12\n"
    assert "12" in place.run("tool", "call", "notes", "--json").value["text"]
    called = place.run("tool", "call", "timer", "seconds=3600", "--json").value
    assert called["later"] == [{"after_s": 3600.0, "text": "the one hour is over"}]
    assert "left" in place.run("tool", "call", "timer", "action=left").out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("show", "timr"), "did you mean 'timer'"),
        (("call", "timr"), "did you mean 'timer'"),
        (("call", "timer", "seconds"), "is not key=value"),
        (("call", "timer", "seconds=1", "seconds=2"), "given twice"),
        (("call", "timer", "seconds=soon"), "timer: Expected `int | null`"),
        (
            ("call", "timer", "minutes=1"),
            "unknown field `minutes` (what it takes: sensorium tool show timer)",
        ),
        (("call", "timer", "seconds=0"), "from one second to a day"),
        (("call", "timer", "--room", "nowhere"), "no room called"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(place: Place, arguments: tuple[str, ...], says: str) -> None:
    refused = place.run("tool", *arguments, "--json")
    assert refused.code == 2 and says in refused.err and refused.err.count("\n") == 1
    assert json.loads(refused.out)["error"]["code"] in ("bad_input", "not_found")


def test_what_cannot_be_loaded_is_named_by_list_and_doctor(place: Place) -> None:
    place.home.mkdir()
    (place.home / "config.toml").write_text('[mcp.gone]\ncommand = "no-such-command"\n')
    problems = place.run("tool", "list", "--json").value["problems"]
    assert problems == [{"name": "gone", "message": "there is no command 'no-such-command'"}]
    # The random mind is no whole bundle, which the doctor says too.
    findings = {f["part"]: f for f in json.loads(place.run("doctor", "--json").out)["findings"]}
    assert findings["tools"]["detail"] == "notes, timer"
    assert findings["tool gone"]["state"] == "optional" and "no-such" in findings["tool gone"]["detail"]


def test_chat_and_ask_use_them_and_a_timer_rings_in_a_later_chat(place: Place) -> None:
    ask = ("ask", "--persona", "maya", "--json", "--text")
    assert place.run(*ask, "set a timer for one second").value["turns"][0]["said"] == "Ok one second."
    time.sleep(1.0)
    chat = place.run("chat", "--json", stdin="maya note buy milk\nmaya what is on the note pad\n")
    said = [turn["said"] for turn in chat.value["turns"]]
    assert set(said) == {
        "Ok buy milk.", "There is one thing in the notebook. Buy milk.", "The one second is over.",
    }  # fmt: skip
