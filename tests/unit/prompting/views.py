"""Views and formats that the tests of prompting share."""

from __future__ import annotations

import hashlib

from msgspec.structs import replace

from sensorium.bundles.catalogue import find
from sensorium.history import Entry
from sensorium.persona import Persona
from sensorium.prompting.compose import compose
from sensorium.prompting.format import Frame, PromptFormat, from_bundle
from sensorium.prompting.view import Tool, View
from sensorium.recipe import Recipe
from sensorium.request import Part, Prompt, Scope, Tier

NANO = from_bundle(find("nano").prompt)


def _turn(role: str, *, named: bool = False) -> Frame:
    middle = (": ",) if named else ()
    return Frame(open=("<|im_start|>", f"{role}\n"), middle=middle, close=("<|im_end|>", "\n"), named=named)


CHATML = PromptFormat(
    special_tokens=("<|im_start|>", "<|im_end|>"),
    rules=_turn("system"),
    tools=_turn("system"),
    recipe=_turn("system"),
    identity=_turn("system"),
    person=_turn("user", named=True),
    persona=_turn("user", named=True),
    self_=_turn("assistant"),
    event=_turn("system"),
    memory=_turn("system"),
    percept=_turn("system"),
    time=_turn("system"),
    rules_text="You are one voice in a room.",
)
FORMATS = (NANO, CHATML)

TOOLS = (
    Tool(name="lamp", description="turns the lamp on", parameters={"type": "object", "required": []}),
    Tool(name="clock", description="tells the time"),
)


def said(entry_id: int, name: str, text: str) -> Entry:
    return Entry(id=entry_id, kind="person", text=text, speaker_id=name.lower(), speaker_name=name)


def replied(entry_id: int, name: str, text: str) -> Entry:
    return Entry(id=entry_id, kind="persona", text=text, speaker_id=name.lower(), speaker_name=name)


def happened(entry_id: int, text: str) -> Entry:
    return Entry(id=entry_id, kind="event", text=text)


def a_view(name: str = "Maya") -> View:
    """Maya's room at 16:17, with something in every tier."""
    return View(
        persona=Persona(
            id=name.lower(),
            name=name,
            description="You are calm",
            facts={"pet": "a cat", "likes": "green tea", "age": "30", "favourite_colour": "red"},
        ),
        recipe=Recipe(text="Be brief."),
        room_id="den",
        tools=TOOLS,
        history=(
            happened(1, "Joe comes in."),
            said(2, "Joe", "Hi, my dog is called Rex!"),
            replied(3, "Maya", "Hello. I like dogs."),
            replied(4, "Sam", "So do I."),
        ),
        personas_here=("Sam", "Maya"),
        people_here=("Joe",),
        memories=("Joe has a dog.",),
        percepts=("You see a red ball.",),
        wall_s=16 * 3600 + 17 * 60,
        newest=said(5, "Joe", "Maya, what do you like?"),
    )


def text_of(prompt: Prompt, source: str) -> list[str]:
    """The text parts of one source, joined block by block."""
    return ["".join(p.text for p in b.parts if not p.special) for b in prompt.blocks if b.source == source]


def specials(prompt: Prompt) -> list[str]:
    return [p.text for b in prompt.blocks for p in b.parts if p.special]


def shared_bytes(prompt: Prompt) -> bytes:
    return b"".join(b.to_bytes() for b in prompt.blocks if b.scope is Scope.SHARED)


def all_bytes(prompt: Prompt) -> bytes:
    return b"".join(b.to_bytes() for b in prompt.blocks)


def stable_bytes(prompt: Prompt) -> bytes:
    return prompt.tier_bytes(Tier.INVARIANT) + prompt.tier_bytes(Tier.SEMI_STABLE)


def parts_of(prompt: Prompt) -> list[Part]:
    return [p for b in prompt.blocks for p in b.parts]


def batch_digest() -> str:
    """One hash over a fixed batch of prompts; what another process must reproduce."""
    digest = hashlib.sha256()
    for prompt_format in FORMATS:
        for i, name in enumerate(("Maya", "Sam", "Zoë", "Ana Lucía", "Ole")):
            view = replace(
                a_view(name), wall_s=i * 12_345.0, tools=TOOLS[: i % 3], memories=("a", "b")[: i % 3]
            )
            digest.update(all_bytes(compose(view, prompt_format)))
    return digest.hexdigest()
