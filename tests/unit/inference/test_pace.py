from __future__ import annotations

import pytest

from sensorium.inference.pace import TILE_TOKENS, Pace


def learned(fixed_ms: float, token_ms: float, small_ms: float | None = None) -> Pace:
    pace = Pace()
    for _ in range(30):
        pace.observed(1, fixed_ms)
        pace.observed(16, fixed_ms + 16 * (small_ms or token_ms))
        pace.observed(256, fixed_ms + 256 * token_ms)
    return pace


def test_before_it_knows_anything_it_asks_for_one_tile() -> None:
    assert Pace().tokens_within(30, 30, 8, 512) == TILE_TOKENS
    assert Pace().tokens_within(30, 30, 8, 10) == 10


@pytest.mark.parametrize(("wanted_ms", "tokens"), [(30, 256), (14, 128), (100, 512), (7.4, 64)])
def test_a_chunk_is_as_many_whole_tiles_as_fit(wanted_ms: float, tokens: int) -> None:
    assert learned(1.0, 0.1).tokens_within(wanted_ms, 200, 8, 512) == tokens


def test_one_tile_may_take_longer_than_wanted_but_not_longer_than_most() -> None:
    pace = learned(5.0, 1.0, small_ms=4.0)
    assert pace.tokens_within(30, 200, 2, 512) == TILE_TOKENS
    assert pace.tokens_within(30, 30, 2, 512) == 6


def test_never_less_than_at_least_so_that_work_ends() -> None:
    assert learned(500.0, 100.0).tokens_within(30, 30, 8, 512) == 8


def test_it_follows_when_batches_become_slower() -> None:
    pace = learned(1.0, 0.1)
    for _ in range(60):
        pace.observed(256, 1 + 256 * 0.4)
    assert pace.tokens_within(30, 30, 8, 512) == 64


def test_a_clock_that_stands_still_is_no_problem() -> None:
    assert learned(0.0, 0.0).tokens_within(30, 200, 8, 512) == 512
