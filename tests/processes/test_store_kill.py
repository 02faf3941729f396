"""Given a process that writes and acknowledges, when it is killed, then all that it acknowledged is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from sensorium.store import memories, messages
from sensorium.store.database import Database
from sensorium.store.store import Store

# Writes in batches as fast as it can; prints an id only when its future is resolved.
WRITER = """
import sys
from pathlib import Path
from sensorium.store import memories, messages
from sensorium.store.store import Store

store = Store.open(Path(sys.argv[1]))
said = 0
while True:
    futures = []
    for _ in range(8):
        said += 1
        futures.append(store.submit(
            messages.append, "living-room", "person", f"line {said}", at_s=1.0, speaker_id="sam"))
        store.submit(memories.add, "maya", f"sam said line {said}", 1.0)
    for future in futures:
        entry = future.result()
        print(entry.id, entry.text, flush=True)
"""


def _write_until_killed(path: Path, acknowledged: int) -> list[str]:
    """The lines that the child printed before SIGKILL, which comes after `acknowledged` of them."""
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout is not None and child.stderr is not None
    with child.stdout, child.stderr:
        lines = [child.stdout.readline() for _ in range(acknowledged)]
        child.kill()
        # What was still in the pipe was acknowledged too; the last line may be cut.
        lines += [line for line in child.stdout if line.endswith("\n")]
        assert child.wait() == -9, child.stderr.read()
    return lines


def _whole(db: Database) -> None:
    assert db.pragma("integrity_check") == "ok"
    assert db.pragma("foreign_key_check") is None


def test_kill_9_during_writes_loses_nothing_acknowledged_and_opens_clean(tmp_path: Path) -> None:
    path = tmp_path / "sensorium.db"
    acknowledged: dict[int, str] = {}
    for round_ in range(3):
        for line in _write_until_killed(path, acknowledged=150 + 90 * round_):
            entry_id, text = line.split(" ", 1)
            acknowledged[int(entry_id)] = text.strip()
        with Store.open(path) as store:
            store.read(_whole).result()
            store.submit(
                lambda db: (
                    db.execute("INSERT INTO memory_words (memory_words) VALUES ('integrity-check')") and None
                )
            ).result()
            kept = {e.id: e.text for e in store.read(messages.entries, "living-room", 1_000_000).result()}
            assert acknowledged.items() <= kept.items()
            assert store.read(memories.recall, "maya", "line 3", 1).result()
    assert len(acknowledged) >= 3 * 150
