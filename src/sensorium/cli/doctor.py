"""`sensorium doctor`: what is installed, what is missing, and the next step for each."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from ctypes.util import find_library
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import psutil

from sensorium import priority
from sensorium.bundles import catalogue
from sensorium.cli.output import Home, Json, run
from sensorium.cli.running import run_async
from sensorium.cli.tool import offered_by
from sensorium.config import Config
from sensorium.errors import SensoriumError
from sensorium.store.store import Store

_PACKAGES = (
    "llama-cpp-python", "onnxruntime", "numpy", "msgspec", "apsw", "samplerate", "simplejpeg", "pyspng",
    "psutil", "starlette", "uvicorn", "websockets",
)  # fmt: skip


# MCP servers that are slower are told of.
_TOOLS_S = 10.0


class Finding(NamedTuple):
    """`state` is "ok", "missing" (needed; the command fails) or "optional" (absent, and that is fine)."""

    part: str
    state: str
    detail: str
    remedy: str = ""


def examine(config: Config) -> list[Finding]:
    """Looks at everything once. Starts no worker but that of the tools; opens the store as every command
    does."""
    home = Path(config.home)
    return [
        Finding("python", "ok", f"{platform.python_version()} at {sys.executable}"),
        *_packages(),
        _bundle(config.bundle),
        _espeak(),
        _extra("pocketsphinx", "speech-to-text for human voices", "stt"),
        *_tools(config),
        _home(home),
        _store(config.store_path),
        _machine(),
        _priority(),
        _gpu(),
    ]


def _packages() -> Iterator[Finding]:
    for name in _PACKAGES:
        try:
            yield Finding(name, "ok", metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Finding(name, "missing", "not installed", "pip install sensorium")


def _bundle(name: str) -> Finding:
    try:
        bundle = catalogue.find(name)
        files = [*map(bundle.file, bundle.files), *map(bundle.voice, bundle.voices)]
    except SensoriumError as e:
        return Finding(f"bundle {name}", "missing", e.message, e.remedy or "install sensorium again")
    sizes = sum(path.stat().st_size for path in files)
    return Finding(f"bundle {name}", "ok", f"version {bundle.version}, {sizes / 1e6:.1f} MB, checksums right")


def _espeak() -> Finding:
    if find_spec("espeakng_loader") is not None:
        version = metadata.version("espeakng-loader")
        return Finding("espeak-ng", "ok", f"espeakng-loader {version} (GPL, a process of its own)")
    if library := find_library("espeak-ng"):
        return Finding("espeak-ng", "ok", f"{library} of this system (GPL, a process of its own)")
    return Finding("espeak-ng", "missing", "personas have no voice", 'pip install "sensorium[espeak]"')


def _extra(module: str, what: str, extra: str) -> Finding:
    if find_spec(module) is not None:
        return Finding(module, "ok", f"{metadata.version(module)}: {what}")
    return Finding(module, "optional", f"not installed: {what}", f'pip install "sensorium[{extra}]"')


def _tools(config: Config) -> Iterator[Finding]:
    """As a room would find them; their worker is started for that, and what config.toml names."""
    try:
        with TemporaryDirectory() as logs:
            offered = run_async(offered_by(config, _TOOLS_S, Path(logs)))
    except SensoriumError as e:
        yield Finding("tools", "missing", e.message, e.remedy or "see: sensorium tool list")
        return
    yield Finding("tools", "ok", ", ".join(card.name for card in offered.tools))
    for problem in offered.problems:
        yield Finding(f"tool {problem.name}", "optional", problem.message, "see: docs/tools.md")
    for name in offered.starting:
        slow = f"its MCP server has said nothing for {_TOOLS_S:g} s"
        yield Finding(f"tool {name}", "optional", slow, "see: sensorium tool list")


def _home(home: Path) -> Finding:
    existing = home.absolute()
    while not os.path.lexists(existing):
        existing = existing.parent
    free_gb = shutil.disk_usage(existing).free / 1e9
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return Finding("home", "missing", f"{home} cannot be written", "set SENSORIUM_HOME to another folder")
    if free_gb < 0.5:
        return Finding("home", "missing", f"{home}: only {free_gb:.1f} GB free", "free some disk space")
    return Finding("home", "ok", f"{home}, {free_gb:.0f} GB free")


def _store(path: Path) -> Finding:
    if not os.path.lexists(path):
        return Finding("store", "ok", f"{path} will be made at first use")
    try:
        Store.open(path).close()
    except SensoriumError as e:
        return Finding("store", "missing", e.message, e.remedy)
    return Finding("store", "ok", f"{path}, {path.stat().st_size / 1e6:.1f} MB, opens clean")


def _machine() -> Finding:
    memory_gb = psutil.virtual_memory().total / 1e9
    detail = f"{os.cpu_count()} cores, {memory_gb:.0f} GB memory, {platform.machine()}"
    if memory_gb < 2:
        return Finding("machine", "missing", detail, "2 GB memory are needed")
    return Finding("machine", "ok", detail)


def _priority() -> Finding:
    granted = priority.granted()
    if granted == "real-time":
        return Finding("priority", "ok", "the loop and the senses run in real time")
    remedy = (
        'echo "$USER - rtprio 2" | sudo tee /etc/security/limits.d/sensorium.conf, then log in again; in a '
        "container: --cap-add SYS_NICE"
    )
    detail = "the loop and the senses queue for a core before others, but not in real time"
    if granted == "normal":
        detail = "the loop and the senses queue for a core as everybody does"
    return Finding("priority", "optional", detail, remedy)


def _gpu() -> Finding:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return Finding("gpu", "optional", "none found; everything runs on the CPU")
    query = [tool, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        result = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return Finding("gpu", "optional", "nvidia-smi does not answer; everything runs on the CPU")
    return Finding("gpu", "ok", result.stdout.strip().replace("\n", "; "))


def doctor(*, json: Json = False, home: Home = None) -> None:
    """What is installed, what is missing, what to do about it. Exit code 1 when something needed is missing.

    Example: sensorium doctor
    """
    with run("doctor", json) as output:
        findings = examine(Config.load(home))
        missing = [f for f in findings if f.state == "missing"]
        output.result({"ok": not missing, "findings": [f._asdict() for f in findings]})
        output.say(_table(findings))
        output.text("Something needed is missing." if missing else "Everything needed is here.")
    if missing:
        raise SystemExit(1)


def _table(findings: list[Finding]) -> object:
    from rich.table import Table

    style = {"ok": "green", "missing": "bold red", "optional": "yellow"}
    table = Table("part", "state", "detail", "what to do")
    for f in findings:
        table.add_row(f.part, f"[{style[f.state]}]{f.state}[/]", f.detail, f.remedy)
    return table
