"""A Realtime session as a state machine: what its client sends and what happens in the room go in, events for
the client and wishes to the room come out, in order.

Pure: no socket, no clock, no house. A wrong event is answered with an `error` event and changes nothing.
"""

from __future__ import annotations

from typing import Any

from sensorium.front.realtime import client_events as from_client
from sensorium.front.realtime import server_events as to_client
from sensorium.front.realtime.client_events import Refused, decoded
from sensorium.front.realtime.input_sound import InputSound
from sensorium.front.realtime.items import Items, given, new_id
from sensorium.front.realtime.outgoing import Outgoing
from sensorium.front.realtime.response import Cost, Outcome, Response
from sensorium.front.realtime.responses import Responses
from sensorium.front.realtime.settings import Settings
from sensorium.front.realtime.sound import RATE_HZ, to_pcm
from sensorium.front.realtime.wishes import Action, Hear, HeardUntil, Look


class Session:
    """Everything that comes out is in `take`: events as they are to be sent, and actions."""

    def __init__(self, settings: Settings) -> None:
        self.id = new_id("sess")
        self.settings = settings
        self.items = Items()
        self._out = Outgoing(self.id)
        self._sound = InputSound(self.items, lambda: self.settings, self._out)
        self._responses = Responses(self.items, lambda: self.settings, self._out)
        self._out.send(to_client.SessionCreated(session=settings.shown(self.id)))

    @property
    def active(self) -> Response | None:
        """The response under way."""
        return self._responses.active

    def take(self) -> list[to_client.ServerEvent | Action]:
        """What came about since the last call."""
        return self._out.take()

    # -- from the client -------------------------------------------------------------------------------

    def receive(self, message: str | bytes) -> None:
        """One message as it came."""
        try:
            event = from_client.read(message)
        except Refused as e:
            self._refuse(e, e.event_id)
        else:
            self.handle(event)

    def handle(self, event: from_client.AnyClientEvent) -> None:
        event_id = (event.event_id or "")[:512]
        try:
            self._handle(event, event_id)
        except Refused as e:
            self._refuse(e, event_id)

    def _handle(self, event: from_client.AnyClientEvent, event_id: str) -> None:
        match event:
            case from_client.Append(audio=audio):
                self._sound.append(audio)
            case from_client.SessionUpdate(session=changes):
                self._update(changes)
            case from_client.Commit():
                self._sound.commit()
            case from_client.ClearInput():
                self._sound.drop()
                self._out.send(to_client.InputCleared())
            case from_client.CreateItem():
                self._create_item(event, event_id)
            case from_client.RetrieveItem(item_id=item_id):
                item = self.items.get(item_id, code="item_retrieve_invalid_item_id")
                self._out.send(to_client.ItemRetrieved(item=item.shown()))
            case from_client.DeleteItem(item_id=item_id):
                self.items.remove(item_id)
                self._out.send(to_client.ItemDeleted(item_id=item_id))
            case from_client.TruncateItem():
                self._truncate(event)
            case from_client.CreateResponse(response=asked):
                self._responses.create(asked or {})
            case from_client.CancelResponse(response_id=response_id):
                self._responses.cancel(response_id)
            case from_client.ClearOutput():
                raise Refused(
                    "output_audio_buffer.clear is for WebRTC: use response.cancel", code="unsupported"
                )

    def _update(self, changes: dict[str, Any]) -> None:
        old, self.settings = self.settings, self.settings.updated(changes, "session")
        if (old.input_format, old.turn_detection) != (
            self.settings.input_format,
            self.settings.turn_detection,
        ):
            self._sound.drop()
        self._out.send(to_client.SessionUpdated(session=self.settings.shown(self.id)))

    def _create_item(self, event: from_client.CreateItem, event_id: str) -> None:
        item = given(event.item)
        user = event.item.role == "user"
        parts = [(f"item.content[{i}]", part) for i, part in enumerate(event.item.content if user else ())]
        sounds = [decoded(p.audio or "", f"{at}.audio") for at, p in parts if p.type == "input_audio"]
        pictures = [
            from_client.picture(p.image_url or "", f"{at}.image_url")
            for at, p in parts
            if p.type == "input_image"
        ]
        before = self.items.add(item, event.previous_item_id)
        self._out.send(to_client.ItemAdded(previous_item_id=before, item=item.shown()))
        self._out.send(to_client.ItemDone(previous_item_id=before, item=item.shown()))
        for picture in pictures:
            self._responses.looking(1)
            self._out.do(Look(picture, event_id))
        if sounds:
            item.written, item.words = item.words or "", None
            audio_format = self.settings.input_format
            pcm = to_pcm(b"".join(sounds), audio_format)
            item.duration_s = len(pcm) / 2 / RATE_HZ[audio_format]
            self._out.do(Hear(item.id, pcm, RATE_HZ[audio_format]))

    def _truncate(self, event: from_client.TruncateItem) -> None:
        item = self.items.get(event.item_id, code="item_truncate_invalid_item_id")
        if item.role != "assistant" or event.audio_end_ms < 0 or event.content_index != 0:
            raise Refused(
                "only the sound of an assistant's message is truncated, at 0 ms or later", param="item_id"
            )
        if self.active is not None and self.active.item_id == item.id:
            self._out.do(HeardUntil(self.active.id, event.audio_end_ms))
        end_ms = event.audio_end_ms
        self._out.send(to_client.ItemTruncated(item_id=item.id, content_index=0, audio_end_ms=end_ms))

    def _refuse(self, why: Refused, event_id: str) -> None:
        self._out.error("invalid_request_error", why.code, why.message, why.param, event_id)

    # -- from the room ---------------------------------------------------------------------------------

    def speech_began(self, at_ms: float) -> None:
        """Somebody speaks, and it is no listener's "mm hm"; since so many ms of the ear's stream. A reply
        under way is being interrupted, if the session lets it."""
        if self.settings.turn_detection is not None:
            self._sound.speech_began(at_ms)

    def speech_over(self, words: str, start_ms: float, end_ms: float) -> str:
        """What was said until `end_ms` of the ear's stream; the id of its item."""
        self.speech_began(start_ms)
        item = self._sound.speech_over(words, end_ms)
        detection = self.settings.turn_detection
        if detection is not None and detection.create_response:
            self._responses.wanted(interrupt=detection.interrupt_response)
        return item.id

    def interrupted(self) -> None:
        """The room stops the reply under way, because somebody speaks."""
        self._responses.interrupted()

    def understood(self, item_id: str, words: str) -> None:
        """What an item's sound says; "" when no words were made out."""
        item = next((i for i in self.items if i.id == item_id), None)
        if item is not None:
            self._sound.understood(item, words)
        self._responses.go_on()

    def looked(self) -> None:
        self._responses.looking(-1)
        self._responses.go_on()

    def deaf(self, code: str, message: str, item_id: str) -> None:
        """The ear broke; of the committed item `item_id`, if any, no words are known. The next sound opens
        another."""
        self._out.error("server_error", code, message)
        if item_id:
            self.understood(item_id, "")
        else:
            self._sound.broke()

    def troubled(self, code: str, message: str, event_id: str = "", *, ours: bool = False) -> None:
        """Something could not be done. `ours`: through no fault of the client's."""
        self._out.error("server_error" if ours else "invalid_request_error", code, message, "", event_id)

    def unasked(self) -> Response | None:
        """The persona answers another one that called it: a response that nobody asked for, which ends with
        `ended` like any other. None while one is under way: the client has one at a time."""
        return self._responses.unasked()

    def wrote(self, response_id: str, so_far: str) -> None:
        """The reply's words so far."""
        if (response := self._responses.the(response_id)) is not None:
            response.text(so_far)

    def sounded(self, response_id: str, data: bytes) -> None:
        """The next piece of the reply's sound, in the session's output format."""
        if (response := self._responses.the(response_id)) is not None:
            response.sound(data)

    def called(self, response_id: str, name: str, arguments: str) -> None:
        """The persona calls a function; `arguments` as JSON."""
        if (response := self._responses.the(response_id)) is not None:
            response.call(name, arguments)

    def all_sent(self, response_id: str, said: str) -> None:
        """The reply's sound is all there; it may still be playing."""
        if (response := self._responses.the(response_id)) is not None:
            response.sent(said)

    def ended(
        self, response_id: str, outcome: Outcome, said: str, cost: Cost, *, code: str = "", message: str = "",
        began: bool = True,
    ) -> None:  # fmt: skip
        """What became of an `Answer`. `said` was heard of it. `began`: what was said to it is in the room's
        history now."""
        self._responses.ended(response_id, outcome, said, cost, code=code, message=message, began=began)
