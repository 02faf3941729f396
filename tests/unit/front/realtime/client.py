"""A Realtime client for tests: what it gets parses strictly as the SDK's own types, without a field more."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
from openai.types.realtime.realtime_server_event import RealtimeServerEvent
from pydantic import BaseModel, TypeAdapter

from sensorium.front.realtime.server_events import ServerEvent
from sensorium.front.realtime.session import Session
from sensorium.front.realtime.settings import Settings
from sensorium.front.realtime.wishes import Action

_server_event: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
# What OpenAI's server sends of a session, and its SDK's type of it does not name.
_UNNAMED = {"session.id", "session.object"}


class Client:
    """`events` are all so far, as JSON; `actions` what the session asked of the room."""

    def __init__(self, **settings: Any) -> None:
        self.session = Session(Settings(persona_id="mira", **settings))
        self.events: list[dict[str, Any]] = []
        self.actions: list[Action] = []
        self.new()

    def send(self, kind: str, **fields: Any) -> list[str]:
        """The types of what came back."""
        self.session.receive(json.dumps({"type": kind, **fields}))
        return self.new()

    def new(self) -> list[str]:
        came = self.session.take()
        for out in came:
            if isinstance(out, ServerEvent):
                self.events.append(strictly_parsed(out))
            else:
                self.actions.append(out)
        return [_type(out) for out in came]

    def last(self, kind: str) -> dict[str, Any]:
        return next(event for event in reversed(self.events) if event["type"] == kind)

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    def says(self, text: str) -> list[str]:
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        return self.send("conversation.item.create", item=item)

    def speaks(self, ms: int = 200) -> list[str]:
        return self.send("input_audio_buffer.append", audio=base64.b64encode(bytes(48 * ms)).decode())

    @property
    def response_id(self) -> str:
        assert self.session.active is not None
        return self.session.active.id


def strictly_parsed(event: ServerEvent) -> dict[str, Any]:
    data = msgspec.json.encode(event)
    nothing_more(_server_event.validate_json(data, strict=True))
    parsed: dict[str, Any] = json.loads(data)
    assert parsed["event_id"]
    return parsed


def _type(out: ServerEvent | Action) -> str:
    return str(out.__struct_config__.tag) if isinstance(out, ServerEvent) else type(out).__name__


def nothing_more(value: object, path: str = "") -> None:
    """Every field of it is one that the SDK names."""
    if isinstance(value, BaseModel):
        unknown = {f"{path}{name}" for name in value.model_extra or {}} - _UNNAMED
        assert not unknown, unknown
        for name in value.model_fields_set:
            nothing_more(getattr(value, name, None), f"{path}{name}.")
    elif isinstance(value, list):
        for inner in value:
            nothing_more(inner, path)
