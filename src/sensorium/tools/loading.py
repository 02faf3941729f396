"""Finds the tools: the two that ship, and those that packages declare by entry point group `sensorium.tools`.

One that cannot be loaded is a problem with a name and a reason, and the others are there.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata
from typing import NamedTuple

from sensorium.errors import BadInput
from sensorium.tools.notes import notes
from sensorium.tools.timer import timer
from sensorium.tools.tool import Tool

GROUP = "sensorium.tools"
# Not by entry point: a checkout whose metadata is older has them, too.
SHIPPED = (notes, timer)


class Problem(NamedTuple):
    """Why the tool or server of that name is not there."""

    name: str
    message: str


class Loaded(NamedTuple):
    """`sources`: for each of `tools`, which package it came with."""

    tools: tuple[Tool, ...]
    sources: tuple[str, ...]
    problems: tuple[Problem, ...]


def installed(entry_points: Iterable[metadata.EntryPoint] | None = None) -> Loaded:
    """All that there are, by name; imports them, which runs their packages' code."""
    found = {tool.name: (tool, "sensorium") for tool in SHIPPED}
    problems = []
    declared = metadata.entry_points(group=GROUP) if entry_points is None else entry_points
    for entry in sorted(declared, key=lambda entry: (entry.name, entry.value)):
        try:
            tool = _loaded(entry)
            if tool.name in found:
                raise BadInput(f"{entry.value} has the name of a tool that is there already")
        except Exception as e:  # whatever a package of others raises when it is imported
            problems.append(Problem(entry.name, f"{entry.value}: {type(e).__name__}: {_line(e)}"))
        else:
            found[tool.name] = (tool, entry.dist.name if entry.dist is not None else "")
    tools = [found[name] for name in sorted(found)]
    return Loaded(tuple(t for t, _ in tools), tuple(source for _, source in tools), tuple(problems))


def _loaded(entry: metadata.EntryPoint) -> Tool:
    tool = entry.load()
    if not isinstance(tool, Tool):
        raise BadInput(f"it is {type(tool).__name__}, not a sensorium.tools.tool.Tool")
    if tool.name != entry.name:
        raise BadInput(f"the entry point is called {entry.name!r} and the tool {tool.name!r}")
    return tool


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:400]
