"""What every command shares: `--json` and `--home`, how results and errors are shown, exit codes.

People get text; with `--json` stdout holds one JSON object and nothing else. Knows no command.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from sensorium.errors import BadInput, SensoriumError

Json = Annotated[
    bool,
    Parameter(name="--json", negative="", show_default=False, help="Print one JSON object instead of text."),
]
Home = Annotated[
    Path | None,
    Parameter(
        name="--home", help="Folder of config.toml and the store; else SENSORIUM_HOME, else the user's."
    ),
]
Yes = Annotated[bool, Parameter(name="--yes", negative="", show_default=False, help="Do not ask.")]

INTERRUPTED = 130
# A table in a file or a pipe has no window to fit into.
WIDTH_WITHOUT_TERMINAL = 120
# What a person typed or a model said must not move the cursor or colour the terminal.
_CONTROL = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)], "\N{REPLACEMENT CHARACTER}")
_CONTROL |= {ord(white): white for white in "\n\t"}


class Output:
    """Where a command puts what it found. Made by `run`."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.value: Mapping[str, Any] | None = {}

    def say(self, *renderables: object) -> None:
        """Text, tables and other rich things for people; nothing with --json."""
        if not self.as_json:
            from rich.console import Console

            fits = sys.stdout.isatty() or "COLUMNS" in os.environ
            width = None if fits else WIDTH_WITHOUT_TERMINAL
            Console(highlight=False, soft_wrap=True, width=width).print(*renderables)

    def text(self, text: str) -> None:
        """Text for people at once and as it is, without markup: what somebody said may hold brackets."""
        if not self.as_json:
            sys.stdout.write(f"{printable(text)}\n")
            sys.stdout.flush()

    def complain(self, error: SensoriumError) -> None:
        """An error after which the command goes on: one line on stderr, also with --json."""
        _write_error(error)

    def announce(self, value: Mapping[str, Any]) -> None:
        """The object for --json at once, from a command that goes on; at its end there is no other."""
        self.value = None
        if self.as_json:
            _write_json(value)

    def result(self, value: Mapping[str, Any]) -> None:
        """The object for --json; msgspec structs may be inside. The last call counts."""
        self.value = value


@contextmanager
def run(command: str, as_json: bool) -> Iterator[Output]:
    """Round a command's body: shows its result, or its error with the exit code of errors.py.

    An error that is not a SensoriumError is a bug of ours and keeps its traceback.
    """
    output = Output(as_json)
    try:
        yield output
        if as_json and output.value is not None:
            _write_json(output.value)
    except SensoriumError as e:
        raise SystemExit(show_error(e, as_json)) from e
    except KeyboardInterrupt as e:
        sys.stderr.write("\n")
        raise SystemExit(INTERRUPTED) from e


def show_error(error: SensoriumError, as_json: bool) -> int:
    """One line on stderr, with --json the object on stdout too; gives the exit code."""
    _write_error(error)
    if as_json:
        _write_json({"error": {"code": error.code, "message": error.message, "remedy": error.remedy}})
    return error.exit_code


def confirm(question: str, yes: bool) -> None:
    """Asks on the terminal unless `yes`. Raises BadInput when nobody can be asked or the answer is no."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise BadInput(f"{question} Nobody is here to ask", remedy="add --yes")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise BadInput("nothing was changed")


def printable(text: str) -> str:
    """The text with control characters other than line ends and tabs replaced."""
    return text.translate(_CONTROL)


def _write_error(error: SensoriumError) -> None:
    sys.stderr.write(f"sensorium: {printable(' '.join(error.one_line().split()))}\n")


def _write_json(value: Mapping[str, Any]) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()
