"""Given a reply in pieces, when calls stand in it, then they are taken out and the rest is said."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.errors import BadInput
from sensorium.prompting.tool_calls import MAX_CALL_CHARS, CallReader, read

MARKS = ("<tool_call>", "</tool_call>")


def said_of(pieces: list[str], marks: tuple[str, ...] = MARKS) -> tuple[str, list[str]]:
    reader = CallReader(marks)
    said = "".join(map(reader.feed, pieces)) + reader.flush()
    return said, reader.calls


@pytest.mark.parametrize(
    ("reply", "said", "calls"),
    [
        ("hello", "hello", []),
        ('one moment<tool_call>{"name":"t"}</tool_call>', "one moment", ['{"name":"t"}']),
        ("<tool_call>a</tool_call> and <tool_call>b</tool_call>.", " and .", ["a", "b"]),
        ("<tool_call>never ends", "", ["never ends"]),
        ("a < b and <tool> too", "a < b and <tool> too", []),
        ("a <tool_cal", "a <tool_cal", []),
        ("</tool_call> alone", "</tool_call> alone", []),
    ],
)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_however_it_is_cut(reply: str, said: str, calls: list[str], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(reply)), max_size=8)))
    pieces = [reply[a:b] for a, b in zip([0, *cuts], [*cuts, len(reply)], strict=True)]
    assert said_of(pieces) == (said, calls)


def test_a_mind_without_marks_says_everything() -> None:
    assert said_of(["<tool_call>x</tool_call>"], ()) == ("<tool_call>x</tool_call>", [])


def test_a_call_is_read() -> None:
    assert read(' {"name": "timer", "arguments": {"seconds": 5}} ') == ("timer", '{"seconds":5}')
    assert read('{"name": "timer"}') == ("timer", "{}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "timer",
        "[]",
        '{"name": 3}',
        '{"name": "t", "arguments": []}',
        "{" * 5_000,
        "x" * (MAX_CALL_CHARS + 1),
    ],
)
def test_what_is_no_call_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(text)
    assert "\n" not in caught.value.one_line()
