"""What a tool is: a function with a name, arguments of known types, and phrases by which people ask for it.

    roll = Tool(roll_dice, phrases={"roll [the] dice": {}, "roll {count:number} dice": {}})

The schema of the arguments is read from the function's annotations, and they are checked by it before the
function is called. Knows nothing of processes, rooms or models.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol, get_type_hints

import msgspec

from sensorium import asking
from sensorium.errors import BadInput, SensoriumError, ToolFailed

NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}(\.[A-Za-z0-9_-]{1,64})?")
MAX_DESCRIPTION_CHARS = 1_000
MAX_PHRASES = 64
MAX_ARGUMENTS_BYTES = 16_000
MAX_ANSWER_CHARS = 4_000
MAX_SCHEMA_BYTES = 32_000
MAX_LATER, MAX_LATER_S = 16, 7 * 86_400.0
LIMIT_S, MAX_LIMIT_S = 10.0, 120.0


class Later(NamedTuple):
    """To be said in the room by the persona that called, so many seconds from now."""

    after_s: float
    text: str


class Answer(NamedTuple):
    """`text` is for people, in plain words. With `forget` what this tool asked to be said later in this room
    is dropped first; then `later` is added to it."""

    text: str
    later: tuple[Later, ...] = ()
    forget: bool = False


class Context(NamedTuple):
    """Who called, for a function that wants to know. `folder` is this tool's own for this room, and may have
    to be made; `pending` is what it asked to be said later, soonest first."""

    room_id: str
    persona_id: str
    folder: Path
    pending: tuple[Later, ...] = ()


class Runnable(Protocol):
    """What the worker needs of a tool, whatever is behind it."""

    name: str
    description: str
    parameters: dict[str, Any]
    limit_s: float

    @property
    def phrases(self) -> Mapping[str, Mapping[str, Any]]: ...

    def run(self, arguments: bytes, context: Context) -> Answer:
        """`arguments`: a JSON object. Raises BadInput when they do not fit, or are refused; ToolFailed."""
        ...


class Tool:
    """`phrases`: each with the arguments that it fixes beside those in its slots. A function whose first
    parameter is annotated `Context` is given one. What it gives is text, or an `Answer`.

    It may take `limit_s`; a function that refuses its arguments raises BadInput, with a reason for people.
    Raises BadInput when anything of this cannot be.
    """

    def __init__(
        self,
        function: Callable[..., str | Answer],
        *,
        phrases: Mapping[str, Mapping[str, Any]] | None = None,
        name: str = "",
        description: str = "",
        limit_s: float = LIMIT_S,
    ) -> None:
        self._function = function
        self.name = name or getattr(function, "__name__", "")
        self.description = description or " ".join((inspect.getdoc(function) or "").split())
        self.phrases: Mapping[str, Mapping[str, Any]] = dict(phrases or {})
        self.limit_s = limit_s
        if not NAME.fullmatch(self.name):
            raise BadInput(
                f"{self.name[:80]!r} is no name of a tool", remedy="lower-case letters, digits, - and _"
            )
        self._wants_context, self._arguments = _arguments(self.name, function)
        self.parameters = _schema(self._arguments)
        check(self)

    def run(self, arguments: bytes, context: Context) -> Answer:
        """See `Runnable`."""
        try:
            read = msgspec.json.decode(arguments, type=self._arguments)
        except (ValueError, RecursionError) as e:
            raise BadInput(f"{self.name}: {' '.join(str(e).split())}") from e
        given = {field: getattr(read, field) for field in self._arguments.__struct_fields__}
        first = (context,) if self._wants_context else ()
        try:
            return checked(self.name, self._function(*first, **given))
        except SensoriumError:
            raise
        except Exception as e:
            raise ToolFailed(f"{self.name}: {type(e).__name__}: {' '.join(str(e).split())[:400]}") from e


def check(tool: Runnable) -> None:
    """Raises BadInput when a tool cannot be offered: a phrase that is none or fills what is no parameter, a
    description or schema that is too long, a time limit out of range."""
    if len(tool.description) > MAX_DESCRIPTION_CHARS:
        raise BadInput(f"{tool.name}: a description has at most {MAX_DESCRIPTION_CHARS} characters")
    if not 0.1 <= tool.limit_s <= MAX_LIMIT_S:
        raise BadInput(f"{tool.name}: limit_s is 0.1 to {MAX_LIMIT_S:g}, not {tool.limit_s}")
    if len(msgspec.json.encode(tool.parameters)) > MAX_SCHEMA_BYTES:
        raise BadInput(f"{tool.name}: its schema has more than {MAX_SCHEMA_BYTES:,} bytes")
    if len(tool.phrases) > MAX_PHRASES:
        raise BadInput(f"{tool.name} has more than {MAX_PHRASES} phrases")
    known = set(tool.parameters.get("properties", {}))
    for text, fixed in tool.phrases.items():
        try:
            msgspec.json.encode(fixed)
        except (TypeError, ValueError, OverflowError) as e:
            raise BadInput(f"{tool.name}: phrase {text!r} fixes what is no JSON: {e}") from e
        filled = {slot.name for slot in asking.parse(text).slots} | set(fixed)
        if unknown := sorted(filled - known):
            raise BadInput(f"{tool.name}: phrase {text!r} fills {unknown[0]!r}, which is no parameter")


def checked(name: str, answer: object) -> Answer:
    """What a tool gave, if it is an answer. Raises ToolFailed."""
    if isinstance(answer, str):
        answer = Answer(answer)
    if not isinstance(answer, Answer) or not isinstance(answer.text, str):
        raise ToolFailed(f"{name} gave {type(answer).__name__}, not text")
    text = answer.text.strip()
    if len(text) > MAX_ANSWER_CHARS:
        raise ToolFailed(f"{name} gave {len(text):,} characters; at most {MAX_ANSWER_CHARS:,}")
    if len(answer.later) > MAX_LATER:
        raise ToolFailed(f"{name} wants {len(answer.later)} things said later; at most {MAX_LATER}")
    for after_s, words in answer.later:
        if not 0.0 <= after_s <= MAX_LATER_S or not 0 < len(words) <= MAX_ANSWER_CHARS:
            raise ToolFailed(f"{name} wants something said in {after_s} s that cannot be")
    try:
        text.encode()
    except UnicodeEncodeError as e:
        raise ToolFailed(f"{name} gave text that is not Unicode") from e
    return answer._replace(text=text)


def _arguments(name: str, function: Callable[..., Any]) -> tuple[bool, type[msgspec.Struct]]:
    """Does it want a `Context`, and a struct of its other parameters."""
    try:
        hints = get_type_hints(function, include_extras=True)
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError, NameError) as e:
        raise BadInput(f"{name}: its parameters cannot be read: {e}") from e
    wants_context = bool(parameters) and hints.get(parameters[0].name) is Context
    fields: list[Any] = []
    for parameter in parameters[wants_context:]:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise BadInput(f"{name}: {parameter} has no name that a caller could give")
        if parameter.name not in hints:
            raise BadInput(f"{name}: parameter {parameter.name!r} has no type")
        given = () if parameter.default is parameter.empty else (parameter.default,)
        fields.append((parameter.name, hints[parameter.name], *given))
    return wants_context, msgspec.defstruct("arguments", fields, kw_only=True, forbid_unknown_fields=True)


def _schema(arguments: type[msgspec.Struct]) -> dict[str, Any]:
    try:
        schema = msgspec.json.schema(arguments)
    except TypeError as e:
        raise BadInput(f"a parameter's type is not known to JSON: {e}") from e
    others = dict(schema["$defs"])
    own = others.pop("arguments")
    own.pop("title", None)
    return {**own, **({"$defs": others} if others else {})}
