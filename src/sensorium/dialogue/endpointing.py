"""When is a sentence over? Silence, weighed by the ear's own opinion.

Short wait when the ear is sure that the sentence is finished, long when it is sure that it is not.
"""

from __future__ import annotations

from typing import NamedTuple


class Endpointing(NamedTuple):
    """`sure_ms`: silence needed at p_end = 1. `unsure_ms`: at p_end = 0. Between them a straight line."""

    sure_ms: int = 240
    unsure_ms: int = 1_200

    def wait_ms(self, p_end: float) -> int:
        """Silence, in ms, after which the turn is over. A p_end that is no probability counts as 0."""
        p = p_end if 0.0 <= p_end <= 1.0 else 0.0
        return round(self.unsure_ms + (self.sure_ms - self.unsure_ms) * p)

    def is_end(self, silence_ms: float, p_end: float) -> bool:
        return silence_ms >= self.wait_ms(p_end)
