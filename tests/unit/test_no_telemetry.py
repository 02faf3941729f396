"""Given the libraries that we load, when they are used, then nothing is told to anybody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

OPENS_THE_EAR = """
import sensorium.hearing.encoder
import onnxruntime
from sensorium.bundles import catalogue
onnxruntime.InferenceSession(str(catalogue.find("nano").file("ear")), providers=["CPUExecutionProvider"])
"""


def test_onnxruntime_keeps_no_id_and_no_queue_of_reports(tmp_path: Path) -> None:
    """Its telemetry leaves ~/.cache/Microsoft and .ses in the temporary folder."""
    places = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    subprocess.run([sys.executable, "-c", OPENS_THE_EAR], env={**environment, **places}, check=True)
    assert list(tmp_path.rglob("*")) == []
