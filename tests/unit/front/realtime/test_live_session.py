"""Whole Live sessions over the core of a Realtime one; every event parses as the SDK's own type."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.front.realtime.live_client import LiveClient

from sensorium.front.realtime import live_events as live
from sensorium.front.realtime.client_events import Refused
from sensorium.front.realtime.live_session import MAX_S, LiveSession
from sensorium.front.realtime.response import Cost
from sensorium.front.realtime.wishes import Answer, Feed, HeardUntil, OpenEar

MS = 48


def said(client: LiveClient) -> bytes:
    return b"".join(base64.b64decode(e["delta"]) for e in client.all("session.output_audio.delta"))


def asks(client: LiveClient, words: str) -> str:
    """Somebody says that, and the room is asked for an answer; the response's id."""
    client.live.session.speech_began(100)
    client.live.session.speech_over(words, 100, 900)
    client.flush()
    answer = client.actions[-1]
    assert isinstance(answer, Answer) and answer.words == words and answer.aloud
    return answer.response_id


def test_a_session_says_what_it_is() -> None:
    client = LiveClient(instructions="be kind", audio={"format": {"type": "audio/pcm", "rate": 16_000}})

    (started,) = client.events
    assert started["type"] == "session.started" and started["client_event_id"] == "s1"
    session = started["session"]
    assert (session["model"], session["instructions"], session["status"]) == ("mira", "be kind", "active")
    assert session["audio"]["format"] == {"type": "audio/pcm", "rate": 16_000}
    assert session["expires_at"] == 1_000 + MAX_S


def test_a_spoken_turn() -> None:
    client = LiveClient()
    core = client.live.session
    client.tick(2_000)

    # when a client speaks that begins two seconds after its session did
    client.send("session.input_audio.append", audio=base64.b64encode(sound(1_000)).decode())
    assert isinstance(client.actions[0], OpenEar) and isinstance(client.actions[1], Feed)
    response_id = asks(client, "what do you like")

    # then its words are told with their place in the session
    (heard,) = client.all("session.input_transcript.delta")
    assert (heard["delta"], heard["start_ms"], heard["end_ms"]) == ("what do you like", 2_100, 2_900)

    # when the answer is made at once, and a listener waits for its sound
    core.wrote(response_id, "I like apples.")
    core.sounded(response_id, b"\x01" * (MS * 100))
    client.live.spoke(60.0, "I like")
    client.live.spoke(100.0, "I like apples.")
    core.all_sent(response_id, "I like apples.")
    client.flush()
    assert not client.all("session.output_transcript.delta")
    client.tick(60)
    client.tick(60)
    core.ended(response_id, "completed", "I like apples.", Cost())
    client.flush()

    # then the sound is as long as the time, and the words come with it
    assert len(said(client)) == MS * 1_000 + MS * 120  # a late listener gets a second of what it missed
    assert said(client)[-MS * 120 :] == b"\x01" * (MS * 100) + bytes(MS * 20)
    deltas = client.all("session.output_transcript.delta")
    assert "".join(e["delta"] for e in deltas) == "I like apples."
    assert [(e["start_ms"], e["end_ms"]) for e in deltas] == [(2_000, 2_060), (2_060, 2_120)]
    assert client.all("session.usage.updated")[-1]["usage"] == {"seconds": 2.12}


def test_what_is_cut_off_was_heard_as_far_as_it_was_played() -> None:
    client = LiveClient()
    response_id = asks(client, "tell me everything")
    client.live.session.sounded(response_id, b"\x01" * (MS * 500))
    client.flush()
    client.live.spoke(400.0, "Well then.")
    client.tick(200)

    # when somebody speaks, the room is silent for a moment, and then it is clear that they want the turn
    client.live.hold(True)
    client.tick(100)
    client.live.cleared()
    client.flush()
    client.tick(100)

    assert client.actions[-1] == HeardUntil(response_id, 200)
    assert said(client) == b"\x01" * (MS * 200) + bytes(MS * 200)
    client.live.session.ended(response_id, "cancelled", "Well", Cost())
    client.flush()
    client.tick(400)
    assert not client.all("session.output_transcript.delta")


def test_a_muted_microphone_hears_silence() -> None:
    client = LiveClient(audio={"format": {"type": "audio/pcma", "rate": 8_000}})

    assert client.send("session.input_audio.mute", event_id="m") == ["session.input_audio.muted"]
    client.send("session.input_audio.append", audio=base64.b64encode(b"\x11" * 160).decode())
    assert client.send("session.input_audio.unmute") == ["session.input_audio.unmuted"]

    assert client.all("session.input_audio.muted")[0]["client_event_id"] == "m"
    assert isinstance(client.actions[-1], Feed) and set(client.actions[-1].pcm) <= {0, 8, 248, 255}


def test_something_to_speak_of_is_answered_when_the_reply_is_over() -> None:
    client = LiveClient()
    response_id = asks(client, "what is the weather")

    # when a result comes while the persona speaks
    came = client.send("session.commentary.append", content="it rains", delegation_id=None)
    assert came == ["session.commentary.appended"]
    assert [a for a in client.actions if isinstance(a, Answer)][-1].response_id == response_id
    client.live.session.ended(response_id, "completed", "Let me see.", Cost())
    client.flush()

    answer = client.actions[-1]
    assert isinstance(answer, Answer) and answer.words == "it rains"


@pytest.mark.parametrize("kind", ["instructions", "thinking"])
def test_what_the_persona_is_told_is_in_its_next_prompt(kind: str) -> None:
    client = LiveClient(
        instructions="be kind", input=[{"role": "developer", "content": [{"text": "be brief"}]}]
    )

    assert client.send(f"session.{kind}.append", content="it is late") == [f"session.{kind}.appended"]
    asks(client, "hello")

    answer = client.actions[-1]
    assert isinstance(answer, Answer) and answer.instructions == "be kind\nbe brief\nit is late"


def test_the_end_is_told_and_nothing_comes_behind_it() -> None:
    client = LiveClient()
    client.tick(500)

    assert client.send("session.close", event_id="c") == ["session.closed"]
    closed = client.events[-1]
    assert (closed["reason"], closed["client_event_id"], closed["usage"]) == (
        "close_requested", "c", {"seconds": 0.5},
    )  # fmt: skip
    assert client.live.over
    client.tick(100)
    assert client.events[-1] is closed


def test_a_session_that_nobody_closed_expires() -> None:
    client = LiveClient()

    client.tick(MAX_S * 1_000.0)

    assert client.events[-1]["reason"] == "expired" and client.live.over


def test_what_goes_wrong_in_a_turn_is_told() -> None:
    client = LiveClient()
    response_id = asks(client, "hello")

    client.live.session.ended(response_id, "failed", "", Cost(), code="worker_died", message="it ended")
    client.flush()

    (error,) = client.all("error")
    assert (error["error"]["code"], error["error"]["type"]) == ("worker_died", "server_error")


@pytest.mark.parametrize(
    ("config", "param"),
    [
        ({"delegation": {"type": "responses", "responses": {}}}, "session.delegation.type"),
        ({"triggers": [{"type": "x"}]}, "session.triggers"),
        ({"audio": {"format": {"type": "audio/pcm", "rate": 8_000}}}, "session.audio.format.rate"),
    ],
)
def test_what_cannot_be_started_is_refused(config: dict[str, Any], param: str) -> None:
    start = live.read(json.dumps({"type": "session.start", "session": {"model": "mira", **config}}))
    assert isinstance(start, live.Start)

    with pytest.raises(Refused) as caught:
        LiveSession(start, "mira", 0.0, lambda event: None)

    assert caught.value.param == param


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"type": "session.start", "session": {"model": "mira"}}, "session_already_started"),
        ({"type": "session.output_audio.fixture.play", "audio": "AAAA"}, "unsupported"),
        ({"type": "decision.create", "decision": {}}, "unsupported"),
        ({"type": "response.create"}, "unsupported"),
        ({"type": "session.update", "session": {"instructions": "x"}}, "invalid_type"),
        ({"type": "session.thinking.append", "content": "x", "delegation_id": "d"}, "delegation_not_found"),
        ({"type": "session.input_audio.append", "audio": "AAA"}, "invalid_value"),
        ({"type": "session.input_audio.append"}, "missing_required_parameter"),
        ({"type": "nothing"}, "invalid_value"),
    ],
)
def test_what_nobody_can_act_on_is_answered_and_changes_nothing(message: dict[str, Any], code: str) -> None:
    client = LiveClient()

    kind = message.pop("type")
    assert client.send(kind, event_id="e9", **message) == ["error"]

    error = client.events[-1]
    assert (error["error"]["code"], error["client_event_id"]) == (code, "e9")
    assert not client.actions


_steps = st.one_of(
    st.tuples(
        st.sampled_from(
            ["session.input_audio.append", "session.input_audio.mute", "session.commentary.append",
             "session.thinking.append", "session.update", "session.close", "response.create", "x"]
        ),
        st.fixed_dictionaries(
            {}, optional={
                "audio": st.sampled_from(["AAAA" * 2_000, "AAA", 5]), "content": st.text(max_size=4),
                "delegation_id": st.none() | st.just("d"), "session": st.just({}) | st.none(),
            }
        ),
    ),
    st.sampled_from(["began", "over", "sounded", "spoke", "held", "resumed", "cleared", "done", "tick"]),
)  # fmt: skip


@settings(deadline=None, max_examples=100)
@given(st.lists(_steps, max_size=25))
def test_no_order_of_things_breaks_a_session(steps: list[Any]) -> None:
    client = LiveClient()
    core = client.live.session
    for step in steps:
        if isinstance(step, tuple):
            client.send(step[0], **step[1])
        elif step == "began":
            core.speech_began(5)
        elif step == "over":
            core.speech_over("hello there", 5, 50)
        elif step == "spoke":
            client.live.spoke(10.0, "Hello")
        elif step in ("held", "resumed"):
            client.live.hold(step == "held")
        elif step == "cleared":
            client.live.cleared()
        elif step == "tick":
            client.tick(40)
        elif core.active is not None:
            if step == "sounded":
                core.sounded(core.active.id, bytes(960))
            else:
                core.ended(core.active.id, "completed" if step == "done" else "cancelled", "Hello.", Cost())
        client.flush()


def sound(ms: int) -> bytes:
    return bytes(MS * ms)
