"""One response of a Realtime session, from `response.created` to `response.done`.

The order of its events is what LiveKit's client needs, the strictest there is. Pure; `out` takes the events.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from sensorium.front.realtime import server_events as to_client
from sensorium.front.realtime.items import Item, Items, new_id
from sensorium.front.realtime.settings import Settings, format_shown
from sensorium.front.realtime.words import Words

Outcome = Literal["completed", "cancelled", "incomplete", "failed"]


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What a reply took, as the engine counted. `reply_tokens` are text, `speech_tokens` sound."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    reply_tokens: int = 0
    speech_tokens: int = 0

    def shown(self) -> dict[str, Any]:
        out = self.reply_tokens + self.speech_tokens
        return {
            "total_tokens": self.prompt_tokens + out,
            "input_tokens": self.prompt_tokens,
            "output_tokens": out,
            "input_token_details": {
                "text_tokens": self.prompt_tokens,
                "audio_tokens": 0,
                "image_tokens": 0,
                "cached_tokens": self.cached_tokens,
                "cached_tokens_details": {
                    "text_tokens": self.cached_tokens,
                    "audio_tokens": 0,
                    "image_tokens": 0,
                },
            },
            "output_token_details": {"text_tokens": self.reply_tokens, "audio_tokens": self.speech_tokens},
        }


class Response:
    """Made for `response.create`, or when somebody has finished speaking. `begun`: there is an item."""

    def __init__(
        self,
        settings: Settings,
        metadata: dict[str, str] | None,
        conversation_id: str,
        items: Items,
        out: Callable[[to_client.ServerEvent], None],
    ) -> None:
        self.id = new_id("resp")
        self.settings = settings
        self.cancelled_by: Literal["", "client_cancelled", "turn_detected"] = ""
        self._metadata = metadata
        self._conversation_id = conversation_id
        self._items = items
        self._out = out
        self._item: Item | None = None
        self._output: list[Item] = []
        self._words = Words()
        self._all_sent = False

    @property
    def item_id(self) -> str:
        """Of the message; "" while there is none."""
        return self._item.id if self._item is not None else ""

    @property
    def speaks(self) -> bool:
        return self.settings.modality == "audio"

    def create(self) -> None:
        self._out(to_client.ResponseCreated(response=self._shown("in_progress")))

    def text(self, so_far: str) -> None:
        """The reply's words so far."""
        if not self._all_sent:
            self._more(self._words.more(so_far))

    def _more(self, delta: str) -> None:
        if not delta:
            return
        item = self._begin()
        kind = to_client.TranscriptDelta if self.speaks else to_client.TextDelta
        self._out(kind(delta=delta, **self._at(item)))

    def sound(self, data: bytes) -> None:
        """The next piece, in the session's output format."""
        if data and self.speaks and not self._all_sent:
            item = self._begin()
            delta = base64.b64encode(data).decode()
            self._out(to_client.AudioDelta(delta=delta, **self._at(item)))

    def call(self, name: str, arguments: str) -> None:
        """Instead of words: a function that the client is to carry out."""
        item = Item(new_id("item"), "function_call", status="in_progress", call_id=new_id("call"), name=name)
        self._add(item)
        item.arguments = arguments
        index = len(self._output) - 1
        of_call: dict[str, Any] = {"response_id": self.id, "item_id": item.id, "output_index": index}
        of_call["call_id"] = item.call_id
        self._out(to_client.ArgumentsDelta(delta=arguments, **of_call))
        self._out(to_client.ArgumentsDone(name=name, arguments=arguments, **of_call))
        self._finish(item, "completed")

    def sent(self, said: str, *, whole: bool = True) -> None:
        """No more of the message will come. `said`: its words as the history has them."""
        if self._all_sent or (self._item is None and not said):
            return
        self._more(self._words.rest(said))
        item = self._begin()
        self._all_sent = True
        at = self._at(item)
        if self.speaks:
            self._out(to_client.AudioDone(**at))
            self._out(to_client.TranscriptDone(transcript=said, **at))
            item.parts = [{"type": "output_audio", "transcript": said}]
            part = {"type": "audio", "transcript": said}
        else:
            self._out(to_client.TextDone(text=said, **at))
            item.parts = [{"type": "output_text", "text": said}]
            part = {"type": "text", "text": said}
        self._out(to_client.PartDone(part=part, **at))
        self._finish(item, "completed" if whole else "incomplete")

    def done(self, outcome: Outcome, cost: Cost, *, code: str = "", message: str = "") -> None:
        """Of what was cut off, `sent` was called before. `code` and `message` say what went wrong."""
        details: dict[str, Any] = {"type": outcome}
        if outcome == "cancelled":
            details["reason"] = self.cancelled_by or "client_cancelled"
        if outcome == "failed":
            refused = code in ("bad_input", "not_found")
            kind = "invalid_request_error" if refused else "server_error"
            details["error"] = {"type": kind, "code": code, "message": message}
        self._out(to_client.ResponseDone(response=self._shown(outcome, details, cost)))

    def _begin(self) -> Item:
        if self._item is None:
            item = self._item = Item(new_id("item"), "message", role="assistant", status="in_progress")
            self._add(item)
            part = {"type": "audio", "transcript": ""} if self.speaks else {"type": "text", "text": ""}
            self._out(to_client.PartAdded(part=part, **self._at(item)))
        return self._item

    def _add(self, item: Item) -> None:
        item.made = True
        before = self._items.add(item)
        self._output.append(item)
        index = len(self._output) - 1
        self._out(to_client.OutputItemAdded(response_id=self.id, output_index=index, item=item.shown()))
        self._out(to_client.ItemAdded(previous_item_id=before, item=item.shown()))

    def _finish(self, item: Item, status: Literal["completed", "incomplete"]) -> None:
        item.status = status
        index = self._output.index(item)
        self._out(to_client.OutputItemDone(response_id=self.id, output_index=index, item=item.shown()))
        self._out(to_client.ItemDone(previous_item_id=self._items.before_id(item.id), item=item.shown()))

    def _at(self, item: Item) -> dict[str, Any]:
        index = self._output.index(item)
        return {"response_id": self.id, "item_id": item.id, "output_index": index, "content_index": 0}

    def _shown(
        self, status: str, details: dict[str, Any] | None = None, cost: Cost | None = None
    ) -> dict[str, Any]:
        voice = {"format": format_shown(self.settings.output_format), "voice": self.settings.persona_id}
        return {
            "id": self.id,
            "object": "realtime.response",
            "status": status,
            "status_details": details,
            "output": [item.shown() for item in self._output],
            "conversation_id": self._conversation_id,
            "output_modalities": [self.settings.modality],
            "audio": {"output": voice},
            "max_output_tokens": "inf",
            "usage": cost.shown() if cost is not None else None,
            "metadata": self._metadata,
        }
