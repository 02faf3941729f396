"""Who may import whom, how large a file may be, and what never happens to an error: DESIGN sections 2 and 13.

Reads source text only; imports nothing of sensorium. When a test here fails, the code is wrong or the design
changed: a change of the design comes with a page in docs/decisions.
"""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "sensorium"

BASE = {
    "config", "errors", "clock", "audio", "metrics", "trace", "persona", "request", "recipe", "history",
    "budgets", "quality", "refusals", "garbage", "priority", "asking", "quantities",
}  # fmt: skip
OUTERMOST = {"cli", "bench", "__main__"}
SENSES = {"inference", "hearing", "speech", "vision"}
WORKER_SUBJECTS = {"shell": set(), "calls": set(), "llm": {"inference"}, "hearing_engines": {"hearing"}}

# What a package may import of the house, beside itself and the base.
HOUSE = {
    "wire": set(),
    "dialogue": {"wire"},
    "prompting": set(),
    "bundles": set(),
    "voices": {"bundles"},
    "store": set(),
    "tools": set(),
    "inference": {"bundles"},
    "hearing": {"bundles"},
    "speech": {"bundles"},
    "vision": {"bundles"},
    "tuning": {"bundles", "hearing", "inference", "prompting", "speech", "voices"},
    "front": {"wire", "dialogue", "prompting", "store", "voices"},
}

# What it may import from outside, beside the standard library, numpy and msgspec.
LIBRARIES = {
    "store": {"apsw"},
    "bundles": {"onnxruntime"},
    "inference": {"llama_cpp"},
    "hearing": {"samplerate", "pocketsphinx"},
    "speech": {"espeakng_loader", "samplerate"},
    "vision": {"simplejpeg", "pyspng"},
    "tools": {"mcp", "mcp_types", "jsonschema", "referencing"},
    "tuning": {"torch", "gguf"},
    "workers": {"psutil"},
    "front": {"psutil", "uvloop", "starlette", "uvicorn"},
}
EVERYWHERE = {"numpy", "msgspec"}
MODEL_LIBRARIES = {
    "llama_cpp", "onnxruntime", "pocketsphinx", "espeakng_loader", "torch", "gguf", "onnx", "xllamacpp",
    "simplejpeg", "pyspng",
}  # fmt: skip

NETWORK = {"asyncio", "anyio", "socket", "socketserver", "http", "urllib", "ssl", "selectors"}
WITHOUT_NETWORK = {"dialogue", "prompting", *SENSES}
NETWORK_ALLOWED = {"inference/remote.py"}

FORBIDDEN_FOLDERS = {"core", "utils", "util", "common", "helpers", "managers", "misc"}
MAX_FILE_LINES = 500
MAX_LINES_OF = {"front/conversation.py": 300, "inference/scheduler.py": 300}
MAX_FUNCTION_LINES = 60
MAX_TRACKED_FILE_BYTES = 25_000_000


class Import(NamedTuple):
    """One imported module, e.g. `sensorium.wire.records`, and where."""

    file: str
    line: int
    module: str

    @property
    def top(self) -> str:
        return self.module.split(".")[0]

    @property
    def package(self) -> str:
        """For `sensorium.x.y`: x."""
        parts = self.module.split(".")
        return parts[1] if len(parts) > 1 else ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}"


def sources(*folders: str) -> list[Path]:
    return sorted(p for folder in folders for p in (ROOT / folder).rglob("*.py") if "runs" not in p.parts)


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports_of(path: Path, within: Path) -> Iterator[Import]:
    file = path.relative_to(within).as_posix()
    # The package that relative imports start from.
    here = ["sensorium", *path.relative_to(PACKAGE).parts[:-1]] if path.is_relative_to(PACKAGE) else []
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            yield from (Import(file, node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = here[: len(here) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            # `from sensorium import errors` and `from sensorium.wire import framing` name modules too.
            modules = [f"{base}.{a.name}" for a in node.names] if base == "sensorium" else [base]
            yield from (Import(file, node.lineno, module) for module in modules)


def package_imports() -> list[Import]:
    return [found for path in sources("src/sensorium") for found in imports_of(path, PACKAGE)]


def home_of(file: str) -> str:
    """The package or base module that a file of sensorium belongs to."""
    return file.split("/")[0].removesuffix(".py")


def allowed_house(file: str) -> set[str]:
    home = home_of(file)
    if home == "workers":
        subject = Path(file).stem
        return {"wire", "bundles", "workers"} | WORKER_SUBJECTS.get(subject, {subject})
    return HOUSE.get(home, set()) | {home}


def test_every_package_is_known() -> None:
    """Given a new folder, someone must decide here what it may import."""
    folders = {p.name for p in PACKAGE.iterdir() if p.is_dir() and any(p.glob("*.py"))}
    modules = {p.stem for p in PACKAGE.glob("*.py")} - {"__init__", "__main__"}

    assert folders <= HOUSE.keys() | {"workers"} | OUTERMOST
    assert modules <= BASE


def test_packages_import_only_what_stands_below_them() -> None:
    wrong = [
        found
        for found in package_imports()
        if found.top == "sensorium" and found.package
        if home_of(found.file) not in OUTERMOST
        if found.package not in BASE | allowed_house(found.file) | {"__version__"}
    ]

    assert not wrong, "\n".join(map(str, wrong))


def test_packages_import_only_their_own_libraries() -> None:
    wrong = [
        found
        for found in package_imports()
        if found.top != "sensorium" and found.top not in sys.stdlib_module_names
        if home_of(found.file) not in OUTERMOST
        if found.top not in EVERYWHERE | LIBRARIES.get(home_of(found.file), set())
    ]

    assert not wrong, "\n".join(map(str, wrong))


def test_only_one_file_touches_llama_cpp() -> None:
    users = {found.file for found in package_imports() if found.top == "llama_cpp"}

    assert users <= {"inference/llama.py"}


def test_front_and_command_line_never_import_a_model_library_at_the_top() -> None:
    """The command line's process is the front's process; the bench may measure whatever it likes."""
    wrong = [
        found
        for found in package_imports()
        if home_of(found.file) in {"front", "cli", "__main__"} and found.top in MODEL_LIBRARIES
    ]

    assert not wrong, "\n".join(map(str, wrong))


def test_subjects_know_no_event_loop_and_no_network() -> None:
    wrong = [
        found
        for found in package_imports()
        if home_of(found.file) in WITHOUT_NETWORK
        if found.top in NETWORK and found.file not in NETWORK_ALLOWED
    ]

    assert not wrong, "\n".join(map(str, wrong))


def test_dialogue_knows_records_only_and_has_no_clock_of_its_own() -> None:
    found = [i for i in package_imports() if home_of(i.file) == "dialogue"]

    wire = [
        i
        for i in found
        if i.package == "wire" and i.module not in {"sensorium.wire", "sensorium.wire.records"}
    ]
    clocks = [i for i in found if i.top in {"time", "datetime", "random", "threading"}]
    assert not wire and not clocks, "\n".join(map(str, wire + clocks))


def test_nothing_imports_what_stands_outermost() -> None:
    outer = {"cli", "bench"}
    wrong = [
        found
        for found in package_imports()
        if home_of(found.file) not in OUTERMOST
        if (found.top == "sensorium" and found.package in outer) or found.top in {"training", "tests"}
    ]

    assert not wrong, "\n".join(map(str, wrong))


def test_there_is_no_drawer_for_odds_and_ends() -> None:
    folders = {p.parent for p in sources("src", "training", "tests", "scripts")}
    files = {p.stem for p in sources("src", "training")}

    assert not {f.name for f in folders} & FORBIDDEN_FOLDERS
    assert not files & FORBIDDEN_FOLDERS


@pytest.mark.parametrize("folder", ["src", "training", "tests", "scripts"])
def test_files_stay_readable(folder: str) -> None:
    too_long = []
    for path in sources(folder):
        name = path.relative_to(PACKAGE).as_posix() if path.is_relative_to(PACKAGE) else path.name
        num_lines = len(path.read_text(encoding="utf-8").splitlines())
        if num_lines > MAX_LINES_OF.get(name, MAX_FILE_LINES):
            too_long.append(f"{path.relative_to(ROOT)}: {num_lines} lines")

    assert not too_long, "\n".join(too_long)


def test_functions_stay_readable() -> None:
    too_long = []
    for path in sources("src"):
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                num_lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if num_lines > MAX_FUNCTION_LINES:
                    too_long.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {num_lines} lines")

    assert not too_long, "\n".join(too_long)


def test_every_module_opens_with_what_it_is() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in sources("src", "training")
        if (tree := parse(path)).body and not ast.get_docstring(tree)
    ]

    assert not silent, "\n".join(silent)


def test_no_error_is_swallowed() -> None:
    """A handler for everything raises, answers or ends; writing it down and going on is not enough."""
    wrong = []
    for path in sources("src", "training", "scripts"):
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.ExceptHandler) and _catches_everything(node) and _only_shrugs(node.body):
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}")
            if isinstance(node, ast.Call) and _name(node.func) == "suppress" and _names_everything(node.args):
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}")

    assert not wrong, "\n".join(wrong)


def test_no_large_file_is_tracked() -> None:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout  # fmt: skip
    tracked = [ROOT / name for name in listing.split("\0") if name]
    present = [path for path in tracked if path.is_file()]

    too_large = [str(p) for p in present if p.stat().st_size > MAX_TRACKED_FILE_BYTES]
    binaries = [
        str(p) for p in present if p.suffix in {".whl", ".so", ".pt", ".pth", ".tar", ".zip", ".sqlite"}
    ]
    assert not too_large and not binaries, "\n".join(too_large + binaries)


def test_the_shipped_bundle_stays_small() -> None:
    num_bytes = sum(p.stat().st_size for p in (PACKAGE / "bundles" / "nano").rglob("*") if p.is_file())

    assert num_bytes < 25_000_000


def _catches_everything(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    return _names_everything(handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type])


def _names_everything(kinds: list[ast.expr]) -> bool:
    return any(_name(kind) in {"Exception", "BaseException"} for kind in kinds)


def _only_shrugs(body: list[ast.stmt]) -> bool:
    return all(_is_shrug(statement) for statement in body)


def _is_shrug(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Pass | ast.Continue | ast.Break):
        return True
    if isinstance(statement, ast.Return):
        return statement.value is None or (
            isinstance(statement.value, ast.Constant) and statement.value.value is None
        )
    if not isinstance(statement, ast.Expr):
        return False
    if isinstance(statement.value, ast.Constant):
        return True
    names = {"print", "debug", "info", "warning", "error", "exception", "log", "print_exc", "warn"}
    return isinstance(statement.value, ast.Call) and _name(statement.value.func) in names


def _name(node: ast.AST | None) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
