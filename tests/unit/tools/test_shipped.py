"""The timer and the note pad: what they say, keep and refuse."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sensorium.errors import BadInput
from sensorium.quantities import duration_words
from sensorium.tools import notes as pad
from sensorium.tools.notes import MAX_NOTES, MAX_READ, notes
from sensorium.tools.timer import MAX_TIMERS, timer
from sensorium.tools.tool import Answer, Context, Later


def asked(tool, folder: Path = Path("/nowhere"), pending: tuple[Later, ...] = (), **arguments) -> Answer:
    return tool.run(msgspec.json.encode(arguments), Context("room", "maya", folder, pending))


@pytest.mark.parametrize(
    ("seconds", "over"),
    [(120, "the two minutes are over"), (1, "the one second is over"), (3600, "the one hour is over"),
     (90, "the one minute thirty seconds are over")],
)  # fmt: skip
def test_a_timer_says_how_long_and_that_it_is_over_then(seconds: int, over: str) -> None:
    answer = asked(timer, seconds=seconds)
    assert answer == Answer(f"ok {duration_words(seconds)}", (Later(seconds, over),))


def test_how_long_is_left_is_that_of_the_next_one() -> None:
    assert asked(timer, action="left").text == "there is no timer"
    assert (
        asked(timer, pending=(Later(59.6, "a"), Later(99, "b")), action="left").text == "one minute is left"
    )


def test_cancelling_forgets_all_of_them() -> None:
    assert asked(timer, pending=(Later(5, "a"),), action="cancel") == Answer("ok no timer", forget=True)
    assert asked(timer, action="cancel").text == "there is no timer"


@pytest.mark.parametrize("arguments", [{}, {"seconds": 0}, {"seconds": -5}, {"seconds": 86_401}])
def test_a_time_that_is_none_is_refused_for_people_to_hear(arguments: dict[str, int]) -> None:
    with pytest.raises(BadInput, match=r"^a timer takes"):
        asked(timer, **arguments)


def test_too_many_timers_are_refused() -> None:
    with pytest.raises(BadInput, match="too many"):
        asked(timer, pending=(Later(5, "a"),) * MAX_TIMERS, seconds=5)


def test_notes_are_kept_in_order_and_over_processes(tmp_path: Path) -> None:
    assert asked(notes, tmp_path / "a", action="add", text=" buy  milk ").text == "ok buy milk"
    asked(notes, tmp_path / "a", action="add", text="call anna")
    assert msgspec.json.decode((tmp_path / "a" / pad.FILE_NAME).read_bytes()) == ["buy milk", "call anna"]
    assert asked(notes, tmp_path / "a").text == "there are two things in the notebook. buy milk. call anna"
    assert asked(notes, tmp_path / "b").text == "there is nothing in the notebook"


def test_only_the_last_notes_are_read_out(tmp_path: Path) -> None:
    for i in range(MAX_READ + 2):
        asked(notes, tmp_path, action="add", text=f"note {i}")
    said = asked(notes, tmp_path).text
    assert said.startswith("there are ten things in the notebook. The last are. note 2. ")


def test_clearing_empties_the_pad(tmp_path: Path) -> None:
    asked(notes, tmp_path, action="add", text="x")
    assert asked(notes, tmp_path, action="clear").text == "ok there is nothing in the notebook"
    assert asked(notes, tmp_path).text == "there is nothing in the notebook"


@pytest.mark.parametrize("text", ["", "   ", "x" * 301])
def test_a_note_that_is_none_is_refused_and_nothing_is_lost(tmp_path: Path, text: str) -> None:
    asked(notes, tmp_path, action="add", text="kept")
    with pytest.raises(BadInput, match="a note has"):
        asked(notes, tmp_path, action="add", text=text)
    assert "kept" in asked(notes, tmp_path).text


def test_a_full_pad_takes_no_more(tmp_path: Path) -> None:
    (tmp_path / pad.FILE_NAME).write_bytes(msgspec.json.encode(["x"] * MAX_NOTES))
    with pytest.raises(BadInput, match="full"):
        asked(notes, tmp_path, action="add", text="one more")


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", b"[" * 9_999])
def test_a_file_that_is_no_pad_is_said_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / pad.FILE_NAME
    path.write_bytes(content)
    for action in ("read", "add"):
        with pytest.raises(BadInput, match="is no note pad"):
            asked(notes, tmp_path, action=action, text="x")
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be kept"):
        asked(notes, tmp_path / "file" / "room", action="add", text="x")
