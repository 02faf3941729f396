"""`sensorium`: the list of commands, each loaded only when it is used, and what a wrong command line gets."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, UnknownCommandError

from sensorium import __version__
from sensorium.cli.output import INTERRUPTED, show_error
from sensorium.errors import BadInput, MissingExtra, NotFound, SensoriumError

# Name, where it is, and its line in `sensorium --help` (given here so that help imports none of them).
COMMANDS = (
    ("demo", "sensorium.cli.demo:demo", "Six personas, spoken questions, spoken answers."),
    ("up", "sensorium.cli.up:up", "Open the room: a page to talk with the personas, and OpenAI's protocols."),
    ("ask", "sensorium.cli.ask:ask", "One turn: ask a persona by voice or in words."),
    ("chat", "sensorium.cli.chat:chat", "Talk with the personas in the terminal."),
    ("persona", "sensorium.cli.persona:app", "List, show, add, edit, remove, export and import personas."),
    ("voice", "sensorium.cli.voice:app", "List, show, train, preview, add, assign, ... voices."),
    ("room", "sensorium.cli.room:app", "List, show, create and remove rooms; join, leave, recipe, history."),
    ("recipe", "sensorium.cli.recipe:app", "What a room is for: list, show, check, add, remove recipes."),
    ("tool", "sensorium.cli.tool:app", "List, show and call tools: what personas can do beside talking."),
    (
        "explain",
        "sensorium.cli.explain:explain",
        "Why a persona's last two prompts differ, and what it cost.",
    ),
    ("stats", "sensorium.cli.stats:stats", "Memory, hit rates, parked prefixes; --watch: budgets, live."),
    ("doctor", "sensorium.cli.doctor:doctor", "What is installed, what is missing, what to do."),
    ("bench", "sensorium.cli.bench:app", "Measure prefix reuse, the senses, memory, long runs."),
)

app = App(
    name="sensorium",
    version=__version__,
    help="AI personas that see, hear and speak with people in one room, in real time, on one machine.\n\n"
    "Start with: sensorium demo --out out",
    help_format="markdown",
    suppress_keyboard_interrupt=False,
)
for _name, _path, _help in COMMANDS:
    app.command(_path, name=_name, help=_help)


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script. Always ends in SystemExit, or in the traceback of a bug."""
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    _mend_streams()
    try:
        _check_text(tokens)
        _show_own_help(tokens)
        app(tokens, exit_on_error=False, print_error=False, verbose=False, result_action="return_value")
        raise SystemExit(0)
    except BadInput as e:
        raise SystemExit(show_error(e, "--json" in tokens)) from e
    except CycloptsError as e:
        raise SystemExit(show_error(_refusal(e), "--json" in tokens)) from e
    except ImportError as e:
        if (missing := _not_installed(e)) is None:
            raise
        raise SystemExit(show_error(missing, "--json" in tokens)) from e
    except KeyboardInterrupt as e:
        sys.stderr.write("\n")
        raise SystemExit(INTERRUPTED) from e
    except BrokenPipeError as e:
        # The reader (`| head`) has seen enough. Keeps Python from complaining when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from e


def _mend_streams() -> None:
    """Opens what the caller closed (`<&-`), else the next socket would become stdin or stdout. A letter
    that the terminal cannot show must not end the command."""
    for fd, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(fd)
        except OSError:
            # The lowest free descriptor: exactly this one, as those below are open by now.
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(fd, mode, encoding="utf-8", closefd=False))
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _show_own_help(tokens: Sequence[str]) -> None:
    """A command's own `--help` is its docstring, not the one line it has in the list."""
    functions = {name for name, path, _ in COMMANDS if not path.endswith(":app")}
    if tokens and tokens[0] in functions:
        app[tokens[0]].help = None


def _check_text(tokens: Sequence[str]) -> None:
    """Bytes that are no UTF-8 arrive as lone surrogates, which nothing behind here could store or show."""
    for token in tokens:
        if not token.isascii() and any("\ud800" <= char <= "\udfff" for char in token):
            raise BadInput(f"{token!a} is not UTF-8 text")


def _refusal(error: CycloptsError) -> SensoriumError:
    """A wrong command line in our words: one line and the next step."""
    see = f"see: {' '.join(['sensorium', *(error.command_chain or ()), '--help'])}"
    if isinstance(error, UnknownCommandError) and error.unused_tokens:
        wanted = error.unused_tokens[0]
        if wanted.startswith("-"):
            return BadInput(f"no option called {wanted!r} here", remedy=see)
        return NotFound.named("command", wanted, [n for n in (error.app or app) if not n.startswith("-")])
    return BadInput(" ".join(str(error).split()).rstrip("."), remedy=see)


def _not_installed(error: ImportError) -> SensoriumError | None:
    """A package that is absent, in words; None when the import failed for another reason (a bug of ours)."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ModuleNotFoundError):
        cause = cause.__cause__
    if cause is None or cause.name is None:
        return None
    return MissingExtra(f"{cause.name} is not installed", remedy="see: sensorium doctor")
