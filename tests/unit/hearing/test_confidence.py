"""Confidence: a mean of log-probabilities, made a number between 0 and 1."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.hearing.confidence import confidence

LOG_PROBS = st.lists(st.floats(-30, 0), min_size=1, max_size=12)


@given(LOG_PROBS)
def test_it_is_between_0_and_1_and_knows_only_the_mean(log_probs):
    found = confidence(log_probs)
    assert 0.0 <= found <= 1.0
    assert found == pytest.approx(confidence([sum(log_probs) / len(log_probs)]), abs=0.0011)


@given(st.floats(-30, 0), st.floats(-30, 0))
def test_a_better_score_is_never_trusted_less(a, b):
    assert confidence([min(a, b)]) <= confidence([max(a, b)])


def test_certain_words_are_trusted_and_none_are_not():
    assert confidence([0.0, -0.0]) == 1.0
    assert confidence([]) == 0.0
    assert confidence([math.log(0.99)]) > 0.8 > 0.2 > confidence([math.log(0.9)])
    assert confidence([-7.0]) < 0.01
