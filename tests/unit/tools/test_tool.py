"""Given a function, when it is made a tool, then arguments are described and checked, as is its answer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta

from sensorium.errors import BadInput, ToolFailed
from sensorium.tools.tool import MAX_ANSWER_CHARS, MAX_LATER, Answer, Context, Later, Tool

HERE = Context("living-room", "maya", Path("/nowhere"))


def roll(count: Annotated[int, Meta(ge=1, le=6)] = 1, colour: Literal["red", "blue"] = "red") -> str:
    """Rolls
    dice."""
    return f"{count} {colour}"


def run(tool: Tool, arguments: bytes = b"{}") -> Answer:
    return tool.run(arguments, HERE)


def test_the_schema_is_that_of_the_annotations() -> None:
    tool = Tool(roll, phrases={"roll {count:number} dice": {"colour": "blue"}})

    assert (tool.name, tool.description) == ("roll", "Rolls dice.")
    assert tool.parameters["type"] == "object"
    assert tool.parameters["properties"]["count"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 6,
        "default": 1,
    }
    assert tool.parameters["properties"]["colour"]["enum"] == ["blue", "red"]
    assert tool.parameters["required"] == []


def test_a_call_is_checked_and_answered() -> None:
    assert run(Tool(roll), b'{"count": 3}') == Answer("3 red")


@pytest.mark.parametrize(
    "arguments",
    [b'{"count": 7}', b'{"count": "3"}', b'{"sides": 3}', b"[]", b"", b"{", b"\xff", b'{"colour": "green"}',
     b'{"count": 1e400}', b"[" * 100_000],
)  # fmt: skip
def test_wrong_arguments_are_refused_before_the_call(arguments: bytes) -> None:
    called: list[int] = []

    def f(count: Annotated[int, Meta(ge=1, le=6)] = 1, colour: Literal["red"] = "red") -> str:
        called.append(count)
        return ""

    with pytest.raises(BadInput) as caught:
        run(Tool(f), arguments)
    assert caught.value.one_line().startswith("f: ") and "\n" not in caught.value.one_line()
    assert not called


def test_who_wants_to_know_is_told_who_called() -> None:
    def where(context: Context, more: str = "") -> str:
        return f"{context.room_id} {context.persona_id}{more}"

    tool = Tool(where)
    assert list(tool.parameters["properties"]) == ["more"]
    assert run(tool, b'{"more": "!"}').text == "living-room maya!"


@pytest.mark.parametrize(
    "given",
    [None, 3, b"x", Answer(3), "\ud800", "x" * (MAX_ANSWER_CHARS + 1), Answer("a", (Later(-1.0, "b"),)),  # type: ignore[arg-type]
     Answer("a", (Later(1e9, "b"),)), Answer("a", (Later(1.0, ""),)),
     Answer("a", tuple(Later(1.0, "b") for _ in range(MAX_LATER + 1)))],
)  # fmt: skip
def test_an_answer_that_is_none_is_an_error(given: Any) -> None:
    def f() -> str:
        return given  # type: ignore[no-any-return]

    with pytest.raises(ToolFailed, match=r"^f "):
        run(Tool(f))


def test_what_it_raises_is_one_line_with_its_name_and_a_refusal_stays_as_it_is() -> None:
    def f(how: str) -> str:
        raise (BadInput("the pad is full") if how == "refuse" else ValueError("a\nb"))

    with pytest.raises(ToolFailed, match=r"^f: ValueError: a b$"):
        run(Tool(f), b'{"how": ""}')
    with pytest.raises(BadInput, match=r"^the pad is full$"):
        run(Tool(f), b'{"how": "refuse"}')


def no_type(x) -> str:  # type: ignore[no-untyped-def]
    return ""


def many(*xs: int) -> str:
    return ""


def strange(x: complex) -> str:
    return ""


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Tool(no_type), "no type"),
        (lambda: Tool(many), "no name"),
        (lambda: Tool(strange), "not known to JSON"),
        (lambda: Tool(roll, name="Roll It"), "no name of a tool"),
        (lambda: Tool(roll, limit_s=0), "limit_s"),
        (lambda: Tool(roll, limit_s=1e9), "limit_s"),
        (lambda: Tool(roll, phrases={"roll {sides:number}": {}}), "no parameter"),
        (lambda: Tool(roll, phrases={"Roll": {}}), "lower-case"),
        (lambda: Tool(roll, phrases={"roll": {"count": object()}}), "no JSON"),
        (lambda: Tool(roll, description="x" * 2_000), "description"),
        (lambda: Tool(3), "cannot be read|no name"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_a_tool_is_refused_when_it_is_made(make: Any, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        make()
