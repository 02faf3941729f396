"""Whatever comes, in whatever order, each event parses as the SDK's own, and responses come one at a time."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.front.realtime.client import Client

from sensorium.front.realtime.response import Cost
from sensorium.front.realtime.wishes import Answer, CloseEar, Hear, Look

_anything = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5_000) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_ids = st.sampled_from(["a", "b", "root", "", "../x"])
_part = st.sampled_from(
    [
        {"type": "input_text", "text": "hello"},
        {"type": "input_audio", "audio": "AAAAAA=="},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
        {"type": "output_text", "text": "well"},
    ]
)
_item = st.fixed_dictionaries(
    {"type": st.sampled_from(["message", "function_call_output", "reference"]), "id": _ids},
    optional={
        "role": st.sampled_from(["user", "assistant", "system", "king"]),
        "content": st.lists(_part, max_size=3),
        "call_id": _ids,
        "output": st.just("done"),
    },
)
_fields = st.fixed_dictionaries(
    {},
    optional={
        "audio": st.sampled_from(["", "AAAA" * 2_000, "AAA", 5]),
        "item": _item | _anything,
        "item_id": _ids | _anything,
        "previous_item_id": _ids,
        "content_index": st.integers(-1, 1),
        "audio_end_ms": st.integers(-1, 900),
        "response_id": _ids,
        "event_id": st.text(max_size=4),
        "session": st.dictionaries(
            st.sampled_from(["instructions", "tools", "audio", "turn_detection", "modalities", "voice"]),
            _anything,
        )
        | st.just({"audio": {"input": {"turn_detection": None}}}),
        "response": st.none()
        | st.dictionaries(st.sampled_from(["metadata", "tool_choice", "instructions"]), _anything),
    },
)
_sent = st.tuples(
    st.sampled_from(
        ["session.update", "input_audio_buffer.append", "input_audio_buffer.commit",
         "input_audio_buffer.clear", "conversation.item.create", "conversation.item.delete",
         "conversation.item.retrieve",
         "conversation.item.truncate", "response.create", "response.cancel", "output_audio_buffer.clear", "x"]
    ),
    _fields,
)  # fmt: skip
_happens = st.sampled_from(
    ["began", "over", "interrupted", "deaf", "done", "cut", "failed", "called", "wrote", "sounded", "sent"]
)


@settings(deadline=None, max_examples=150)
@given(st.lists(_sent | _happens | st.binary(max_size=20), max_size=25))
def test_no_order_of_things_breaks_a_session(steps: list[Any]) -> None:
    client = Client()
    for step in steps:
        if isinstance(step, bytes):
            client.session.receive(step)
        elif isinstance(step, tuple):
            client.session.receive(json.dumps({"type": step[0], **step[1]}))
        else:
            _happen(client, step)
        client.new()
        _fulfil(client)
    open_id = ""
    for event in client.events:
        if event["type"] == "response.created":
            assert not open_id
            open_id = event["response"]["id"]
        elif event["type"] == "response.done":
            assert event["response"]["id"] == open_id
            open_id = ""


def _happen(client: Client, what: str) -> None:
    session = client.session
    if what == "began":
        session.speech_began(5)
    elif what == "over" and session.settings.turn_detection is not None:
        session.speech_over("hello there", 5, 50)
    elif what == "interrupted":
        session.interrupted()
    elif what == "deaf":
        session.deaf("worker_died", "it ended", "")
    if session.active is None or not any(isinstance(action, Answer) for action in client.actions):
        return
    response_id = session.active.id
    match what:
        case "done":
            session.ended(response_id, "completed", "Hello there.", Cost())
        case "cut":
            session.ended(response_id, "cancelled", "Hello", Cost(), began=False)
        case "failed":
            session.ended(response_id, "failed", "", Cost(), code="store", message="full")
        case "called":
            session.called(response_id, "dim", "{}")
        case "wrote":
            session.wrote(response_id, "Hello the")
        case "sounded":
            session.sounded(response_id, bytes(8))
        case "sent":
            session.all_sent(response_id, "Hello there.")


def _fulfil(client: Client) -> None:
    """What the room does of what it was asked."""
    while client.actions and isinstance(client.actions[-1], CloseEar | Hear | Look):
        asked = client.actions.pop()
        if isinstance(asked, Look):
            client.session.looked()
        else:
            client.session.understood(asked.item_id, "good evening")
        client.new()
