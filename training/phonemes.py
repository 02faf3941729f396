"""espeak-ng's names of phonemes, made plain."""

from __future__ import annotations

PAUSE = "_"


def bare_phoneme(name: str) -> str:
    """Without stress and length of pauses."""
    return PAUSE if name.startswith(PAUSE) or not name else name.lstrip("',%=|") or PAUSE
