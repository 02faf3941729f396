"""What a chat completion asks: whose words are said, what is seen and heard, and what is refused."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from sensorium.front.realtime.chat_request import Question, read
from sensorium.front.realtime.client_events import Refused


def question(messages: list[dict[str, Any]], **fields: Any) -> Question:
    return read(msgspec.json.encode({"model": "maya", "messages": messages, **fields}))


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


def test_only_what_came_after_the_last_reply_is_said() -> None:
    asked = question(
        [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "do you like tea"},
            {"role": "assistant", "content": "I do."},
            {"role": "user", "content": "hello", "name": "Joe"},
            {"role": "user", "content": [{"type": "text", "text": "and coffee"}]},
        ],
        user="somebody",
        temperature=0.7,
    )

    assert (asked.words, asked.instructions, asked.name) == ("hello and coffee", "be brief", "somebody")


def test_pictures_and_sound_are_taken_out_of_the_parts() -> None:
    def data(what: bytes) -> str:
        return base64.b64encode(what).decode()

    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data(b'png')}"}}
    sound = {"type": "input_audio", "input_audio": {"data": data(b"RIFF"), "format": "wav"}}
    asked = question(
        [user(picture, sound)], modalities=["text", "audio"], audio={"voice": "maya", "format": "wav"}
    )

    assert (asked.pictures, asked.sounds, asked.words, asked.audio) == ((b"png",), (b"RIFF",), "", "wav")


def test_a_forced_call_names_its_tools() -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in ("dim", "ring")]
    hello = [{"role": "user", "content": "hello"}]

    def names(choice: Any) -> list[str]:
        return [tool.name for tool in question(hello, tools=tools, tool_choice=choice).tools]

    assert names("auto") == names("none") == []
    assert names("required") == ["dim", "ring"]
    assert names({"type": "function", "function": {"name": "ring"}}) == ["ring"]


@pytest.mark.parametrize(
    ("messages", "fields", "param"),
    [
        ([], {}, "messages"),
        ([{"role": "king", "content": "x"}], {}, "messages[0].role"),
        ([{"role": "assistant", "content": "x"}], {}, "messages"),
        ([user()], {}, "messages[0]"),
        ([user({"type": "text", "text": "x" * 8_001})], {}, "messages"),
        ([user({"type": "image_url"}), user({"type": "text", "text": "x"})], {}, "messages[0].content"),
        ([user({"type": "input_audio", "input_audio": {"data": "!", "format": "wav"}})], {},
         "messages[0].content.input_audio.data"),
        ([user({"type": "input_audio", "input_audio": {"data": "", "format": "mp3"}})], {},
         "messages[0].content"),
        ([{"role": "user", "content": "x"}], {"n": 3}, "n"),
        ([{"role": "user", "content": "x"}], {"modalities": ["audio"]}, "audio"),
        ([{"role": "user", "content": "x"}],
         {"stream": True, "modalities": ["audio"], "audio": {"format": "wav"}}, "audio.format"),
        ([{"role": "user", "content": "x"}], {"response_format": {"type": "json_object"}}, "response_format"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_name(
    messages: list[dict[str, Any]], fields: dict[str, Any], param: str
) -> None:
    with pytest.raises(Refused) as caught:
        question(messages, **fields)
    assert caught.value.param.startswith(param)


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(Refused):
        read(b"\xff{")
