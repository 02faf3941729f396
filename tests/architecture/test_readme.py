"""The README's commands exist, with the options it names, and the tree it draws is the tree there is.

Commands are read from fenced blocks marked bash, sh, console or shell; `$ ` and comments are taken off.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
SHELLS = {"bash", "sh", "console", "shell"}
RUNNERS = {"python", "python3", "uv", "run", "time", "exec", "env"}
HELP_OPTIONS = {"--help", "-h", "--version"}


def text() -> str:
    return README.read_text(encoding="utf-8")


def fenced_blocks() -> list[tuple[str, str]]:
    """(language, content) of every fenced block."""
    return re.findall(r"^```(\w*)[^\n]*\n(.*?)^```", text(), flags=re.MULTILINE | re.DOTALL)


def commands() -> Iterator[list[str]]:
    """Every command of the shell blocks as words, split at pipes and `&&`."""
    for language, content in fenced_blocks():
        if language not in SHELLS:
            continue
        for line in content.replace("\\\n", " ").splitlines():
            bare = line.strip().removeprefix("$ ").strip()
            for piece in re.split(r"\s(?:\|\||&&|\||;)\s", bare):
                words = shlex.split(piece, comments=True)
                while words and re.fullmatch(r"[A-Z_][A-Z0-9_]*=.*", words[0]):
                    words = words[1:]
                if words:
                    yield words


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def sensorium_commands() -> list[list[str]]:
    """The words after `sensorium`, however it is started."""
    found = []
    for words in commands():
        while words and (Path(words[0]).name in RUNNERS or words[0] == "-m"):
            words = words[1:]
        if words and Path(words[0]).name == "sensorium":
            found.append(words[1:])
    return found


def test_readme_names_the_two_commands_that_ci_runs() -> None:
    if not text().strip():
        pytest.skip("README.md is still empty")
    targets = {words[1] for words in commands() if words[0] == "make" and len(words) > 1}

    assert {"demo", "test"} <= targets


def test_make_targets_exist() -> None:
    named = {word for words in commands() if words[0] == "make" for word in words[1:] if word.isidentifier()}

    assert named <= make_targets()


def test_sensorium_commands_and_their_options_exist() -> None:
    main = pytest.importorskip("sensorium.cli.main", reason="the command line is not there yet")
    wrong = []
    for line in sensorium_commands():
        words = [word for word in line if word not in HELP_OPTIONS]
        found, apps, rest = main.app.parse_commands(words)
        options = {word.split("=")[0] for word in rest if word.startswith("-") and not _is_number(word)}
        is_leaf = apps[-1].default_command is not None
        known: set[str] = set()
        if is_leaf:
            for argument in apps[-1].assemble_argument_collection():
                known |= {*argument.names, *argument.negatives}
        if words and not found:
            wrong.append(f"no such command: sensorium {' '.join(words)}")
        elif not options <= known:
            wrong.append(f"no such option: sensorium {' '.join(words)}: {sorted(options - known)}")
        elif not is_leaf and rest and not rest[0].startswith("-"):
            wrong.append(f"no such command: sensorium {' '.join(words)}")

    assert not wrong, "\n".join(wrong)


def test_paths_that_commands_name_exist() -> None:
    wrong = []
    for words in commands():
        for word in words[1:]:
            if re.match(r"(?:src|tests|training|scripts|docs)/", word) and not list(
                ROOT.glob(word.split("::")[0])
            ):
                wrong.append(word)

    assert not wrong, "\n".join(wrong)


def test_links_into_the_repository_lead_somewhere() -> None:
    targets = re.findall(r"\]\((?!https?:|mailto:|#)([^)\s#]+)", text())
    wrong = [target for target in targets if not (ROOT / target).exists()]

    assert not wrong, "\n".join(wrong)


def test_the_drawn_tree_is_the_tree_there_is() -> None:
    """A tree is a fenced block whose first line is a folder of this repository, e.g. `src/sensorium/`."""
    wrong = []
    for language, content in fenced_blocks():
        first = content.split("\n", 1)[0].split()
        if language in SHELLS or not first or not first[0].endswith("/") or not (ROOT / first[0]).is_dir():
            continue
        wrong += [str(path.relative_to(ROOT)) for path in _tree_paths(content) if not path.exists()]

    assert not wrong, "\n".join(wrong)


def _tree_paths(content: str) -> Iterator[Path]:
    """Paths of an indented tree; one level is any deeper indentation. Words after a name are its comment."""
    levels: list[tuple[int, Path]] = []
    for line in content.splitlines():
        plain = re.sub(r"[│├└─]", " ", line)
        match = re.match(r"(\s*)([\w.][\w./-]*)", plain)
        if not match:
            continue
        indent, name = len(match[1]), match[2]
        while levels and levels[-1][0] >= indent:
            levels.pop()
        path = (levels[-1][1] if levels else ROOT) / name
        yield path
        if name.endswith("/"):
            levels.append((indent, path))


def _is_number(word: str) -> bool:
    return bool(re.fullmatch(r"-\d+(\.\d+)?", word))
