"""OpenAI's Live protocol in the terms of a Realtime session: one core, two faces.

A Live client hears one sound without end and names no responses. So this is a Realtime client that plays, in
real time, what its session sends, and reports what it played. Pure; time is an argument.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Literal

from sensorium.front.realtime import client_events as core
from sensorium.front.realtime import live_events as live
from sensorium.front.realtime import server_events as said
from sensorium.front.realtime.client_events import Refused, decoded
from sensorium.front.realtime.items import new_id
from sensorium.front.realtime.output_stream import OutputStream
from sensorium.front.realtime.session import Session
from sensorium.front.realtime.settings import Settings
from sensorium.front.realtime.sound import BYTES_PER_SAMPLE, RATE_HZ, SILENCE, Format
from sensorium.front.realtime.words import Words

# Sessions that nobody closed end some time.
MAX_S = 24 * 3600
_APPENDED = {
    live.AppendInstructions: live.InstructionsAppended,
    live.AppendThinking: live.ThinkingAppended,
    live.AppendCommentary: live.CommentaryAppended,
}


class LiveSession:
    """`session` is the core; whoever runs it gives what it sends to `shown`, and calls `tick` all the time.
    `send` is called with what goes to the client. `wall_s`: seconds since the epoch. `over`: the client has
    been told of the end.

    Raises Refused for what cannot be started.
    """

    def __init__(
        self, start: live.Start, persona_id: str, wall_s: float, send: Callable[[live.AnyToClient], None]
    ) -> None:
        config = start.session
        _check_delegation(config.delegation, config.triggers)
        self._format: Format = config.audio_format
        self._send_out = send
        self._expires_at = int(wall_s) + MAX_S
        settings = Settings(
            persona_id=persona_id,
            instructions=config.told,
            input_format=self._format,
            output_format=self._format,
            transcribes=True,
        )
        self.session = Session(settings)
        self.over = False
        self._num_sent = 0
        self._now_ms = 0.0
        self._stream = OutputStream(self._format)
        self._muted = False
        self._input_ms = 0.0
        self._input_since_ms = 0.0  # what the session's clock is ahead of the client's sound
        self._speech: tuple[int, int] = (0, 0)
        self._words = Words()
        self._has_heard = self._has_said = False
        self._space = ""  # before the next words of a persona
        self._wants_reply = False
        self._send(live.Started(session=self._shown()), start.event_id)

    # -- from the client -------------------------------------------------------------------------------

    def receive(self, message: str | bytes, now_ms: float) -> None:
        """One message as it came; `now_ms` since the session was started."""
        self._now_ms = now_ms
        event_id = None
        try:
            event = live.read(message)
            event_id = event.event_id
            self._handle(event)
        except Refused as e:
            self._error("invalid_request_error", e.code, e.message, e.param, event_id or e.event_id)

    def _handle(self, event: live.AnyFromClient) -> None:
        match event:
            case live.Append(audio=audio):
                self._append(audio, event.event_id)
            case live.Mute():
                self._muted = True
                self._send(live.Muted(), event.event_id)
            case live.Unmute():
                self._muted = False
                self._send(live.Unmuted(), event.event_id)
            case live.AppendInstructions() | live.AppendThinking() | live.AppendCommentary():
                self._append_context(event)
            case live.Update(session=changes):
                _check_delegation(changes.delegation, changes.triggers)
                self._send(live.Updated(session=self._shown()), event.event_id)
            case live.Close():
                self._close("close_requested", event.event_id)
            case live.Start():
                raise Refused("this session was started already", code="session_already_started")
            case live.PlayFixture():
                raise Refused(
                    "what is said is said in the room: nothing is played to one", code="unsupported"
                )
            case _:
                raise Refused("no persona delegates its work: delegation is client", code="unsupported")

    def _append(self, audio: str, event_id: str | None) -> None:
        # A client may pause; what it sends then is of now.
        self._input_since_ms = max(self._input_since_ms, self._now_ms - self._input_ms)
        data = decoded(audio, "audio")
        self._input_ms += 1000.0 * len(data) / (RATE_HZ[self._format] * BYTES_PER_SAMPLE[self._format])
        if self._muted:
            audio = base64.b64encode(SILENCE[self._format] * len(data)).decode()
        self.session.handle(core.Append(audio=audio, event_id=event_id))

    def _append_context(
        self, event: live.AppendInstructions | live.AppendThinking | live.AppendCommentary
    ) -> None:
        if event.delegation_id is not None:
            raise Refused("there is no such delegation", code="delegation_not_found", param="delegation_id")
        item = core.ItemGiven(
            type="message", role="system", content=[core.Content("input_text", event.content)]
        )
        if isinstance(event, live.AppendCommentary):
            # Something to speak of: like a function's output it is said to the persona, who answers.
            item = core.ItemGiven(type="function_call_output", call_id=new_id("call"), output=event.content)
        self.session.handle(core.CreateItem(item=item, event_id=event.event_id))
        now_ms = int(self._now_ms)
        appended = _APPENDED[type(event)](start_ms=now_ms, end_ms=now_ms)
        self._send(appended, event.event_id)
        if isinstance(event, live.AppendCommentary):
            self._wants_reply = True
            self._reply_if_free()

    # -- from the room ---------------------------------------------------------------------------------

    def tick(self, now_ms: float) -> None:
        """Sends what sounds until now."""
        self._now_ms = now_ms
        if self.over:
            return
        sound, ended = self._stream.due(now_ms)
        if sound:
            self._send_out(live.OutputAudio(delta=base64.b64encode(sound).decode()))
        for words in ended:
            if delta := self._words.rest(words.text):
                self._output_transcript(delta, words.start_ms, words.end_ms)
        if now_ms >= MAX_S * 1000.0:
            self._close("expired", None)

    def shown(self, event: said.ServerEvent) -> None:
        """What the core would tell a Realtime client."""
        match event:
            case said.SpeechStarted(audio_start_ms=at_ms):
                self._speech = (self._input_at(at_ms), self._input_at(at_ms))
            case said.SpeechStopped(audio_end_ms=at_ms):
                self._speech = (self._speech[0], self._input_at(at_ms))
            case said.TranscriptionCompleted(transcript=words) if words:
                space, self._has_heard = " " if self._has_heard else "", True
                start_ms, end_ms = self._speech
                self._send(live.InputTranscript(delta=space + words, start_ms=start_ms, end_ms=end_ms))
            case said.ResponseCreated():
                self._stream.begin()
                self._words = Words()
                self._space = " " if self._has_said else ""
            case said.AudioDelta(delta=delta):
                self._stream.add(base64.b64decode(delta))
            case said.AudioDone():
                self._stream.end()
            case said.ResponseDone(response=response):
                self._response_done(response)
            case said.Error(error=error):
                self._error(error.type, error.code or "", error.message, error.param or "", error.event_id)

    def spoke(self, until_ms: float, text: str) -> None:
        """The reply's words are `text` up to there."""
        self._stream.mark(until_ms, text)

    def hold(self, held: bool) -> None:
        """The room is silent for a moment, until it is clear whether somebody wants the turn."""
        self._stream.hold(held)

    def cleared(self) -> None:
        """The reply is cut off: its client has heard what was given."""
        if (active := self.session.active) is not None and active.item_id:
            heard_ms = self._stream.played_ms
            self.session.handle(
                core.TruncateItem(item_id=active.item_id, content_index=0, audio_end_ms=heard_ms)
            )
        self._stream.drop()

    # -- inside ----------------------------------------------------------------------------------------

    def _response_done(self, response: dict[str, object]) -> None:
        details = response["status_details"]
        if isinstance(details, dict) and isinstance(error := details.get("error"), dict):
            self._error(str(error["type"]), str(error["code"]), str(error["message"]), "", None)
        self._send(live.UsageUpdated(usage=self._usage()))
        self._reply_if_free()

    def _reply_if_free(self) -> None:
        if self._wants_reply and self.session.active is None:
            self._wants_reply = False
            self.session.handle(core.CreateResponse())

    def _output_transcript(self, delta: str, start_ms: int, end_ms: int) -> None:
        space, self._space, self._has_said = self._space, "", True
        self._send(live.OutputTranscript(delta=space + delta, start_ms=start_ms, end_ms=end_ms))

    def _close(self, reason: Literal["close_requested", "expired"], event_id: str | None) -> None:
        self.over = True
        self._send(live.Closed(reason=reason, session=self._shown(), usage=self._usage()), event_id)

    def _usage(self) -> dict[str, float]:
        return {"seconds": round(self._now_ms / 1000.0, 3)}

    def _input_at(self, ms: int) -> int:
        return round(self._input_since_ms + ms)

    def _shown(self) -> dict[str, object]:
        """The session as the SDK's `SessionResource`."""
        settings = self.session.settings
        kind = {"type": self._format.partition(";")[0], "rate": RATE_HZ[self._format]}
        return {
            "id": self.session.id,
            "expires_at": self._expires_at,
            "model": settings.persona_id,
            "status": "active",
            "audio": {"format": kind, "output": {"voice": settings.persona_id}},
            "delegation": {"type": "client"},
            "instructions": settings.instructions,
            "store": False,
        }

    def _error(self, kind: str, code: str, message: str, param: str, event_id: str | None) -> None:
        of_client = event_id or None
        detail = live.ErrorDetail(
            type=kind, code=code or "invalid_value", message=message, param=param or None,
            client_event_id=of_client,
        )  # fmt: skip
        self._send(live.Error(error=detail), of_client)

    def _send(self, event: live.ToClient, client_event_id: str | None = None) -> None:
        self._num_sent += 1
        event.event_id = f"event_{self.session.id[5:]}_{self._num_sent}"
        event.client_event_id = client_event_id or None
        self._send_out(event)


def _check_delegation(delegation: live.Delegation | None, triggers: list[object] | None) -> None:
    if delegation is not None and delegation.type != "client":
        raise Refused(
            "no persona delegates its work: delegation is client",
            code="unsupported",
            param="session.delegation.type",
        )
    if triggers:
        raise Refused("there are no decisions here", code="unsupported", param="session.triggers")
