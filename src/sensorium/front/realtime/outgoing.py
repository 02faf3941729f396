"""What leaves a Realtime session, in order: events for its client, wishes to the room. Pure."""

from __future__ import annotations

from typing import Any, Literal

from sensorium.front.realtime.server_events import Error, ErrorDetail, ServerEvent
from sensorium.front.realtime.wishes import Action

ErrorKind = Literal["invalid_request_error", "server_error"]


class Outgoing:
    """Events are numbered as they leave; `session_id` makes their ids the session's own."""

    def __init__(self, session_id: str) -> None:
        self._stem = session_id.partition("_")[2]
        self._num_sent = 0
        self._waiting: list[ServerEvent | Action] = []

    def take(self) -> list[ServerEvent | Action]:
        """What came about since the last call."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def send(self, event: ServerEvent) -> None:
        self._num_sent += 1
        event.event_id = f"event_{self._stem}_{self._num_sent}"
        self._waiting.append(event)

    def do(self, action: Action) -> None:
        self._waiting.append(action)

    def error(self, kind: ErrorKind, code: str, message: str, param: str = "", event_id: str = "") -> None:
        """`event_id` is that of the client's event, "" where it gave none."""
        told: dict[str, Any] = {"param": param or None, "event_id": event_id or None}
        self.send(Error(error=ErrorDetail(type=kind, code=code, message=message, **told)))
