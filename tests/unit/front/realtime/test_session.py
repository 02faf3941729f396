"""Whole Realtime sessions, event by event."""

from __future__ import annotations

import base64

import pytest
from tests.unit.front.realtime.client import Client

from sensorium.front.realtime.response import Cost
from sensorium.front.realtime.settings import TurnDetection
from sensorium.front.realtime.wishes import (
    Answer,
    CloseEar,
    DropEar,
    Feed,
    Hear,
    HeardUntil,
    Look,
    OpenEar,
    Stop,
)

COST = Cost(prompt_tokens=300, cached_tokens=280, reply_tokens=9, speech_tokens=40)
USER_ITEM = ["conversation.item.added", "conversation.item.done"]
# What LiveKit's client needs, in its order.
BEGUN = ["response.output_item.added", "conversation.item.added", "response.content_part.added"]
SPOKEN = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "conversation.item.done",
]


def answer_of(client: Client) -> Answer:
    return next(action for action in reversed(client.actions) if isinstance(action, Answer))


def replying(client: Client) -> str:
    """A response that sounds."""
    client.says("hello mira")
    client.send("response.create")
    client.session.wrote(client.response_id, "Hello there ")
    client.session.sounded(client.response_id, bytes(960))
    client.new()
    return client.response_id


def test_the_first_event_is_the_session() -> None:
    """Given a client that connects, when nothing was sent yet, then session.created is there."""
    client = Client()

    assert [event["type"] for event in client.events] == ["session.created"]
    session = client.events[0]["session"]
    assert session["model"] == "mira"
    assert session["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24_000}


def test_a_text_turn() -> None:
    client = Client(modality="text")

    assert client.says("what is your name?") == USER_ITEM
    created = client.send("response.create", response={"metadata": {"client_event_id": "c1"}})

    assert created == ["response.created", "Answer"]
    assert client.last("response.created")["response"]["metadata"] == {"client_event_id": "c1"}
    asked = answer_of(client)
    assert (asked.words, asked.aloud) == ("what is your name?", False)

    client.session.wrote(asked.response_id, "My name is Mi")
    assert client.new() == [*BEGUN, "response.output_text.delta"]
    client.session.wrote(asked.response_id, "My name is Mira.")
    client.session.ended(asked.response_id, "completed", "My name is Mira.", COST)

    assert client.new() == [
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    deltas = [event["delta"] for event in client.all("response.output_text.delta")]
    assert deltas == ["My name is", " Mira."]
    response = client.last("response.done")["response"]
    assert (response["status"], response["metadata"]) == ("completed", {"client_event_id": "c1"})
    assert response["output"][0]["content"] == [{"type": "output_text", "text": "My name is Mira."}]
    usage = response["usage"]
    assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (300, 49, 349)
    assert usage["input_token_details"]["cached_tokens"] == 280


def test_a_spoken_turn_that_the_room_hears_the_end_of() -> None:
    client = Client(transcribes=True)

    assert client.speaks() == ["OpenEar", "Feed"]
    assert isinstance(client.actions[0], OpenEar) and client.actions[0].sample_rate_hz == 24_000
    assert client.speaks() == ["Feed"]
    client.session.speech_began(120)
    assert client.new() == ["input_audio_buffer.speech_started"]
    client.session.speech_over("what time is it", 120, 380)

    assert client.new() == [
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        *USER_ITEM,
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
        "response.created",
        "Answer",
    ]
    ids = {
        client.last(kind)["item_id"]
        for kind in (
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.input_audio_transcription.completed",
        )
    }
    assert ids == set(answer_of(client).item_ids)
    assert client.last("conversation.item.input_audio_transcription.completed")["usage"]["seconds"] == 0.4
    assert client.last("input_audio_buffer.speech_started")["audio_start_ms"] == 120

    response_id = client.response_id
    client.session.wrote(response_id, "It is four ")
    client.session.sounded(response_id, bytes(960))
    client.session.all_sent(response_id, "It is four.")
    assert client.new() == [
        *BEGUN,
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio_transcript.delta",
        *SPOKEN,
    ]
    client.session.ended(response_id, "completed", "It is four.", COST)
    assert client.new() == ["response.done"]
    assert base64.b64decode(client.last("response.output_audio.delta")["delta"]) == bytes(960)
    part = client.last("response.content_part.added")["part"]
    assert part["type"] == "audio"


def test_speech_over_a_reply_ends_it() -> None:
    """Given a reply that sounds, when somebody speaks over it, then it is cancelled where they broke in."""
    client = Client()
    client.speaks()
    response_id = replying(client)
    item_id = client.session.active.item_id if client.session.active else ""

    client.session.interrupted()
    client.session.speech_began(5_000)
    cut = client.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=640)
    client.session.ended(response_id, "cancelled", "Hello", COST)

    assert cut == ["input_audio_buffer.speech_started", "HeardUntil", "conversation.item.truncated"]
    assert HeardUntil(response_id, 640) in client.actions
    assert client.new() == [*SPOKEN, "response.done"]
    response = client.last("response.done")["response"]
    assert response["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert response["output"][0]["status"] == "incomplete"
    assert client.last("response.output_audio_transcript.done")["transcript"] == "Hello"

    client.session.speech_over("wait what", 5_000, 5_600)
    assert client.new()[-2:] == ["response.created", "Answer"]
    assert answer_of(client).words == "wait what"


def test_a_message_that_the_room_never_got_is_answered_with_the_next() -> None:
    """Given a response that waits for its turn, when the person goes on, then both messages are answered."""
    client = Client()
    client.speaks()
    client.session.speech_over("hello mira", 0, 100)
    first = client.response_id
    client.new()

    client.session.speech_over("are you there", 150, 200)
    assert client.new()[-1] == "Stop"
    client.session.ended(first, "cancelled", "", Cost(), began=False)

    assert client.new() == ["response.done", "response.created", "Answer"]
    assert answer_of(client).words == "hello mira are you there"


def test_without_turn_detection_the_client_commits() -> None:
    client = Client(turn_detection=None)
    assert client.send("input_audio_buffer.commit", event_id="e1") == ["error"]
    assert client.last("error")["error"]["code"] == "input_audio_buffer_commit_empty"
    assert client.last("error")["error"]["event_id"] == "e1"

    client.speaks(ms=150)
    assert client.send("input_audio_buffer.commit") == [
        "input_audio_buffer.committed",
        *USER_ITEM,
        "CloseEar",
    ]
    assert client.send("response.create") == ["response.created"]
    closed = client.actions[-1]
    assert isinstance(closed, CloseEar)
    client.session.understood(closed.item_id, "good evening")

    assert client.new() == ["Answer"]
    assert answer_of(client).words == "good evening"
    # The next sound is another stream.
    assert client.speaks() == ["OpenEar", "Feed"]


def test_a_cleared_buffer_is_nobodys() -> None:
    client = Client(turn_detection=None)
    client.speaks()

    assert client.send("input_audio_buffer.clear") == ["DropEar", "input_audio_buffer.cleared"]
    assert client.send("input_audio_buffer.commit") == ["error"]


def test_detection_that_answers_only_when_asked() -> None:
    client = Client(turn_detection=TurnDetection(create_response=False))
    client.speaks()
    client.session.speech_over("hello", 0, 100)

    assert client.new()[-1] == "conversation.item.done"
    assert client.send("response.create") == ["response.created", "Answer"]


def test_one_response_at_a_time() -> None:
    client = Client()
    response_id = replying(client)

    assert client.send("response.create", event_id="e2") == ["error"]
    error = client.last("error")["error"]
    assert (error["code"], error["event_id"]) == ("conversation_already_has_active_response", "e2")
    assert client.send("response.cancel", response_id="resp_other") == ["error"]
    assert client.last("error")["error"]["code"] == "response_cancel_not_active"

    assert client.send("response.cancel") == ["Stop"]
    assert client.send("response.cancel") == []
    client.session.ended(response_id, "cancelled", "Hello", COST)
    client.new()
    details = client.last("response.done")["response"]["status_details"]
    assert details == {"type": "cancelled", "reason": "client_cancelled"}
    assert client.send("response.cancel") == ["error"]
    assert Stop(response_id) in client.actions


def test_a_response_that_waits_for_ears_can_be_cancelled() -> None:
    client = Client(turn_detection=None)
    client.speaks()
    client.send("input_audio_buffer.commit")
    client.send("response.create")

    assert client.send("response.cancel") == ["response.done"]
    assert client.session.active is None


def test_what_fails_says_why() -> None:
    client = Client()
    client.says("hello")
    client.send("response.create")
    client.session.ended(
        client.response_id, "failed", "", Cost(), code="worker_died", message="the mind ended"
    )

    assert client.new() == ["response.done"]
    details = client.last("response.done")["response"]["status_details"]
    assert details["error"] == {"type": "server_error", "code": "worker_died", "message": "the mind ended"}
    # What was said stands in the room; it is not said again.
    client.says("again")
    client.send("response.create")
    assert answer_of(client).words == "again"


def test_a_reply_of_silence_has_no_item() -> None:
    client = Client()
    client.says("hello")
    client.send("response.create")
    client.session.ended(client.response_id, "completed", "", COST)

    assert client.new() == ["response.done"]
    assert client.last("response.done")["response"]["output"] == []


def test_items_are_kept_in_the_clients_order() -> None:
    client = Client()

    def create(item_id: str, previous: str | None = None) -> list[str]:
        item = {"id": item_id, "type": "message", "role": "user", "content": []}
        return client.send("conversation.item.create", item=item, previous_item_id=previous)

    create("a")
    create("c")
    create("b", "a")
    create("first", "root")

    assert [item.id for item in client.session.items] == ["first", "a", "b", "c"]
    assert client.last("conversation.item.added")["previous_item_id"] is None
    assert client.all("conversation.item.added")[2]["previous_item_id"] == "a"
    assert create("a") == ["error"]
    assert create("d", "nobody") == ["error"]
    assert client.send("conversation.item.retrieve", item_id="b") == ["conversation.item.retrieved"]
    assert client.send("conversation.item.retrieve", item_id="x") == ["error"]
    assert client.last("error")["error"]["code"] == "item_retrieve_invalid_item_id"
    assert client.send("conversation.item.delete", item_id="b") == ["conversation.item.deleted"]
    assert client.send("conversation.item.delete", item_id="b") == ["error"]


def test_an_earlier_conversation_is_not_said_again() -> None:
    """Given the items of an earlier talk, when an answer is asked for, then only the newest are said."""
    client = Client()
    client.says("do you like tea")
    old = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I do."}]}
    client.send("conversation.item.create", item=old)
    client.says("and coffee")
    client.send("response.create")

    assert answer_of(client).words == "and coffee"


def test_instructions_and_system_messages_travel_with_the_answer() -> None:
    client = Client(instructions="be brief")
    system = {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "it rains"}]}
    client.send("conversation.item.create", item=system)
    client.says("hello")
    client.send("response.create")
    assert answer_of(client).instructions == "be brief\nit rains"

    client.session.ended(client.response_id, "completed", "hi", COST)
    client.send("response.create", response={"instructions": "sing", "output_modalities": ["text"]})
    assert (answer_of(client).instructions, answer_of(client).aloud) == ("sing\nit rains", False)


def test_a_picture_is_seen_before_the_answer() -> None:
    client = Client()
    uri = "data:image/jpeg;base64," + base64.b64encode(b"a picture").decode()
    content = [{"type": "input_image", "image_url": uri}, {"type": "input_text", "text": "what is this"}]
    item = {"type": "message", "role": "user", "content": content}

    assert client.send("conversation.item.create", item=item, event_id="e9") == [*USER_ITEM, "Look"]
    assert client.actions == [Look(b"a picture", "e9")]
    assert client.send("response.create") == ["response.created"]
    client.session.troubled("bad_input", "this is no picture", "e9")
    client.session.looked()
    assert client.new() == ["error", "Answer"]
    assert client.last("error")["error"]["event_id"] == "e9"


def test_a_recording_is_understood_before_the_answer() -> None:
    client = Client(transcribes=True)
    content = [
        {"type": "input_text", "text": "listen:"},
        {"type": "input_audio", "audio": base64.b64encode(bytes(4_800)).decode()},
    ]
    item = {"id": "clip", "type": "message", "role": "user", "content": content}
    client.send("conversation.item.create", item=item)
    assert client.actions == [Hear("clip", bytes(4_800), 24_000)]
    client.send("response.create")

    client.session.understood("clip", "hello there")

    assert client.new()[-1] == "Answer"
    assert answer_of(client).words == "listen: hello there"
    completed = client.last("conversation.item.input_audio_transcription.completed")
    assert (completed["content_index"], completed["transcript"]) == (1, "hello there")


def test_a_forced_call_names_its_tools() -> None:
    tools = [{"type": "function", "name": "dim", "parameters": {"type": "object", "properties": {}}}]
    client = Client()
    client.send("session.update", session={"type": "realtime", "tools": tools, "tool_choice": "required"})
    client.says("make it darker")
    client.send("response.create")
    assert [tool.name for tool in answer_of(client).tools] == ["dim"]

    client.session.called(client.response_id, "dim", '{"by": 2}')
    client.session.ended(client.response_id, "completed", "", COST)
    assert client.new() == [
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    call = client.last("response.done")["response"]["output"][0]
    assert (call["name"], call["arguments"], call["status"]) == ("dim", '{"by": 2}', "completed")

    result = {"type": "function_call_output", "call_id": call["call_id"], "output": "done"}
    assert client.send("conversation.item.create", item=result) == USER_ITEM
    client.send("response.create", response={"tool_choice": "none"})
    assert (answer_of(client).words, answer_of(client).tools) == ("done", ())


def test_g711_comes_in_and_goes_out_at_8_khz() -> None:
    client = Client()
    g711 = {"format": {"type": "audio/pcmu"}}
    client.send("session.update", session={"type": "realtime", "audio": {"input": g711, "output": g711}})
    client.send("input_audio_buffer.append", audio=base64.b64encode(bytes([0xFF] * 160)).decode())

    assert client.actions[0] == OpenEar(8_000, TurnDetection())
    assert client.actions[1] == Feed(bytes(320))


def test_another_way_to_detect_turns_is_another_stream() -> None:
    client = Client()
    client.speaks()
    same = {"type": "realtime", "instructions": "be kind"}
    assert client.send("session.update", session=same) == ["session.updated"]
    manual = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
    assert client.send("session.update", session=manual) == ["DropEar", "session.updated"]
    assert isinstance(client.actions[-1], DropEar)


@pytest.mark.parametrize(
    ("message", "code", "param"),
    [
        ("{", "invalid_json", None),
        ("[]", "invalid_json", None),
        ("{E}", "missing_required_parameter", "type"),
        ('{E, "type": "response.sing"}', "invalid_value", "type"),
        ('{E, "type": "input_audio_buffer.append"}', "missing_required_parameter", None),
        ('{E, "type": "input_audio_buffer.append", "audio": 5}', "invalid_type", "audio"),
        ('{E, "type": "input_audio_buffer.append", "audio": "no!"}', "invalid_value", "audio"),
        ('{E, "type": "input_audio_buffer.append", "audio": "AAAA"}', "invalid_value", "audio"),
        ('{E, "type": "session.update", "session": {"nose": 1}}', "unknown_parameter", "session.nose"),
        ('{E, "type": "session.update", "session": {"model": "x"}}', "cannot_change_model", "session.model"),
        ('{E, "type": "response.create", "response": {"metadata": {"a": 1}}}', "invalid_value", None),
        ('{E, "type": "response.create", "response": {"conversation": "none"}}', "invalid_value", None),
        (
            '{E, "type": "response.create", "response": {"tool_choice": "required"}}',
            "invalid_value",
            "response.tool_choice",
        ),
        ('{E, "type": "output_audio_buffer.clear"}', "unsupported", None),
        (
            '{E, "type": "conversation.item.truncate", "item_id": "x", "content_index": 0, '
            '"audio_end_ms": 5}',
            "item_truncate_invalid_item_id",
            "item_id",
        ),
        (
            '{E, "type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": '
            '[{"type": "input_image", "image_url": "http://10.0.0.1/x.jpg"}]}}',
            "invalid_value",
            "item.content[0].image_url",
        ),
        (
            '{E, "type": "conversation.item.create", "item": {"type": "message", "role": "user", '
            '"id": "../x"}}',
            "invalid_value",
            "item.id",
        ),
    ],
)
def test_a_wrong_event_is_answered_and_changes_nothing(message: str, code: str, param: str | None) -> None:
    client = Client()
    before = client.session.settings
    client.session.receive(message.replace("E", '"event_id": "e"'))

    assert client.new() == ["error"]
    error = client.last("error")["error"]
    assert error["code"] == code
    assert param is None or error["param"] == param
    assert error.get("event_id") == ("e" if "E" in message else None)
    assert client.session.settings == before and not list(client.session.items) and not client.actions


def test_what_is_said_before_a_reply_has_words_is_answered_by_the_next() -> None:
    """Given a response under way, when something is said before its first word, then it is not lost."""
    client = Client(modality="text")
    client.says("hello mira")
    client.send("response.create")
    first = client.response_id
    client.says("and how are you?")
    client.session.wrote(first, "Hello.")
    client.session.ended(first, "completed", "Hello.", COST)

    client.new()
    client.send("response.create")

    assert answer_of(client).words == "and how are you?"
