"""What a Realtime client sends: the eleven events of the GA protocol, and the older names of their fields.

Everything is checked here before anybody acts on it. Knows nothing of what an event does.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Any, Generic, TypeVar, get_args

import msgspec

# Base64 of so much is decoded in about 5 ms; the event loop allows no more.
MAX_EVENT_BYTES = 4_000_000
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_DATA_URI = re.compile(r"data:image/(?:jpeg|jpg|png);base64,")


class Refused(Exception):
    """A client event that nobody can act on. Becomes an `error` event; the connection stays.

    `param` names the field, `event_id` is the client's own, "" when it gave none.
    """

    def __init__(self, message: str, *, code: str = "invalid_value", param: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param
        self.event_id = ""


class Content(msgspec.Struct):
    """One piece of an item. `type` is input_text, input_audio, input_image, output_text or output_audio;
    beta's text and audio are taken for an assistant's."""

    type: str
    text: str | None = None
    audio: str | None = None
    transcript: str | None = None
    image_url: str | None = None


class ItemGiven(msgspec.Struct):
    """An item as a client writes it; which fields it needs depends on `type` and `role`."""

    type: str
    id: str | None = None
    role: str = ""
    content: Annotated[list[Content], msgspec.Meta(max_length=64)] = []
    call_id: str = ""
    name: str = ""
    arguments: str = ""
    output: str = ""


class ClientEvent(msgspec.Struct, tag_field="type"):
    """Base only in the sense of msgspec's tagged unions."""


class SessionUpdate(ClientEvent, tag="session.update"):
    session: dict[str, Any]
    event_id: str | None = None


class Append(ClientEvent, tag="input_audio_buffer.append"):
    audio: str
    event_id: str | None = None


class Commit(ClientEvent, tag="input_audio_buffer.commit"):
    event_id: str | None = None


class ClearInput(ClientEvent, tag="input_audio_buffer.clear"):
    event_id: str | None = None


class CreateItem(ClientEvent, tag="conversation.item.create"):
    item: ItemGiven
    previous_item_id: str | None = None
    event_id: str | None = None


class DeleteItem(ClientEvent, tag="conversation.item.delete"):
    item_id: str
    event_id: str | None = None


class RetrieveItem(ClientEvent, tag="conversation.item.retrieve"):
    item_id: str
    event_id: str | None = None


class TruncateItem(ClientEvent, tag="conversation.item.truncate"):
    item_id: str
    content_index: int
    audio_end_ms: int
    event_id: str | None = None


class CreateResponse(ClientEvent, tag="response.create"):
    response: dict[str, Any] | None = None
    event_id: str | None = None


class CancelResponse(ClientEvent, tag="response.cancel"):
    response_id: str | None = None
    event_id: str | None = None


class ClearOutput(ClientEvent, tag="output_audio_buffer.clear"):
    event_id: str | None = None


AnyClientEvent = (
    SessionUpdate | Append | Commit | ClearInput | CreateItem | DeleteItem | RetrieveItem | TruncateItem
    | CreateResponse | CancelResponse | ClearOutput
)  # fmt: skip
_E = TypeVar("_E")


class _Envelope(msgspec.Struct):
    type: str | None = None
    event_id: str | None = None


class Reader(Generic[_E]):
    """Reads messages as one of `events`, a union of structs tagged with their type."""

    def __init__(self, events: Any) -> None:
        self._decoder: msgspec.json.Decoder[_E] = msgspec.json.Decoder(events)
        self._types = {event.__struct_config__.tag for event in get_args(events)}

    def read(self, message: str | bytes) -> _E:
        """Raises Refused, with the event's own id where it can be made out."""
        if len(message) > MAX_EVENT_BYTES:
            raise Refused(f"an event has at most {MAX_EVENT_BYTES:,} bytes", code="event_too_large")
        try:
            return self._decoder.decode(message)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as e:
            raise self._why_not(message, e) from e

    def _why_not(self, message: str | bytes, error: Exception) -> Refused:
        try:
            envelope = msgspec.json.decode(message, type=_Envelope)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return Refused("the message is no JSON object with a type", code="invalid_json")
        if envelope.type is None:
            refused = Refused("an event needs a type", code="missing_required_parameter", param="type")
        elif envelope.type not in self._types:
            known = ", ".join(sorted(map(str, self._types)))
            refused = Refused(
                f"no event is called {envelope.type[:80]!r}; there is: {known}",
                code="invalid_value",
                param="type",
            )
        else:
            text, _, path = str(error).partition(" - at ")
            missing = "missing required field" in text
            refused = Refused(
                text,
                code="missing_required_parameter" if missing else "invalid_type",
                param=path.strip("`").removeprefix("$").removeprefix("."),
            )
        refused.event_id = (envelope.event_id or "")[:512]
        return refused


read = Reader[AnyClientEvent](AnyClientEvent).read


def id_checked(item_id: str, param: str) -> str:
    """Raises Refused for what is no id: letters, digits and _ . : -, at most 128."""
    if not _ID.fullmatch(item_id):
        raise Refused(f"{item_id[:40]!r} is no id", param=param)
    return item_id


def decoded(text: str, param: str) -> bytes:
    """Of base64. Raises Refused."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as e:
        raise Refused("this is not valid base64", param=param) from e


def picture(uri: str, param: str) -> bytes:
    """The JPEG or PNG file in a data URI; nothing is ever fetched. Raises Refused."""
    found = _DATA_URI.match(uri)
    if found is None:
        raise Refused("a picture comes as a data URI: data:image/jpeg;base64,... or image/png", param=param)
    return decoded(uri[found.end() :], param)
