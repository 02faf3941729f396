"""What people say in nano's world asks for no tool; what asks for one does, however it is put."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from training import world

from sensorium import asking
from sensorium.front.toolbox import alike
from sensorium.prompting.words import spoken
from sensorium.tools.notes import notes
from sensorium.tools.timer import timer

PHRASES = [(tool.name, asking.parse(text)) for tool in (notes, timer) for text in tool.phrases]


def asks_for(text: str, called: str = "maya") -> str | None:
    words = asking.bare(spoken(text, stops=False).split(), [called])
    return next((name for name, phrase in PHRASES if asking.fitted(phrase, words, alike) is not None), None)


@pytest.mark.parametrize("intent", sorted(world.INTENTS))
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_ordinary_talk_asks_for_none(intent: str, seed: int) -> None:
    rng = random.Random(seed)
    for template in (*world.INTENTS[intent].train, *world.INTENTS[intent].held):
        given = {"words": "milk and bread"} if "{words}" in template else None
        text, _ = world.fill(template, world.Filler(rng, held=rng.random() < 0.5), given)
        assert asks_for(world.address(text, "maya", rng, split="train")) is None, text
        assert asks_for(text) is None, text


@pytest.mark.parametrize(
    ("text", "tool"),
    [
        ("Maya, set a timer for 2 minutes!", "timer"),
        ("hey maya, could you please set a timer for an hour and a half?", "timer"),
        ("set a 10 minute timer, Maya", "timer"),
        ("maya set a timers for two minutes", "timer"),
        ("Maya, tell me in 20 minutes.", "timer"),
        ("maya wait two minutes", "timer"),
        ("Maya, how much time's left?", None),
        ("maya how much time is left on the timer", "timer"),
        ("Maya, what's on the note pad?", "notes"),
        ("maya note that anna calls at five", "notes"),
        ("maya use the notebook milk and bread", "notes"),
        ("maya what is in the notebook", "notes"),
        ("maya set a timer for ten apples", None),
        ("maya where is my notebook", None),
        ("maya i put my notebook in the kitchen", None),
        ("maya tell me in rome", None),
        ("maya wait", None),
        ("maya what time is it", None),
        ("maya noted", None),
        ("maya i will set a timer for two minutes", None),
    ],
)
def test_what_asks_for_a_tool(text: str, tool: str | None) -> None:
    assert asks_for(text) == tool
