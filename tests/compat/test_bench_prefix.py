"""`sensorium bench prefix` from the command line, small: its promises hold and it leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

pytest.importorskip(
    "xllamacpp", reason="no llama-server: the xllamacpp wheel is not installed (group compat)"
)


def command(*, shared_tokens: int = 700, turns: int = 3) -> list[str]:
    return [
        *(sys.executable, "-m", "sensorium", "bench", "prefix", "--json"),
        *("--personas", "3", "--prompt-tokens", "1500", "--server-slots", "2"),
        *("--shared-tokens", str(shared_tokens), "--turns", str(turns)),
    ]


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    """With fewer slots than personas: every promise about ours holds there too."""
    done = subprocess.run(command(), capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_after_the_first_turn_only_the_volatile_tier_is_processed(result: dict[str, Any]) -> None:
    ours = result["ours"]

    assert ours["processed_tokens_max"] == result["settings"]["volatile_tokens"] == 100
    assert ours["settled_tokens"] > 0


def test_the_shared_head_is_computed_once(result: dict[str, Any]) -> None:
    assert result["ours"]["first_turn_processed_tokens"] == 700 + 3 * 800


def test_cold_computes_everything(result: dict[str, Any]) -> None:
    cold = result["cold"]

    assert cold["hit_rate"] == 0 and cold["first_turn_processed_tokens"] == 3 * 1500
    assert cold["processed_tokens_median"] >= 1500


def test_reuse_and_adapters_change_no_reply(result: dict[str, Any]) -> None:
    assert result["outputs_equal_cold"] and result["adapter_aba_equal_cold"]
    assert result["equality"]["num_turns"] == 40


def test_the_object_says_what_was_measured(result: dict[str, Any]) -> None:
    wanted = {"first_turn_processed_tokens", "processed_tokens_median", "processed_tokens_max"}
    wanted |= {"ttft_ms_median", "ttft_ms_p99", "hit_rate", "rss_mb"}

    for name in ("ours", "cold", "llama_server_default", "llama_server_pinned"):
        assert wanted <= result[name].keys()
    assert {"speedup_vs_cold", "max_logprob_difference", "commit", "machine", "settings"} <= result.keys()


def test_what_does_not_fit_together_is_one_line_and_exit_code_2() -> None:
    done = subprocess.run(command(shared_tokens=1499), capture_output=True, text=True, timeout=30)

    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and "leave at least" in done.stderr


def test_ctrl_c_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    bench = subprocess.Popen(
        command(turns=90), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    children = _children_when_all_run(bench.pid)

    bench.send_signal(signal.SIGINT)
    bench.communicate(timeout=20)

    assert bench.returncode == 130
    assert psutil.wait_procs(children, timeout=5)[1] == []
    assert list(tmp_path.iterdir()) == []


def _children_when_all_run(pid: int) -> list[psutil.Process]:
    """Waits until the four engines are there."""
    tick = threading.Event()
    for _ in range(600):
        children = psutil.Process(pid).children(recursive=True)
        if len(children) >= 4:
            return children
        tick.wait(0.05)
    raise AssertionError(f"only {len(children)} engines after half a minute")
