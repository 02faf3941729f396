"""Which end of a long history still fits. Pure; counts characters, because only an engine counts tokens."""

from __future__ import annotations

from itertools import accumulate

from sensorium.history import Entry

# What a frame and a name cost beside the text.
_FRAME_CHARS = 16


def recent(history: tuple[Entry, ...], max_chars: int) -> tuple[Entry, ...]:
    """The newest entries that fit into `max_chars`, from a starting point that seldom moves.

    Each move costs a prefill of the whole window, so it jumps by half a window rather than creep by an
    entry each turn. Depends on nothing but the history: every process and every start agrees.
    """
    if max_chars <= 0:
        raise ValueError(f"max_chars is {max_chars}")
    ends = list(accumulate(len(e.text) + len(e.speaker_name) + _FRAME_CHARS for e in history))
    total_chars = ends[-1] if ends else 0
    if total_chars <= max_chars:
        return history
    step_chars = max(1, max_chars // 2)
    cut_chars = -(-(total_chars - max_chars) // step_chars) * step_chars
    first = next((i for i, end in enumerate(ends) if end >= cut_chars), len(ends)) + 1
    return history[first:]
