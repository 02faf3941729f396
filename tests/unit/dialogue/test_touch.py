"""Pointer, key and page events become few short sentences, whatever comes in whatever order."""

from __future__ import annotations

import math
from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.dialogue.touch import (
    EXPIRE_S,
    MAX_EVENTS,
    MAX_MESSAGE_BYTES,
    MAX_PEOPLE,
    MAX_SENTENCES,
    Touched,
    Touches,
    read,
)
from sensorium.errors import BadInput

NAMES = {"maya": "Maya", "hugo": "Hugo"}
KINDS = get_args(Touched.__annotations__["kind"]) or (
    "move", "press", "release", "cancel", "key", "focus", "blur", "show", "hide",
)  # fmt: skip
NEAR = Touched("move", "maya")
CLICK = (Touched("press", "maya"), Touched("release", "maya"))


def perceived(
    *events: Touched, prose: bool = True, by: str = "maya", after_s: float = 0.0
) -> tuple[str, ...]:
    """By one persona, when each event came a frame after the other."""
    touches = Touches(prose=prose)
    for n, event in enumerate(events):
        touches.take("sam", "Sam", [event], 5.0 + 0.02 * n)
    return touches.percepts(by, NAMES, 5.0 + 0.02 * len(events) + after_s)


def to_and_fro(turns: int) -> list[Touched]:
    """The pointer over Maya, from one side to the other."""
    return [Touched("move", "maya", 0.4 + 0.2 * (n % 2), 0.5) for n in range(turns + 2)]


@pytest.mark.parametrize(
    ("events", "closed", "to_maya", "to_hugo"),
    [
        (CLICK, ("Sam touches you",), ("Sam touches you.",), ("Sam touches Maya.",)),
        ([Touched("move", "maya")], ("Sam comes near",), ("Sam comes near you.",), ("Sam comes near Maya.",)),
        ([Touched("key")] * 5, (), ("Sam is typing.",), ("Sam is typing.",)),
        ([Touched("blur"), Touched("hide")], (), ("Sam looks away.",), ("Sam looks away.",)),
        ([Touched("hide"), Touched("show")], ("Sam comes near",), ("Sam comes back.",), ("Sam comes back.",)),
        ([Touched("focus"), Touched("show")], (), (), ()),
        ([Touched("press", "maya"), Touched("release", "hugo")], (), (), ()),
        ([Touched("press", "maya"), Touched("cancel"), Touched("release", "maya")], (), (), ()),
        ([Touched("release", "maya")], (), (), ()),
        ([Touched("press"), Touched("release")], (), (), ()),
        ([Touched("move", "", 0.1 * n, 0.5) for n in range(9)], (), (), ()),
        ([Touched("press", "nobody"), Touched("release", "nobody")], (), (), ()),
        ([NEAR, *CLICK], ("Sam touches you",), ("Sam touches you.",), ("Sam touches Maya.",)),
    ],
)  # fmt: skip
def test_what_events_mean(events, closed, to_maya, to_hugo):
    assert perceived(*events, prose=False) == closed
    assert perceived(*events) == to_maya
    assert perceived(*events, by="hugo") == to_hugo


def test_others_of_a_closed_world_do_not_hear_of_a_touch():
    assert perceived(*CLICK, prose=False, by="hugo") == ()


def test_to_and_fro_is_a_wave_that_everybody_sees():
    near = ("Sam comes near you.",)
    assert perceived(*to_and_fro(2)) == near
    assert perceived(*to_and_fro(3)) == (*near, "Sam waves.")
    assert perceived(*to_and_fro(3), prose=False, by="hugo") == ("Sam waves",)


def test_too_slow_too_small_or_with_the_button_down_is_no_wave():
    touches = Touches()
    for n, event in enumerate(to_and_fro(9)):
        touches.take("sam", "Sam", [event], 1.0 * n)
    small = [Touched("move", "maya", 0.5 + 0.01 * (n % 2)) for n in range(20)]
    dragged = [Touched("press", "maya"), *to_and_fro(9)]
    assert "Sam waves." not in touches.percepts("maya", NAMES, 10.0)
    assert "Sam waves." not in perceived(*small) and "Sam waves." not in perceived(*dragged)


def test_moves_of_one_frame_are_one():
    touches = Touches()
    touches.take("sam", "Sam", to_and_fro(50), 5.0)
    assert touches.percepts("maya", NAMES, 5.0) == ("Sam comes near you.",)


def test_the_newest_two_stand_in_the_order_in_which_they_were_done():
    events = [Touched("key"), Touched("move", "hugo"), *CLICK, Touched("key")]
    assert perceived(*events) == ("Sam touches you.", "Sam is typing.")


def test_several_people_are_told_apart():
    touches = Touches()
    touches.take("ada", "Ada", CLICK, 1.0)
    touches.take("sam", "Sam", CLICK, 1.1)
    assert touches.percepts("maya", NAMES, 1.2) == ("Ada touches you.", "Sam touches you.")


def test_after_some_seconds_it_is_over():
    assert perceived(*CLICK, after_s=EXPIRE_S - 0.1) == ("Sam touches you.",)
    assert perceived(*CLICK, after_s=EXPIRE_S) == ()
    assert perceived(*CLICK, after_s=-100.0) == ()


def packed(**fields: object) -> bytes:
    return msgspec.msgpack.encode([{"type": "Touched", **fields}])


def test_a_message_is_read_in_order():
    sent = [Touched("move", "maya", 0.25, 1.0), Touched("key")]
    assert read(msgspec.msgpack.encode(sent)) == tuple(sent)
    assert read(msgspec.msgpack.encode([])) == ()


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xc1",
        msgspec.msgpack.encode({"type": "Touched", "kind": "key"}),
        msgspec.msgpack.encode([Touched("key")] * (MAX_EVENTS + 1)),
        b"\x91" * 100_000,
        bytes(MAX_MESSAGE_BYTES + 1),
        packed(),
        packed(kind="bite"),
        packed(kind="move", x=math.nan),
        packed(kind="move", x=math.inf),
        packed(kind="move", x=-0.001),
        packed(kind="move", y=1.001),
        packed(kind="move", y=2**70 * 1.0),
        packed(kind="move", x="0.5"),
        packed(kind="press", target="m" * 65),
        packed(kind="press", target=7),
        packed(kind="key", key="p"),
        msgspec.msgpack.encode([{"kind": "key"}, {"type": "Ping", "nonce": 1}]),
        packed(kind="press", target="a").replace(b"\xa1a", b"\xa1\xff"),
    ],
)
def test_what_is_no_touch_is_refused_in_one_line(message):
    with pytest.raises(BadInput) as caught:
        read(message)
    assert "\n" not in caught.value.one_line()


def test_people_are_not_kept_without_end():
    touches = Touches()
    for n in range(500):
        touches.take(f"person{n}", f"Person {n}", [Touched("key"), *CLICK, Touched("blur")], 1.0)
    assert len(touches._hands) == MAX_PEOPLE and len(touches._gestures) <= 6 * MAX_PEOPLE


people = st.sampled_from(["sam", "ada", "joe"])
events = st.builds(
    Touched,
    kind=st.sampled_from(KINDS),
    target=st.sampled_from(["", "maya", "hugo", "nobody", "{}", "{0.__class__}"]),
    x=st.floats(0, 1),
    y=st.floats(0, 1),
)
streams = st.lists(st.tuples(people, st.lists(events, max_size=6), st.floats(-1e9, 1e9) | st.floats(0, 1)))


@settings(max_examples=150, deadline=None)
@given(streams, st.booleans())
def test_any_stream_gives_bounded_text_in_order(stream, prose):
    """given any events at any times, also when the clock jumps, then at most two known sentences stand"""
    touches, now_s = Touches(prose=prose), 0.0
    for person, batch, after_s in stream:
        now_s += after_s
        touches.take(person, person.title(), batch, now_s)
        assert len(touches._gestures) <= 3 * 6
        for persona_id in NAMES:
            told = touches.percepts(persona_id, NAMES, now_s)
            assert len(told) <= MAX_SENTENCES and len(set(told)) == len(told)
            assert all(0 < len(text) <= 40 and "{" not in text and "\n" not in text for text in told)
            assert touches.percepts(persona_id, NAMES, now_s) == told
            assert touches.percepts(persona_id, NAMES, now_s + EXPIRE_S + 0.001) == ()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(["key", "blur", "focus", "click"]), min_size=1, max_size=12))
def test_what_was_done_last_is_told_last(done):
    last = None
    touches = Touches()
    away = False
    for n, what in enumerate(done):
        touches.take("sam", "Sam", CLICK if what == "click" else [Touched(what)], 0.1 * n)
        if what == "click":
            last = "Sam touches you."
        elif what == "key":
            last = "Sam is typing."
        elif what == "blur" and not away:
            last = "Sam looks away."
        elif what == "focus" and away:
            last = "Sam comes back."
        away = {"blur": True, "focus": False}.get(what, away)
        told = touches.percepts("maya", NAMES, 0.1 * n)
        assert (told[-1] if told else None) == last


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["type", "kind"]), inner),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80) | values.map(msgspec.msgpack.encode))
def test_any_bytes_are_touches_or_refused(message):
    try:
        assert all(isinstance(event, Touched) for event in read(message))
    except BadInput as e:
        assert "\n" not in e.one_line()
