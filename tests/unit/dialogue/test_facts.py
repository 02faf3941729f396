"""Facts that a person states in passing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.dialogue.facts import stated


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("my dog is called rex", "sam has a dog called rex"),
        ("Maya, my dog is called Rex.", "sam has a dog called rex"),
        ("hello maya my cat is named mina", "sam has a cat called mina"),
        ("maya do i like tea", None),
        ("theo what do i like best", None),
        ("well my cat is named mina", "sam has a cat called mina"),
        ("my dog's name is rex", "sam has a dog called rex"),
        ("i like green apples", "sam likes green apples"),
        ("i live in lisbon and i like tea", "sam likes tea"),
        ("I'm from Norway!", "sam is from norway"),
        ("my favourite colour is blue", "the colour of sam is blue"),
        ("remember my keys is in the kitchen maya", "the keys of sam is in the kitchen"),
        ("theo please you know i live in milan now", "sam lives in milan"),
        ("i have a spider and it is called muffin maya", "sam has a spider called muffin"),
        ("the name of my eagle is lucky", "sam has a eagle called lucky"),
        ("turquoise is my colour", "the colour of sam is turquoise"),
        ("what i like is tea", "sam likes tea"),
        ("i am now thirty years old", "sam is thirty years old"),
        ("tell me what i like", None),
        ("say my dog is called rex", None),
        ("what is my colour", None),
        ("who is my friend", None),
        ("i have a red bicycle", "sam has a red bicycle"),
        ("i work as a baker", "sam is a baker"),
        ("remember that the door is open", "the door is open"),
        ("what is my dog called", None),
        ("do you know that my dog is called rex", None),
        ("i like you", None),
        ("hello maya", None),
        ("", None),
    ],
)
def test_what_is_worth_remembering(text: str, fact: str | None) -> None:
    assert stated(text, "Sam", ["Maya", "Theo"]) == fact


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_anything_can_be_said(text: str) -> None:
    fact = stated(text, "Sam")

    assert fact is None or fact.strip()
