"""How many prompt tokens a batch may hold so that it ends in time, learned from what batches took. Pure
arithmetic.
"""

from __future__ import annotations

# The CPU's flash attention works on tiles of 64 rows; smaller batches cost two to four times as much for
# each token when the context is long (docs/decisions/0002-unified-kv.md).
TILE_TOKENS = 64
# A batch can be slow because another process had the core; it can hardly be fast by accident.
_WEIGHT_DOWN = 0.3
_WEIGHT_UP = 0.1


class Pace:
    """A batch costs `fixed_ms` and so much for each token: `tile_ms` in whole tiles, else `small_ms`."""

    def __init__(self) -> None:
        self.fixed_ms: float | None = None
        self.small_ms: float | None = None
        self.tile_ms: float | None = None

    def observed(self, num_tokens: int, ms: float) -> None:
        """One batch of `num_tokens` took `ms`."""
        if num_tokens <= 2:
            self.fixed_ms = _moved(self.fixed_ms, ms)
            return
        each_ms = max(ms - (self.fixed_ms or 0.0), 0.1 * ms, 1e-3) / num_tokens
        if num_tokens < TILE_TOKENS:
            self.small_ms = _moved(self.small_ms, each_ms)
        else:
            self.tile_ms = _moved(self.tile_ms, each_ms)

    def tokens_within(self, wanted_ms: float, most_ms: float, at_least: int, at_most: int) -> int:
        """As many tokens as fit into `wanted_ms`, in whole tiles; one tile if that fits into `most_ms`; else
        few. Never less than `at_least`, so that all work comes to its end."""
        if self.tile_ms is None:
            return min(TILE_TOKENS, at_most)
        fixed_ms = self.fixed_ms or 0.0
        num_tiles = int((wanted_ms - fixed_ms) / (self.tile_ms * TILE_TOKENS))
        if num_tiles < 1 and fixed_ms + self.tile_ms * TILE_TOKENS <= most_ms:
            num_tiles = 1
        if num_tiles:
            return min(num_tiles * TILE_TOKENS, at_most)
        fits = int((wanted_ms - fixed_ms) / (self.small_ms or self.tile_ms))
        return min(max(at_least, fits), at_most)


def _moved(average: float | None, value: float) -> float:
    if average is None:
        return value
    return average + (_WEIGHT_DOWN if value < average else _WEIGHT_UP) * (value - average)
