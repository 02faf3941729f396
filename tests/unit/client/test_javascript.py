"""The page's own tests, run by node where it is; a browser runs the same in tests/browser."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import get_args

import pytest
from tests.unit.client.golden import FROM_PAGE, TO_PAGE, golden

from sensorium.wire import page

HERE = Path(__file__).parent
CLIENT = Path(page.__file__).parents[1] / "client"
MAX_LINES = 300


def test_the_golden_bytes_have_every_record() -> None:
    assert {type(record) for record in TO_PAGE} == set(get_args(page.ToPage))
    assert {type(record) for record, _ in FROM_PAGE} == set(get_args(page.FromPage))


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed; tests/browser runs the same")
def test_the_pages_tests_pass_in_node(tmp_path: Path) -> None:
    (tmp_path / "golden.json").write_text(json.dumps(golden()))
    environment = {**os.environ, "GOLDEN": str(tmp_path / "golden.json"), "NODE_NO_WARNINGS": "1"}

    done = subprocess.run(
        ["node", "--test", "--test-reporter=tap", str(HERE / "run.test.js")],
        capture_output=True, text=True, env=environment, timeout=110, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "# fail 0" in done.stdout and "# pass 0" not in done.stdout


@pytest.mark.parametrize("path", sorted(CLIENT.rglob("*.js")), ids=lambda path: path.name)
def test_a_file_of_the_page_stays_short_and_its_own(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert len(text.splitlines()) <= MAX_LINES
    # Nothing from elsewhere: the policy of the page forbids it, and so does privacy.
    assert "https://" not in text and "innerHTML" not in text and "eval(" not in text
