"""Where trained files go, and how bundle.toml learns of them."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

BUNDLE = Path(__file__).parents[2] / "src" / "sensorium" / "bundles" / "nano"


def record(role: str, path: Path) -> None:
    """Writes the file's name and sha256 into `[files.<role>]`, which is added when it is not there."""
    toml = BUNDLE / "bundle.toml"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    entry = f'[files.{role}]\npath = "{path.name}"\nsha256 = "{digest}"\n'
    text = toml.read_text(encoding="utf-8")
    pattern = rf'\[files\.{role}\]\npath = "[^"]*"\nsha256 = "[0-9a-f]*"\n'
    changed, count = re.subn(pattern, entry, text)
    if not count:
        changed = text.replace("[prompt]\n", f"{entry}\n[prompt]\n", 1)
    toml.write_text(changed, encoding="utf-8")
