"""The responses of a Realtime session, one at a time: asked for, waiting for what must be known first, made,
stopped.

Pure. What each says to the client is `response.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from sensorium.front.realtime.client_events import Refused
from sensorium.front.realtime.items import Item, Items, new_id
from sensorium.front.realtime.outgoing import Outgoing
from sensorium.front.realtime.response import Cost, Outcome, Response
from sensorium.front.realtime.settings import Settings
from sensorium.front.realtime.wishes import Answer, Stop

_MAX_METADATA = 16


class Responses:
    """`active` is the one under way; `settings` are the session's, as they stand."""

    def __init__(self, items: Items, settings: Callable[[], Settings], out: Outgoing) -> None:
        self.active: Response | None = None
        self._items = items
        self._settings = settings
        self._out = out
        self._conversation_id = new_id("conv")
        self._num_looking = 0
        self._wanted = False  # another response, once this one is over
        self._answering: tuple[Item, ...] | None = None

    def the(self, response_id: str) -> Response | None:
        """If it is still under way."""
        return self.active if self.active is not None and self.active.id == response_id else None

    def create(self, asked: dict[str, Any]) -> None:
        """As the client asks; raises Refused."""
        if self.active is not None:
            raise Refused(
                f"Conversation already has an active response in progress: {self.active.id}",
                code="conversation_already_has_active_response",
            )
        asked = dict(asked)
        metadata = _metadata(asked.pop("metadata", None))
        if asked.pop("conversation", None) not in (None, "auto"):
            raise Refused(
                "what is said is said in the room: conversation is auto", param="response.conversation"
            )
        if asked.pop("input", None) is not None:
            raise Refused(
                "input is not taken: create items first", code="unsupported", param="response.input"
            )
        settings = self._settings().updated(asked, "response")
        if settings.tool_choice not in ("auto", "none") and not settings.wanted_tools():
            raise Refused("there is no such function to call", param="response.tool_choice")
        self._begin(settings, metadata)

    def wanted(self, *, interrupt: bool) -> None:
        """Somebody has finished speaking: their answer comes now, or after the one under way."""
        if self.active is None:
            self._begin(self._settings(), None)
            return
        self._wanted = True
        if interrupt:
            self._stop("turn_detected")

    def unasked(self) -> Response | None:
        """The persona speaks of its own accord. None while another response is under way."""
        if self.active is not None:
            return None
        self._open(self._settings(), None)
        # What the client said meanwhile is no part of it.
        self._answering = ()
        return self.active

    def cancel(self, response_id: str | None) -> None:
        """As the client asks; raises Refused."""
        if self.active is None or response_id not in (None, "", self.active.id):
            raise Refused("Cancellation failed: no active response found", code="response_cancel_not_active")
        self._stop("client_cancelled")

    def interrupted(self) -> None:
        """The room stops the reply under way, because somebody speaks."""
        if self.active is not None and not self.active.cancelled_by:
            self.active.cancelled_by = "turn_detected"

    def looking(self, change: int) -> None:
        """So many more pictures are being looked at; nothing is answered before that is done."""
        self._num_looking += change

    def go_on(self) -> None:
        """Asks the room for the answer, once everything that it answers is known."""
        response = self.active
        if response is None or self._answering is not None or self._num_looking:
            return
        newest = self._items.unanswered()
        if any(item.words is None for item in newest):
            return
        self._answering = tuple(newest)
        said = " ".join(filter(None, (item.output or item.words for item in newest)))
        settings = response.settings
        ids = tuple(item.id for item in newest)
        prose = "\n".join([settings.instructions, *self._system_words()]).strip()
        self._out.do(Answer(response.id, ids, said, prose, response.speaks, settings.wanted_tools()))

    def ended(
        self, response_id: str, outcome: Outcome, said: str, cost: Cost,
        *, code: str, message: str, began: bool,
    ) -> None:  # fmt: skip
        """See `Session.ended`."""
        response = self.the(response_id)
        if response is None:
            return
        response.sent(said, whole=outcome == "completed")
        for item in self._answering or () if began else ():
            item.answered = True
        self._over(response, outcome, cost, code, message)

    def _begin(self, settings: Settings, metadata: dict[str, str] | None) -> None:
        self._open(settings, metadata)
        self.go_on()

    def _open(self, settings: Settings, metadata: dict[str, str] | None) -> None:
        response = Response(settings, metadata, self._conversation_id, self._items, self._out.send)
        self.active, self._answering = response, None
        response.create()

    def _system_words(self) -> list[str]:
        return [item.words for item in self._items if item.role == "system" and item.words]

    def _stop(self, why: Literal["client_cancelled", "turn_detected"]) -> None:
        response = self.active
        if response is None or response.cancelled_by:
            return
        response.cancelled_by = why
        if self._answering is None:
            self._over(response, "cancelled", Cost())
        else:
            self._out.do(Stop(response.id))

    def _over(
        self, response: Response, outcome: Outcome, cost: Cost, code: str = "", message: str = ""
    ) -> None:
        self.active = self._answering = None
        response.done(outcome, cost, code=code, message=message)
        if self._wanted:
            self._wanted = False
            self._begin(self._settings(), None)


def _metadata(value: Any) -> dict[str, str] | None:
    """Raises Refused for what is no metadata: 16 strings at most, of 512 characters at most."""
    if value is None:
        return None
    fits = isinstance(value, dict) and len(value) <= _MAX_METADATA
    if not fits or not all(
        isinstance(k, str) and len(k) <= 64 and isinstance(v, str) and len(v) <= 512 for k, v in value.items()
    ):
        raise Refused("metadata is at most 16 strings of 512 characters", param="response.metadata")
    return dict(value)
