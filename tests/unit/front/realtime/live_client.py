"""A Live client for tests: what it gets parses strictly as the SDK's own types, without a field more."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from openai.types.live.server_event import ServerEvent
from pydantic import TypeAdapter
from tests.unit.front.realtime.client import nothing_more

from sensorium.front.realtime import live_events as live
from sensorium.front.realtime import server_events as core
from sensorium.front.realtime.live_session import LiveSession
from sensorium.front.realtime.wishes import Action

_server_event: TypeAdapter[Any] = TypeAdapter(ServerEvent)


class LiveClient:
    """`events` are all so far, as JSON; `actions` what the session asked of the room."""

    def __init__(self, **config: Any) -> None:
        self.events: list[dict[str, Any]] = []
        self.actions: list[Action] = []
        start = json.dumps(
            {"type": "session.start", "event_id": "s1", "session": {"model": "mira", **config}}
        )
        event = live.read(start)
        assert isinstance(event, live.Start)
        self.live = LiveSession(event, "mira", 1_000.0, self._take)
        self.now_ms = 0.0
        self.flush()

    def send(self, kind: str, **fields: Any) -> list[str]:
        """The types of what came back."""
        before = len(self.events)
        self.live.receive(json.dumps({"type": kind, **fields}), self.now_ms)
        self.flush()
        return [event["type"] for event in self.events[before:]]

    def flush(self) -> None:
        """As `Connection` does it."""
        while came := self.live.session.take():
            for out in came:
                if isinstance(out, core.ServerEvent):
                    self.live.shown(out)
                else:
                    self.actions.append(out)

    def tick(self, ms: float) -> None:
        self.now_ms += ms
        self.live.tick(self.now_ms)
        self.flush()

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    def _take(self, event: live.AnyToClient) -> None:
        data = msgspec.json.encode(event)
        nothing_more(_server_event.validate_json(data, strict=True))
        parsed: dict[str, Any] = json.loads(data)
        assert parsed["type"] == "session.output_audio.delta" or parsed["event_id"]
        self.events.append(parsed)
