"""How a room is played: a text for the mind, who answers, how long and how freely.

Knows nothing of storage, prompts or models.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Literal

import msgspec

from sensorium.errors import BadInput
from sensorium.request import Sampling

MAX_TEXT_CHARS = 4_000
MAX_REPLY_TOKENS = 2_048
MAX_TOOLS = 64
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
# One of an MCP server is called server.tool.
_TOOL = re.compile(r"[a-z][a-z0-9_-]{0,31}(\.[A-Za-z0-9_-]{1,64})?")

FloorPolicy = Literal["addressed", "last_speaker", "round_robin"]


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A way to run a room; several rooms may share one.

    `text` is said to the mind after the engine's rules; "" takes the bundle's own. `floor` decides who
    answers when the words address nobody. `sampling` is greedy unless said otherwise. `tools` are the names
    of those that personas may use here, where they are installed.
    """

    name: str = "default"
    text: str = ""
    floor: FloorPolicy = "addressed"
    max_reply_tokens: int = 64
    sampling: Sampling = msgspec.field(default_factory=Sampling)
    tools: tuple[str, ...] = ("notes", "timer")


def check(recipe: Recipe) -> Recipe:
    """Refuses a recipe that the rest of the house could not follow; returns it unchanged.

    Raises BadInput naming the field.
    """
    if not _NAME.fullmatch(recipe.name):
        raise BadInput(
            f"recipe name {recipe.name!r} is not usable",
            remedy="lower-case letters, digits, - and _, at most 32, starting with a letter",
        )
    if len(recipe.text) > MAX_TEXT_CHARS:
        raise BadInput(f"recipe text has {len(recipe.text)} characters; at most {MAX_TEXT_CHARS}")
    if recipe.floor not in ("addressed", "last_speaker", "round_robin"):
        raise BadInput(f"floor {recipe.floor!r} is none of addressed, last_speaker, round_robin")
    if not 1 <= recipe.max_reply_tokens <= MAX_REPLY_TOKENS:
        raise BadInput(f"max_reply_tokens {recipe.max_reply_tokens} is outside 1 to {MAX_REPLY_TOKENS}")
    _check_sampling(recipe.sampling)
    _check_tools(recipe.tools)
    return recipe


def from_toml(data: bytes, *, where: str) -> Recipe:
    """Reads one recipe from TOML bytes. `where` names the file in errors. Raises BadInput."""
    if len(data) > 64_000:
        raise BadInput(f"{where}: {len(data)} bytes is too large for a recipe file")
    try:
        table: Any = msgspec.toml.decode(data)
        sampling = table.get("sampling", {})
        if isinstance(sampling, dict):
            # Sampling travels the wire, where unknown fields are allowed; in a file they are typing errors.
            unknown = sorted(set(sampling) - set(Sampling.__struct_fields__))
            if unknown:
                raise BadInput(f"{where}: sampling has no field {unknown[0]!r}")
        recipe = msgspec.convert(table, Recipe)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as e:
        raise BadInput(f"{where}: {e}") from e
    return check(recipe)


def to_toml(recipe: Recipe) -> bytes:
    """The inverse of `from_toml`, in field order."""
    lines = [
        f"name = {_quote(recipe.name)}",
        f"text = {_quote(recipe.text)}",
        f"floor = {_quote(recipe.floor)}",
        f"max_reply_tokens = {recipe.max_reply_tokens}",
        f"tools = [{', '.join(map(_quote, recipe.tools))}]",
        "",
        "[sampling]",
    ]
    for field in Sampling.__struct_fields__:
        value = getattr(recipe.sampling, field)
        lines.append(f"{field} = {_quote(value) if isinstance(value, str) else repr(value)}")
    return ("\n".join(lines) + "\n").encode()


def _check_sampling(sampling: Sampling) -> None:
    bounds = {
        "temperature": (0.0, 5.0), "top_k": (0, 1_000_000), "top_p": (0.0, 1.0), "min_p": (0.0, 1.0),
        "repeat_penalty": (0.1, 10.0), "repeat_last_n": (-1, 1_000_000), "seed": (0, 2**32 - 1),
    }  # fmt: skip
    for field, (low, high) in bounds.items():
        value = getattr(sampling, field)
        if not math.isfinite(value) or not low <= value <= high:
            raise BadInput(f"sampling.{field} {value} is outside {low} to {high}")
    if len(sampling.grammar) > 64_000:
        raise BadInput(f"sampling.grammar has {len(sampling.grammar)} characters; at most 64000")


def _check_tools(tools: tuple[str, ...]) -> None:
    if len(tools) > MAX_TOOLS:
        raise BadInput(f"a recipe names at most {MAX_TOOLS} tools, not {len(tools)}")
    for name in tools:
        if not _TOOL.fullmatch(name):
            raise BadInput(f"{name[:80]!r} is no name of a tool", remedy="see: sensorium tool list")
        if tools.count(name) > 1:
            raise BadInput(f"tool {name!r} is named twice")


def _quote(text: str) -> str:
    # A JSON string without surrogate escapes is a TOML basic string, but for DEL.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
