"""The README's first command as written: `make demo`. (Its second is what runs this test.)"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from sensorium.audio import read_wav

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(300)
def test_make_demo_answers_every_question_aloud(tmp_path: Path) -> None:
    # Given a checkout, when the README's command runs
    environment = {**os.environ, "OUT": str(tmp_path)}
    done = subprocess.run(
        ["make", "demo"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280
    )

    # Then it ends well, and each question has an answer that can be played
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    replies = sorted(tmp_path.glob("*.wav"))
    assert len(replies) == done.stdout.count("\nsam: ")
    assert len(replies) >= 4
    assert all(read_wav(path).seconds > 0.3 for path in replies)
    assert (tmp_path / "timeline.html").is_file()
    assert (tmp_path / "trace.json").is_file()
