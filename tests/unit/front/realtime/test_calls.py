"""A call is a choice among what is offered, and its arguments stand in the message."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sensorium.bundles import catalogue
from sensorium.errors import BadInput
from sensorium.front.realtime.calls import Call, offer
from sensorium.front.realtime.settings import FunctionTool
from sensorium.prompting import format as prompt_formats

NANO = prompt_formats.from_bundle(catalogue.find("nano").prompt)


def tool(name: str, needed: tuple[str, ...] = (), **properties: Any) -> FunctionTool:
    schema = {"type": "object", "properties": properties, "required": list(needed)}
    return FunctionTool(name=name, parameters=schema)


DIM = tool(
    "dim_light",
    ("room", "percent"),
    room={"type": "string", "enum": ["Kitchen", "Hall"]},
    percent={"type": "integer"},
    slowly={"type": "boolean"},
)
NOTE = tool("note", ("text",), text={"type": "string"})


def test_arguments_are_declared_or_stand_in_the_message() -> None:
    offered = offer((DIM, NOTE), "Dim the kitchen to 10!", NANO)

    assert offered.grammar.splitlines()[:4] == [
        "root ::= call0 | call1",
        'call0 ::= " dim light" call0-0 call0-1',
        'call0-0 ::= " kitchen" | " hall"',
        'call0-1 ::= " ten"',
    ]
    assert '" the kitchen"' in offered.grammar
    call = offered.read(" dim light kitchen ten")
    assert (call.name, json.loads(call.arguments)) == ("dim_light", {"room": "Kitchen", "percent": 10})
    assert offered.read("note dim the kitchen") == Call("note", '{"text": "dim the kitchen"}')


def test_a_function_whose_argument_nobody_named_is_not_offered() -> None:
    offered = offer((DIM, NOTE), "make it darker", NANO)
    assert "dim light" not in offered.grammar.splitlines()[1]

    with pytest.raises(BadInput, match="nothing in the message can be its 'percent'"):
        offer((DIM,), "make it darker", NANO)
    with pytest.raises(BadInput, match="no function"):
        offer((), "make it darker", NANO)


def test_what_need_not_be_given_is_given_when_it_is_named() -> None:
    ring = tool("ring", bell={"type": "string", "enum": ["front", "back"]}, times={"type": "number"})

    assert offer((ring,), "ring please", NANO).read("ring") == Call("ring", "{}")
    named = offer((ring,), "ring the back one twice or 3 times", NANO)
    assert json.loads(named.read("ring back three").arguments) == {"bell": "back", "times": 3}


def test_nothing_else_is_a_call() -> None:
    offered = offer((NOTE,), 'say "hello" (a|b)', NANO)
    with pytest.raises(BadInput, match="did not choose"):
        offered.read("note goodbye")


@pytest.mark.parametrize("parameters", [{"properties": 5}, {"properties": {}, "required": "all"}])
def test_a_schema_that_is_none_is_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="no JSON schema"):
        offer((FunctionTool(name="x", parameters=parameters),), "hello", NANO)
