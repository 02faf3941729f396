"""Runs `sensorium` in this process, in a home of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sensorium.cli.main import main


class Ended(NamedTuple):
    """How a command ended: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def value(self) -> dict[str, Any]:
        """The JSON object, which is all of stdout."""
        assert self.out.count("\n") == 1
        value: dict[str, Any] = json.loads(self.out)
        return value


Sensorium = Callable[..., Ended]


@pytest.fixture
def sensorium(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Sensorium:
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path / "home"))

    def run(*arguments: str) -> Ended:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        captured = capsys.readouterr()
        return Ended(int(ended.value.code or 0), captured.out, captured.err)

    return run
