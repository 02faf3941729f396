"""`sensorium doctor`: what is installed, what is missing, and the next step for each."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from sensorium.errors import SensoriumError


class Finding(NamedTuple):
    """`state` is "ok", "missing" (a core part; the command fails) or "optional" (absent, and that is fine)."""

    part: str
    state: str
    detail: str
    remedy: str = ""


def examine(home: Path) -> list[Finding]:
    """Looks at everything once. Starts no worker and changes nothing."""
    return [
        Finding("python", "ok", f"{platform.python_version()} at {sys.executable}"),
        *_packages(),
        _bundle(),
        _espeak(),
        _extra("pocketsphinx", "speech-to-text for human voices", "stt"),
        _home(home),
        _store(home),
        _machine(),
        _gpu(),
    ]


def _packages() -> Iterator[Finding]:
    for name in ("llama-cpp-python", "onnxruntime", "numpy", "msgspec", "apsw", "samplerate", "psutil"):
        try:
            yield Finding(name, "ok", metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Finding(name, "missing", "not installed", "pip install sensorium")


def _bundle() -> Finding:
    from sensorium.bundles import catalogue

    try:
        bundle = catalogue.find("nano")
        for role in bundle.files:
            bundle.file(role)
    except SensoriumError as e:
        return Finding("bundle nano", "missing", e.message, e.remedy or "install sensorium again")
    sizes = sum(bundle.file(role).stat().st_size for role in bundle.files)
    return Finding("bundle nano", "ok", f"version {bundle.version}, {sizes / 1e6:.1f} MB, checksums right")


def _espeak() -> Finding:
    if find_spec("espeakng_loader") is not None:
        return Finding("espeak-ng", "ok", f"espeakng-loader {metadata.version('espeakng-loader')} (GPL, own process)")
    return Finding("espeak-ng", "missing", "personas have no voice", 'pip install "sensorium[espeak]"')


def _extra(module: str, what: str, extra: str) -> Finding:
    if find_spec(module) is not None:
        return Finding(module, "ok", f"{metadata.version(module)}: {what}")
    return Finding(module, "optional", f"not installed: {what}", f'pip install "sensorium[{extra}]"')


def _home(home: Path) -> Finding:
    existing = home
    while not existing.exists():
        existing = existing.parent
    free_gb = shutil.disk_usage(existing).free / 1e9
    if not os.access(existing, os.W_OK):
        return Finding("home", "missing", f"{home} cannot be written", "set SENSORIUM_HOME to another folder")
    if free_gb < 0.5:
        return Finding("home", "missing", f"{home}: only {free_gb:.1f} GB free", "free some disk space")
    return Finding("home", "ok", f"{home}, {free_gb:.0f} GB free")


def _machine() -> Finding:
    import psutil

    memory_gb = psutil.virtual_memory().total / 1e9
    state = "ok" if memory_gb >= 2 else "missing"
    return Finding("machine", state, f"{os.cpu_count()} cores, {memory_gb:.0f} GB memory, {platform.machine()}")


def _gpu() -> Finding:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return Finding("gpu", "optional", "none found; everything runs on the CPU")
    query = [tool, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    result = subprocess.run(query, capture_output=True, text=True, timeout=10)
    if result.returncode != 0:
        return Finding("gpu", "optional", "nvidia-smi does not answer; everything runs on the CPU")
    return Finding("gpu", "ok", result.stdout.strip().replace("\n", "; "))
