"""A Realtime session as a state machine: what its client sends and what happens in the room go in, events for
the client and wishes to the room come out, in order.

Pure: no socket, no clock, no house. A wrong event is answered with an `error` event and changes nothing.
"""

from __future__ import annotations

from typing import Any

from sensorium.front.realtime import client_events as from_client
from sensorium.front.realtime import server_events as to_client
from sensorium.front.realtime.client_events import Refused, decoded
from sensorium.front.realtime.items import Item, Items, given, new_id
from sensorium.front.realtime.response import Cost, Outcome, Response
from sensorium.front.realtime.settings import Settings
from sensorium.front.realtime.sound import BYTES_PER_SAMPLE, RATE_HZ, to_pcm
from sensorium.front.realtime.wishes import (
    Action,
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

# Less sound than this is no message.
MIN_COMMIT_MS = 100.0
_MAX_METADATA = 16


class Session:
    """Everything that comes out is in `take`: events as they are to be sent, and actions."""

    def __init__(self, settings: Settings) -> None:
        self.id = new_id("sess")
        self.settings = settings
        self.items = Items()
        self.active: Response | None = None
        self._conversation_id = new_id("conv")
        self._out: list[to_client.ServerEvent | Action] = []
        self._num_sent = 0
        self._ear_is_open = False
        self._input_ms = 0.0  # all sound so far
        self._ear_opened_ms = 0.0
        self._uncommitted_ms = 0.0
        self._speech_item_id = ""  # of who is speaking now
        self._num_looking = 0
        self._wanted = False  # another response, once this one is over
        self._answering: tuple[Item, ...] | None = None
        self._send(to_client.SessionCreated(session=settings.shown(self.id)))

    def take(self) -> list[to_client.ServerEvent | Action]:
        """What came about since the last call."""
        out, self._out = self._out, []
        return out

    # -- from the client -------------------------------------------------------------------------------

    def receive(self, message: str | bytes) -> None:
        """One message as it came."""
        event_id = ""
        try:
            event = from_client.read(message)
            event_id = (event.event_id or "")[:512]
            self._handle(event, event_id)
        except Refused as e:
            self._error("invalid_request_error", e.code, e.message, e.param, event_id or e.event_id)

    def _handle(self, event: from_client.AnyClientEvent, event_id: str) -> None:
        match event:
            case from_client.Append(audio=audio):
                self._append(audio)
            case from_client.SessionUpdate(session=changes):
                self._update(changes)
            case from_client.Commit():
                self._commit()
            case from_client.ClearInput():
                self._drop_ear()
                self._send(to_client.InputCleared())
            case from_client.CreateItem():
                self._create_item(event, event_id)
            case from_client.RetrieveItem(item_id=item_id):
                item = self.items.get(item_id, code="item_retrieve_invalid_item_id")
                self._send(to_client.ItemRetrieved(item=item.shown()))
            case from_client.DeleteItem(item_id=item_id):
                self.items.remove(item_id)
                self._send(to_client.ItemDeleted(item_id=item_id))
            case from_client.TruncateItem():
                self._truncate(event)
            case from_client.CreateResponse(response=asked):
                self._create_response(asked or {})
            case from_client.CancelResponse(response_id=response_id):
                self._cancel(response_id)
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
            self._drop_ear()
        self._send(to_client.SessionUpdated(session=self.settings.shown(self.id)))

    def _append(self, audio: str) -> None:
        data = decoded(audio, "audio")
        audio_format = self.settings.input_format
        if len(data) % BYTES_PER_SAMPLE[audio_format]:
            raise Refused("the sound does not end with a whole sample", param="audio")
        if not data:
            return
        if not self._ear_is_open:
            self._ear_is_open, self._ear_opened_ms = True, self._input_ms
            self._do(OpenEar(RATE_HZ[audio_format], self.settings.turn_detection))
        pcm = to_pcm(data, audio_format)
        duration_ms = len(pcm) * 500.0 / RATE_HZ[audio_format]
        self._input_ms += duration_ms
        self._uncommitted_ms += duration_ms
        self._do(Feed(pcm))

    def _commit(self) -> None:
        if self._uncommitted_ms < MIN_COMMIT_MS:
            raise Refused(
                f"the buffer is too small: expected at least {MIN_COMMIT_MS:.0f} ms of audio, it has "
                f"{self._uncommitted_ms:.2f} ms",
                code="input_audio_buffer_commit_empty",
            )
        item = self._spoken_item(None)
        self._ear_is_open = False
        self._do(CloseEar(item.id))

    def _drop_ear(self) -> None:
        if self._ear_is_open:
            self._do(DropEar())
        self._ear_is_open, self._uncommitted_ms, self._speech_item_id = False, 0.0, ""

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
        self._send(to_client.ItemAdded(previous_item_id=before, item=item.shown()))
        self._send(to_client.ItemDone(previous_item_id=before, item=item.shown()))
        for picture in pictures:
            self._num_looking += 1
            self._do(Look(picture, event_id))
        if sounds:
            item.written, item.words = item.words or "", None
            audio_format = self.settings.input_format
            pcm = to_pcm(b"".join(sounds), audio_format)
            item.duration_s = len(pcm) / 2 / RATE_HZ[audio_format]
            self._do(Hear(item.id, pcm, RATE_HZ[audio_format]))

    def _truncate(self, event: from_client.TruncateItem) -> None:
        item = self.items.get(event.item_id, code="item_truncate_invalid_item_id")
        if item.role != "assistant" or event.audio_end_ms < 0 or event.content_index != 0:
            raise Refused(
                "only the sound of an assistant's message is truncated, at 0 ms or later", param="item_id"
            )
        if self.active is not None and self.active.item_id == item.id:
            self._do(HeardUntil(self.active.id, event.audio_end_ms))
        end_ms = event.audio_end_ms
        self._send(to_client.ItemTruncated(item_id=item.id, content_index=0, audio_end_ms=end_ms))

    def _create_response(self, asked: dict[str, Any]) -> None:
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
        settings = self.settings.updated(asked, "response")
        if settings.tool_choice not in ("auto", "none") and not settings.wanted_tools():
            raise Refused("there is no such function to call", param="response.tool_choice")
        self._begin_response(settings, metadata)

    def _cancel(self, response_id: str | None) -> None:
        if self.active is None or response_id not in (None, "", self.active.id):
            raise Refused("Cancellation failed: no active response found", code="response_cancel_not_active")
        self._stop("client_cancelled")

    # -- from the room ---------------------------------------------------------------------------------

    def speech_began(self, at_ms: float) -> None:
        """Somebody speaks, and it is no listener's "mm hm"; since so many ms of the ear's stream. A reply
        under way is being interrupted, if the session lets it."""
        if self._speech_item_id or self.settings.turn_detection is None:
            return
        self._speech_item_id = new_id("item")
        start_ms = round(self._ear_opened_ms + at_ms)
        self._send(to_client.SpeechStarted(audio_start_ms=start_ms, item_id=self._speech_item_id))

    def speech_over(self, words: str, start_ms: float, end_ms: float) -> str:
        """What was said until `end_ms` of the ear's stream; the id of its item."""
        self.speech_began(start_ms)
        detection = self.settings.turn_detection
        end = round(self._ear_opened_ms + end_ms)
        self._send(to_client.SpeechStopped(audio_end_ms=end, item_id=self._speech_item_id))
        item = self._spoken_item(words)
        if detection is not None and detection.create_response:
            if self.active is None:
                self._begin_response(self.settings, None)
            else:
                self._wanted = True
                if detection.interrupt_response:
                    self._stop("turn_detected")
        return item.id

    def interrupted(self) -> None:
        """The room stops the reply under way, because somebody speaks."""
        if self.active is not None and not self.active.cancelled_by:
            self.active.cancelled_by = "turn_detected"

    def understood(self, item_id: str, words: str) -> None:
        """What an item's sound says; "" when no words were made out."""
        item = next((i for i in self.items if i.id == item_id), None)
        if item is not None:
            item.words = f"{item.written} {words}".strip()
            self._transcribed(item, words)
        self._answer_if_ready()

    def looked(self) -> None:
        self._num_looking -= 1
        self._answer_if_ready()

    def deaf(self, code: str, message: str, item_id: str) -> None:
        """The ear broke; of the committed item `item_id`, if any, no words are known. The next sound opens
        another."""
        self._error("server_error", code, message, "", "")
        if item_id:
            self.understood(item_id, "")
        else:
            self._ear_is_open, self._uncommitted_ms, self._speech_item_id = False, 0.0, ""

    def troubled(self, code: str, message: str, event_id: str = "", *, ours: bool = False) -> None:
        """Something could not be done. `ours`: through no fault of the client's."""
        self._error("server_error" if ours else "invalid_request_error", code, message, "", event_id)

    def wrote(self, response_id: str, so_far: str) -> None:
        """The reply's words so far."""
        if (response := self._the(response_id)) is not None:
            response.text(so_far)

    def sounded(self, response_id: str, data: bytes) -> None:
        """The next piece of the reply's sound, in the session's output format."""
        if (response := self._the(response_id)) is not None:
            response.sound(data)

    def called(self, response_id: str, name: str, arguments: str) -> None:
        """The persona calls a function; `arguments` as JSON."""
        if (response := self._the(response_id)) is not None:
            response.call(name, arguments)

    def all_sent(self, response_id: str, said: str) -> None:
        """The reply's sound is all there; it may still be playing."""
        if (response := self._the(response_id)) is not None:
            response.sent(said)

    def ended(
        self, response_id: str, outcome: Outcome, said: str, cost: Cost, *, code: str = "", message: str = "",
        began: bool = True,
    ) -> None:  # fmt: skip
        """What became of an `Answer`. `said` was heard of it. `began`: what was said to it is in the room's
        history now."""
        response = self._the(response_id)
        if response is None:
            return
        response.sent(said, whole=outcome == "completed")
        for item in self._answering or () if began else ():
            item.answered = True
        self._over(response, outcome, cost, code, message)

    # -- inside ----------------------------------------------------------------------------------------

    def _the(self, response_id: str) -> Response | None:
        return self.active if self.active is not None and self.active.id == response_id else None

    def _begin_response(self, settings: Settings, metadata: dict[str, str] | None) -> None:
        response = Response(settings, metadata, self._conversation_id, self.items, self._send)
        self.active, self._answering = response, None
        response.create()
        self._answer_if_ready()

    def _answer_if_ready(self) -> None:
        response = self.active
        if response is None or self._answering is not None or self._num_looking:
            return
        newest = self.items.unanswered()
        if any(item.words is None for item in newest):
            return
        self._answering = tuple(newest)
        said = " ".join(filter(None, (item.output or item.words for item in newest)))
        settings = response.settings
        ids = tuple(item.id for item in newest)
        prose = "\n".join([settings.instructions, *self._system_words()]).strip()
        self._do(Answer(response.id, ids, said, prose, response.speaks, settings.wanted_tools()))

    def _system_words(self) -> list[str]:
        return [item.words for item in self.items if item.role == "system" and item.words]

    def _stop(self, why: Any) -> None:
        response = self.active
        if response is None or response.cancelled_by:
            return
        response.cancelled_by = why
        if self._answering is None:
            self._over(response, "cancelled", Cost())
        else:
            self._do(Stop(response.id))

    def _over(
        self, response: Response, outcome: Outcome, cost: Cost, code: str = "", message: str = ""
    ) -> None:
        self.active = self._answering = None
        response.done(outcome, cost, code=code, message=message)
        if self._wanted:
            self._wanted = False
            self._begin_response(self.settings, None)

    def _spoken_item(self, words: str | None) -> Item:
        """A committed piece of sound as the user's message; `words` None: they are still to come."""
        part = {"type": "input_audio", "transcript": words}
        item_id, self._speech_item_id = self._speech_item_id or new_id("item"), ""
        item = Item(item_id, "message", role="user", parts=[part], words=words)
        item.duration_s, self._uncommitted_ms = self._uncommitted_ms / 1000.0, 0.0
        before = self.items.add(item)
        self._send(to_client.InputCommitted(previous_item_id=before, item_id=item.id))
        self._send(to_client.ItemAdded(previous_item_id=before, item=item.shown()))
        self._send(to_client.ItemDone(previous_item_id=before, item=item.shown()))
        if words is not None:
            self._transcribed(item, words)
        return item

    def _transcribed(self, item: Item, words: str) -> None:
        index = next(i for i, part in enumerate(item.parts) if part["type"] == "input_audio")
        item.parts[index]["transcript"] = words
        if not self.settings.transcribes:
            return
        at: dict[str, Any] = {"item_id": item.id, "content_index": index}
        if words:
            self._send(to_client.TranscriptionDelta(delta=words, **at))
        usage = {"type": "duration", "seconds": round(item.duration_s, 3)}
        self._send(to_client.TranscriptionCompleted(transcript=words, usage=usage, **at))

    def _error(self, kind: Any, code: str, message: str, param: str, event_id: str) -> None:
        detail = to_client.ErrorDetail(
            type=kind, code=code, message=message, param=param or None, event_id=event_id or None
        )
        self._send(to_client.Error(error=detail))

    def _send(self, event: to_client.ServerEvent) -> None:
        self._num_sent += 1
        event.event_id = f"event_{self.id[5:]}_{self._num_sent}"
        self._out.append(event)

    def _do(self, action: Action) -> None:
        self._out.append(action)


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
