"""Given what the guided fuzzer starts from, and that damaged, when each target reads it, then it is read or
refused; so the targets stay whole where atheris is not installed."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.examples import fuzz
from tests.fuzz.targets import TARGETS, attempt
from tests.fuzz.test_files import damaged

from sensorium.errors import BadInput
from sensorium.front.realtime.client_events import Refused


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_what_the_target_takes(name):
    """But for the voice, which is cut off in its weights."""
    target = TARGETS[name]
    for seed in target.seeds:
        with pytest.raises(BadInput) if name == "gguf" else contextlib.nullcontext():
            target.read(seed)


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_no_such_thing_is_refused(name):
    with pytest.raises((BadInput, Refused)):
        TARGETS[name].read(b"\xff" * 64)


@pytest.mark.parametrize("name", TARGETS)
@fuzz
@given(data=st.data())
def test_a_damaged_seed_is_read_or_refused(name, data):
    seed = data.draw(st.sampled_from(TARGETS[name].seeds))
    attempt(TARGETS[name], data.draw(damaged(seed, 200)))
