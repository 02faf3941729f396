"""How many prompt tokens fit into so many milliseconds, learned from what batches took. Pure arithmetic."""

from __future__ import annotations

# A batch can be slow because another process had the core; it can hardly be fast by accident.
_WEIGHT_DOWN = 0.3
_WEIGHT_UP = 0.1
_FIRST_GUESS_TOKENS = 32


class Pace:
    """A batch costs `fixed_ms` plus `token_ms` for each token; both are moving averages."""

    def __init__(self) -> None:
        self.fixed_ms: float | None = None
        self.token_ms: float | None = None

    def observed(self, num_tokens: int, ms: float) -> None:
        """One batch of `num_tokens` took `ms`. Small batches teach the fixed part, large ones the slope."""
        if num_tokens <= 2:
            self.fixed_ms = _moved(self.fixed_ms, ms)
        elif num_tokens >= 8:
            rest = max(ms - (self.fixed_ms or 0.0), ms * 0.1)
            self.token_ms = _moved(self.token_ms, rest / num_tokens)

    def tokens_within(self, budget_ms: float, at_least: int, at_most: int) -> int:
        """How long a chunk may be; never less than `at_least`, so that all work comes to its end."""
        if self.token_ms is None:
            return max(at_least, min(at_most, _FIRST_GUESS_TOKENS))
        fits = int((budget_ms - (self.fixed_ms or 0.0)) / max(self.token_ms, 1e-6))
        return max(at_least, min(at_most, fits))


def _moved(average: float | None, value: float) -> float:
    if average is None:
        return value
    return average + (_WEIGHT_DOWN if value < average else _WEIGHT_UP) * (value - average)
