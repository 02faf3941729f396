"""A function call as a choice: which of the offered functions, and which words of the message go into it.

The mind picks among what the grammar lets it say, by likelihood; no argument is ever invented, it is declared
by the function or stands in the message. So any mind can be made to call. Pure.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from sensorium.errors import BadInput
from sensorium.front.realtime.settings import FunctionTool
from sensorium.prompting.format import PromptFormat
from sensorium.prompting.sources.text import as_words

# A text argument is so many words of the message at most, of so many.
_SPAN_WORDS, _MESSAGE_WORDS = 5, 48
_MAX_PARAMETERS = 8
_NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve".split()  # noqa: SIM905

Values = dict[str, Any]  # by how the mind says them


class Call(NamedTuple):
    """`arguments` as JSON."""

    name: str
    arguments: str


class Offer(NamedTuple):
    """`grammar` is GBNF, of which `read` takes apart what was said."""

    grammar: str
    told: str
    functions: tuple[tuple[str, str, tuple[tuple[str, Values], ...]], ...]

    def read(self, said: str) -> Call:
        """Raises BadInput for what the grammar does not allow."""
        for name, words, parameters in self.functions:
            groups = "".join(f" ({'|'.join(map(re.escape, values))})" for _, values in parameters)
            found = re.fullmatch(re.escape(words) + groups, " ".join(said.split()))
            if found is not None:
                arguments = {
                    parameter: values[said_as]
                    for (parameter, values), said_as in zip(parameters, found.groups(), strict=True)
                }
                return Call(name, json.dumps(arguments))
        raise BadInput("the persona did not choose a function", remedy="ask again")


def offer(tools: tuple[FunctionTool, ...], message: str, prompt_format: PromptFormat) -> Offer:
    """What may be called after this message.

    Raises BadInput when no function can be: for each a needed argument is not in the message.
    """
    heard = as_words(message, prompt_format).split()[:_MESSAGE_WORDS]
    functions, missing = [], []
    for tool in tools:
        try:
            parameters = _parameters(tool, heard, prompt_format)
        except BadInput as e:
            missing.append(e.message)
            continue
        words = " ".join(as_words(re.sub(r"[_-]+", " ", tool.name), prompt_format).split())
        functions.append((tool.name, words, parameters))
    if not functions:
        raise BadInput("; ".join(missing) or "no function is offered", remedy="say it in the message")
    lead = " " if prompt_format.text_form == "spoken" else ""
    rules = [f"root ::= {' | '.join(f'call{i}' for i in range(len(functions)))}"]
    for i, (_, words, parameters) in enumerate(functions):
        names = [f"call{i}-{j}" for j in range(len(parameters))]
        rules.append(" ".join([f"call{i} ::=", _quoted(lead + words), *names]))
        rules += [
            f"{rule} ::= " + " | ".join(_quoted(f" {value}") for value in values)
            for rule, (_, values) in zip(names, parameters, strict=True)
        ]
    return Offer("\n".join(rules) + "\n", _told(tools), tuple(functions))


def _parameters(
    tool: FunctionTool, heard: list[str], prompt_format: PromptFormat
) -> tuple[tuple[str, Values], ...]:
    schema = tool.parameters or {}
    properties, needed = schema.get("properties", {}), schema.get("required", [])
    if not isinstance(properties, dict) or not isinstance(needed, list):
        raise BadInput(f"{tool.name}: parameters are no JSON schema of an object")
    if len(properties) > _MAX_PARAMETERS:
        raise BadInput(f"{tool.name} has more than {_MAX_PARAMETERS} parameters")
    found = []
    for name, kind in properties.items():
        values = _values(kind if isinstance(kind, dict) else {}, heard, prompt_format, must=name in needed)
        if values:
            found.append((name, values))
        elif name in needed:
            raise BadInput(f"{tool.name}: nothing in the message can be its {name!r}")
    return tuple(found)


def _values(kind: dict[str, Any], heard: list[str], prompt_format: PromptFormat, *, must: bool) -> Values:
    """What a parameter may be. One that need not be given is only what the message names."""
    if isinstance(choices := kind.get("enum"), list):
        said = {" ".join(as_words(str(choice), prompt_format).split()): choice for choice in choices}
        text = f" {' '.join(heard)} "
        return {words: choice for words, choice in said.items() if words and (must or f" {words} " in text)}
    match kind.get("type"):
        case "boolean" if must:
            return {"yes": True, "no": False}
        case "integer" | "number":
            return {word: number for word in heard if (number := _number(word, kind["type"])) is not None}
        case "string" if must:
            ends = range(1, _SPAN_WORDS + 1)
            spans = (heard[i : i + n] for i in range(len(heard)) for n in ends if i + n <= len(heard))
            return {words: words for words in map(" ".join, spans)}
    return {}


def _number(word: str, kind: str) -> int | float | None:
    if word in _NUMBERS:
        return _NUMBERS.index(word)
    if re.fullmatch(r"-?[0-9]{1,15}", word):
        return int(word)
    return float(word) if kind == "number" and re.fullmatch(r"-?[0-9]{1,15}\.[0-9]{1,15}", word) else None


def _told(tools: tuple[FunctionTool, ...]) -> str:
    """For minds that read prose."""
    lines = [f"{tool.name}: {tool.description or ''}".strip() for tool in tools]
    return "\n".join(["Answer by naming one of these functions and its arguments:", *lines])


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'
