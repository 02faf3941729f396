"""A reply's words as they are written, one piece after the other. Pure."""

from __future__ import annotations

_ENDS = tuple(".!?\u2026")


class Words:
    """Pieces are words that will not change any more; joined they are the reply."""

    def __init__(self) -> None:
        self._given = ""

    def more(self, so_far: str) -> str:
        """What can be given now: the last word may still grow, and waits for the next or a sentence's end."""
        return self.rest(so_far if so_far.endswith(_ENDS) else so_far[: so_far.rfind(" ") + 1].rstrip())

    def rest(self, whole: str) -> str:
        """All that was not given yet; "" when `whole` is less, or other words: what was given stays said."""
        if not whole.startswith(self._given):
            return ""
        piece, self._given = whole[len(self._given) :], whole
        return piece
