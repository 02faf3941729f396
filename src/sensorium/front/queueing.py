"""How long a process's threads were ready to run and had no core, as Linux counts it."""

from __future__ import annotations

from pathlib import Path


class QueuedTime:
    """Reads /proc/PID/task/*/schedstat: memory of the kernel, a few microseconds for each thread."""

    def __init__(self, pid: int) -> None:
        self._tasks = Path(f"/proc/{pid}/task")
        self._queued_ns: dict[str, int] = {}

    def since_last_s(self) -> float:
        """Of the thread that had to wait most since the last call; 0.0 at first, when the process is gone,
        and where the system does not count."""
        before, self._queued_ns = self._queued_ns, self._read()
        waits_ns = [now - before[task] for task, now in self._queued_ns.items() if task in before]
        return max(waits_ns, default=0) / 1e9

    def _read(self) -> dict[str, int]:
        found = {}
        try:
            for task in self._tasks.iterdir():
                found[task.name] = int((task / "schedstat").read_bytes().split()[1])
        except (OSError, ValueError, IndexError):
            return {}
        return found
