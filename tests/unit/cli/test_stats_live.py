"""Given a house that runs, or none, when it is watched, then its budgets are a table, or one line says so."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from rich.console import Console

from sensorium.budgets import BUDGETS, Meter
from sensorium.cli.main import main
from sensorium.cli.stats import budget_table
from sensorium.front import live_file
from sensorium.metrics import Counters


def values(at_s: float) -> dict[str, object]:
    counters = Counters()
    meters = [Meter(process, counters) for process in ("front", "hearing", "speech", "vision")]
    for meter in meters:
        meter.add("vision.decode", 7.25)
    return {
        "at_s": at_s, "pid": os.getpid(), "personas": ["maya"], "rss_mb": {"front": 50.0, "total": 50.0},
        "ladders": {"vision": {"rung": "every 2nd", "at": 1, "of": 4, "changes": 1}}, "workers": {},
        "stages": {name: row for meter in meters for name, row in meter.values().items()},
        "counters": counters.snapshot(),
    }  # fmt: skip


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_the_table_has_every_row_with_its_budget_and_the_ladders() -> None:
    console = Console(width=120, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(budget_table(values(1.0)))
    shown = console.export_text()
    assert "1 personas in 50 MB; vision: every 2nd" in shown
    rows = {line.split()[1]: line for line in shown.splitlines() if "│" in line}
    assert set(rows) == {budget.stage for budget in BUDGETS}
    cells = [cell.strip() for cell in rows["vision.decode"].strip("│").split("│")]
    assert cells == ["vision.decode", "5", "7.2", "7.2", "7.2", "7.2", "1", "1"]


def test_prometheus_text_of_a_running_house(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    live_file.write(tmp_path, values(time.time()))
    assert run("stats", "--prometheus", "--home", str(tmp_path)) == 0
    shown = capsys.readouterr().out
    assert 'sensorium_stage_seconds_count{stage="vision.decode"} 1' in shown.splitlines()
    assert run("stats", "--prometheus", "--json", "--home", str(tmp_path)) == 0
    assert json.loads(capsys.readouterr().out)["stages"]["vision.decode"]["missed"] == 1


@pytest.mark.parametrize("option", ["--watch", "--prometheus"])
def test_when_nothing_runs_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    assert run("stats", option, "--home", str(tmp_path)) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"sensorium: nothing is running in {tmp_path}")
    assert len(told.splitlines()) == 1


def test_watching_ends_with_the_house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    live_file.write(tmp_path, values(time.time()))
    looks = iter([lambda: None, lambda: live_file.remove(tmp_path)])
    monkeypatch.setattr("sensorium.cli.stats.time.sleep", lambda _: next(looks)())
    assert run("stats", "--watch", "--home", str(tmp_path)) == 0
    assert next(looks, None) is None


def test_watching_is_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("stats", "--watch", "--json", "--home", str(tmp_path)) == 2
    assert "--watch is for people" in capsys.readouterr().err
