"""How much of something may come in a time: a bucket that fills again. Pure; time is an argument."""

from __future__ import annotations


class Rate:
    """So much a second, `burst` at once."""

    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s = per_s
        self._burst = self._left = burst
        self._at_s: float | None = None

    def takes(self, amount: float, now_s: float) -> bool:
        """False when it is too much; then it does not count."""
        if self.wait_s(amount, now_s) > 0.0:
            return False
        self._left -= amount
        return True

    def take(self, amount: float, now_s: float) -> float:
        """Counts it, however much it is; how long whoever gave it should wait."""
        wait_s = self.wait_s(amount, now_s)
        self._left -= amount
        return wait_s

    def wait_s(self, amount: float, now_s: float) -> float:
        """How long until it would be taken; 0 now."""
        passed_s = max(0.0, now_s - self._at_s) if self._at_s is not None else 0.0
        self._at_s = now_s
        self._left = min(self._burst, self._left + passed_s * self._per_s)
        return max(0.0, amount - self._left) / self._per_s
