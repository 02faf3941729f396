"""How long a silence must be before the turn is over."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.dialogue.endpointing import Endpointing


@pytest.mark.parametrize(("p_end", "wait_ms"), [(1.0, 200), (0.25, 200), (0.0, 800), (0.125, 500)])
def test_the_surer_the_model_the_shorter_the_wait(p_end: float, wait_ms: int) -> None:
    assert Endpointing().wait_ms(p_end) == wait_ms
    assert Endpointing().is_end(wait_ms, p_end)
    assert not Endpointing().is_end(wait_ms - 1, p_end)


@pytest.mark.parametrize("p_end", [math.nan, math.inf, -1.0, 7.0])
def test_an_opinion_that_is_no_probability_counts_as_none(p_end: float) -> None:
    assert Endpointing().wait_ms(p_end) == 800


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_wait_falls_with_certainty(a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert Endpointing().wait_ms(high) <= Endpointing().wait_ms(low)
