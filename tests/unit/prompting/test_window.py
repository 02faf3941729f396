from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.prompting.views import said

from sensorium.prompting.window import recent


def _history(lengths: list[int]):
    return tuple(said(i, "Joe", "x" * n) for i, n in enumerate(lengths))


def _chars(history) -> int:
    return sum(len(e.text) + len(e.speaker_name) + 16 for e in history)


def test_a_short_history_is_kept_whole() -> None:
    history = _history([5] * 10)
    assert recent(history, 10_000) == history
    assert recent((), 10) == ()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 50), max_size=60), st.integers(100, 600))
def test_the_window_fits_and_is_the_newest_end(lengths: list[int], max_chars: int) -> None:
    history = _history(lengths)
    kept = recent(history, max_chars)
    assert _chars(kept) <= max_chars
    assert kept == history[len(history) - len(kept) :]
    assert _chars(history) <= max_chars or _chars(kept) >= max_chars // 2 - 2 * (50 + 3 + 16)


def test_the_start_moves_seldom() -> None:
    """A window that crept would prefill the whole conversation on every turn."""
    lengths = [21] * 400
    starts = [recent(_history(lengths[:n]), 2_000)[0].id for n in range(1, 401)]
    assert starts == sorted(starts)
    moves = sum(a != b for a, b in pairwise(starts))
    assert moves <= 400 * 40 // 1_000 + 1


def test_no_room_is_refused() -> None:
    with pytest.raises(ValueError, match="max_chars"):
        recent((), 0)
