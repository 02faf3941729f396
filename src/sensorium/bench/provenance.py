"""Where a figure comes from: which commit, which machine, which versions. Every bench says so."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any


def machine() -> dict[str, Any]:
    """Load is that of the last minute, so that a busy machine can be seen in the numbers."""
    return {
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "load_1min": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
    }


def commit() -> str:
    """The checkout's commit, or the installed version outside a checkout."""
    found = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() if found.returncode == 0 else version("sensorium")


def version(package: str) -> str:
    """Of an installed package; "absent" if it is not."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"
