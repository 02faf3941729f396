"""Where trained files go, and how bundle.toml learns of them."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

BUNDLE = Path(__file__).parents[2] / "src" / "sensorium" / "bundles" / "nano"
VOICES = "voices"


def record(role: str, path: Path) -> None:
    """Writes the file's name and sha256 into `[files.<role>]`, which is added when it is not there."""
    _record(f"files.{role}", path.name, path)


def record_voice(name: str, path: Path) -> None:
    """The same for `[voices.<name>]`, of a file in the bundle's folder `voices`."""
    _record(f"voices.{name}", f"{VOICES}/{path.name}", path)


def _record(table: str, shown: str, path: Path) -> None:
    toml = BUNDLE / "bundle.toml"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    entry = f'[{table}]\npath = "{shown}"\nsha256 = "{digest}"\n'
    text = toml.read_text(encoding="utf-8")
    pattern = rf'\[{re.escape(table)}\]\npath = "[^"]*"\nsha256 = "[0-9a-f]*"\n'
    changed, count = re.subn(pattern, entry, text)
    if not count:
        changed = text.replace("[prompt]\n", f"{entry}\n[prompt]\n", 1)
    toml.write_text(changed, encoding="utf-8")
