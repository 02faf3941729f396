"""What a room is for and how it is played: rules for the mind, who answers, which senses, what a reply costs.

Knows nothing of storage, prompts or models.
"""

from __future__ import annotations

import json
import math
import re
from difflib import get_close_matches
from typing import Annotated, Any, Literal

import msgspec

from sensorium.errors import BadInput
from sensorium.request import Sampling

MAX_FILE_BYTES = 64_000
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
# One of an MCP server is called server.tool.
_TOOL = re.compile(r"[a-z][a-z0-9_-]{0,31}(\.[A-Za-z0-9_-]{1,64})?")

FloorPolicy = Literal["addressed", "last_speaker", "round_robin"]
Follow = Literal["called", "round", "chain"]
Sense = Literal["hearing", "vision", "touch"]


def _text(most: int, description: str) -> msgspec.Meta:
    return msgspec.Meta(max_length=most, description=description)


def _range(low: float, high: float, description: str) -> msgspec.Meta:
    return msgspec.Meta(ge=low, le=high, description=description)


def _says(description: str) -> msgspec.Meta:
    return msgspec.Meta(description=description)


class FloorRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who speaks. `dialogue/floor.py` says exactly how."""

    policy: Annotated[
        FloorPolicy,
        _says(
            "who answers words that call nobody: nobody (addressed), whoever spoke last, or the next seat, "
            "each time another one (round_robin)"
        ),
    ] = "addressed"
    follow: Annotated[
        Follow,
        _says(
            "who speaks on after a reply: whom it calls by name (called), besides everybody else once, to "
            "the same words (round), or the next seat, to what was said last (chain)"
        ),
    ] = "called"
    max_persona_replies: Annotated[
        int, _range(1, 64, "replies to one thing that a person says, the first one counted")
    ] = 2
    exchange_s: Annotated[
        float,
        _range(0.0, 3600.0, "so long after a reply its speaker is still meant; round_robin does not ask"),
    ] = 120.0


class Senses(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What reaches the personas beside written words."""

    hearing: Annotated[bool, _says("microphones")] = True
    vision: Annotated[bool, _says("cameras, screens and pictures")] = True
    touch: Annotated[bool, _says("what is done with pointer, keys and page")] = True


class Budgets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one reply may cost."""

    max_reply_tokens: Annotated[int, _range(1, 2048, "tokens of a reply's words; it ends there")] = 64
    max_reply_s: Annotated[
        float, _range(1.0, 600.0, "seconds of a reply's sound; it breaks off there, as when interrupted")
    ] = 60.0


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A way to run a room; several rooms may share one. `sampling` is greedy unless said otherwise."""

    name: Annotated[str, _says("lower-case letters, digits, - and _, at most 32")] = "default"
    about: Annotated[str, _text(120, "one line that tells people what it is for")] = ""
    text: Annotated[
        str,
        _text(
            4000,
            "rules for a mind that reads prose; one of a closed world keeps its own. Empty: the bundle's",
        ),
    ] = ""
    floor: FloorRules = FloorRules()
    senses: Senses = Senses()
    budgets: Budgets = Budgets()
    sampling: Sampling = Sampling()
    tools: Annotated[
        tuple[str, ...],
        msgspec.Meta(max_length=64, description="names of those that personas may use: sensorium tool list"),
    ] = ("notes", "timer")


# Of Sampling, which travels the wire and allows there what a file does not.
SAMPLING_BOUNDS: dict[str, tuple[float, float]] = {
    "temperature": (0.0, 5.0), "top_k": (0, 1_000_000), "top_p": (0.0, 1.0), "min_p": (0.0, 1.0),
    "repeat_penalty": (0.1, 10.0), "repeat_last_n": (-1, 1_000_000), "seed": (0, 2**32 - 1),
}  # fmt: skip
MAX_GRAMMAR_CHARS = 64_000


def check(recipe: Recipe) -> Recipe:
    """Refuses a recipe that the rest of the house could not follow; returns it unchanged.

    Raises BadInput naming the field.
    """
    if not _NAME.fullmatch(recipe.name):
        raise BadInput(
            f"name: {recipe.name!r} is not usable",
            remedy="lower-case letters, digits, - and _, at most 32, starting with a letter",
        )
    if recipe.about.splitlines()[1:] or not recipe.about.isprintable():
        raise BadInput("about: one line of printable text, please")
    for field in ("floor.exchange_s", "budgets.max_reply_s"):
        table, _, name = field.partition(".")
        if not math.isfinite(value := getattr(getattr(recipe, table), name)):
            raise BadInput(f"{field}: {value} is no number of seconds")
    _converted(msgspec.to_builtins(recipe))
    _check_sampling(recipe.sampling)
    _check_tools(recipe.tools)
    return recipe


def from_toml(data: bytes, *, where: str) -> Recipe:
    """Reads one recipe from TOML bytes. `where` names the file in errors. Raises BadInput in one line that
    names file and field."""
    if len(data) > MAX_FILE_BYTES:
        raise BadInput(f"{where}: {len(data)} bytes is too large for a recipe file")
    try:
        table: Any = msgspec.toml.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise BadInput(f"{where}: {' '.join(str(e).split())}") from e
    try:
        if "name" not in table:
            raise BadInput("name: a recipe needs one", remedy='for example name = "quiz"')
        _check_known(table, Recipe(), "")
        return check(_converted(table))
    except BadInput as e:
        raise BadInput(f"{where}: {e.message}", remedy=e.remedy) from e


def to_toml(recipe: Recipe) -> bytes:
    """The inverse of `from_toml`: every field, in order; tables last, as TOML wants it."""
    lines, tables = [], []
    for field in Recipe.__struct_fields__:
        value = getattr(recipe, field)
        if isinstance(value, msgspec.Struct):
            tables += ["", f"[{field}]"]
            tables += [f"{name} = {_value(getattr(value, name))}" for name in value.__struct_fields__]
        else:
            lines.append(f"{field} = {_value(value)}")
    return ("\n".join([*lines, *tables]) + "\n").encode()


def _converted(table: Any) -> Recipe:
    try:
        return msgspec.convert(table, Recipe)
    except msgspec.ValidationError as e:
        what, _, field = str(e).partition(" - at `$.")
        raise BadInput(f"{field.rstrip('`')}: {what}" if field else what) from e


def _check_known(table: dict[str, Any], like: msgspec.Struct, path: str) -> None:
    known = like.__struct_fields__
    for name, value in table.items():
        if name not in known:
            near = get_close_matches(name, known, n=1, cutoff=0.5)
            remedy = f"did you mean {near[0]!r}?" if near else f"there is: {', '.join(known)}"
            raise BadInput(f"{path}{name}: no such field", remedy=remedy)
        if isinstance(value, dict) and isinstance(inner := getattr(like, name), msgspec.Struct):
            _check_known(value, inner, f"{path}{name}.")


def _check_sampling(sampling: Sampling) -> None:
    for field, (low, high) in SAMPLING_BOUNDS.items():
        value = getattr(sampling, field)
        if not math.isfinite(value) or not low <= value <= high:
            raise BadInput(f"sampling.{field}: {value} is outside {low} to {high}")
    if len(sampling.grammar) > MAX_GRAMMAR_CHARS:
        raise BadInput(f"sampling.grammar: {len(sampling.grammar)} characters; at most {MAX_GRAMMAR_CHARS}")


def _check_tools(tools: tuple[str, ...]) -> None:
    for name in tools:
        if not _TOOL.fullmatch(name):
            raise BadInput(f"{name[:80]!r} is no name of a tool", remedy="see: sensorium tool list")
        if tools.count(name) > 1:
            raise BadInput(f"tool {name!r} is named twice")


def _value(value: object) -> str:
    if isinstance(value, str):
        # A JSON string without surrogate escapes is a TOML basic string, but for DEL.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(_value(one) for one in value)}]"
    return repr(value)
